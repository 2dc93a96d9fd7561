#!/usr/bin/env bash
# imagehash: the hash of a scan stored in 16 bits is that of another picture.
#
# ImageHash 4.3.2 with Pillow 12.0.0, seen 2026-11-29.
# phash() first makes an 8-bit gray picture with Pillow's convert("L"). Of a picture of 16 bits Pillow
# does not divide by 256, it cuts off at 255. The same fan of speckle in 8 bits, and its values shifted
# to 10, 12 and 16 bits, as DICOM and PNG hold them, are 28, 26 and 26 of 64 bits apart; a copy counts
# as found at 8. So duplicates between a PNG export and its 16-bit original are missed, and any two
# bright 16-bit scans look alike. Scale to 8 bits before hashing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet imagehash==4.3.2 pillow==12.0.0 numpy==2.4.0
cd "$work"
venv/bin/python - <<'PROGRAM'
import imagehash
import numpy as np
from PIL import Image

rows, columns = np.mgrid[:480, :640]
depth = np.clip(np.hypot(columns - 320, rows) / 500, 0, 1) * 200
noise = np.random.default_rng(0).normal(0, 8, (480, 640))
scan = (depth + noise).clip(0, 255).astype(np.uint8)
scan[:, :80] = 0
eight = imagehash.phash(Image.fromarray(scan))
back = imagehash.phash(Image.fromarray((scan.astype(np.uint16) << 8 >> 8).astype(np.uint8)))
if eight - back:
    raise SystemExit("changed: the hash of the same 8 bits differs")
for bits in (10, 12, 16):
    picture = Image.fromarray(scan.astype(np.uint16) << (bits - 8))
    apart = eight - imagehash.phash(picture)
    print(f"{bits} bits (mode {picture.mode}): {apart} of 64 bits from the same scan in 8 bits")
    if apart < 20:
        raise SystemExit("changed: more than 20 were seen")
PROGRAM
echo "as described"
