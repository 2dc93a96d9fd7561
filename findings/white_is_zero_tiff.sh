#!/usr/bin/env bash
# Pillow, tifffile, SimpleITK and imageio: a TIFF in which zero is white is a negative, or is not, by
# who reads it and by its bits.
#
# Pillow 13.0.0, tifffile 2026.3.3, SimpleITK 2.5.7, imageio 2.38.1, seen 2026-11-29.
# Frame grabbers and scanners of film write gray TIFF with PhotometricInterpretation 0, WhiteIsZero.
#              8 bits      16 bits
# Pillow       as meant    negative
# tifffile     negative    negative
# SimpleITK    negative    negative
# imageio      negative    negative
# None warns. Pictures of one archive, read by two programs or saved with more bits, have black tissue
# on white, and masks, hashes and normalization are of another picture. Ask tag 262 before any of them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.3.3 simpleitk==2.5.7 \
    imageio==2.38.1 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import warnings

import imageio.v3 as iio
import numpy as np
import SimpleITK as sitk
import tifffile
from PIL import Image

warnings.simplefilter("error")
readers = {
    "Pillow": lambda name: np.asarray(Image.open(name)),
    "tifffile": tifffile.imread,
    "SimpleITK": lambda name: sitk.GetArrayFromImage(sitk.ReadImage(name)),
    "imageio": iio.imread,
}
seen = {name: ("negative", "negative") for name in readers} | {"Pillow": ("as meant", "negative")}
told = {name: [] for name in readers}
for kind, white in (("u1", 255), ("u2", 65535)):
    meant = (np.arange(64 * 48).reshape(48, 64) % 200 * (white // 255)).astype(kind)
    tifffile.imwrite(f"{kind}.tif", white - meant, photometric="miniswhite")
    for name, read in readers.items():
        found = read(f"{kind}.tif")
        right, turned = np.array_equal(found, meant), np.array_equal(found, white - meant)
        told[name].append("as meant" if right else "negative" if turned else "something else")
for name, found in told.items():
    print(f"{name:10} 8 bits {found[0]}, 16 bits {found[1]}")
    if tuple(found) != seen[name]:
        raise SystemExit(f"changed: {name} gives {found}, seen was {seen[name]}")
PROGRAM
echo "as described"
