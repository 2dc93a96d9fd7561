#!/usr/bin/env bash
# Pillow: a TIFF whose page is a volume opens as its first slice, and as one page.
#
# Pillow 13.0.0 with tifffile 2026.3.3, seen 2026-11-29.
# A page of a TIFF may hold a volume: the tag ImageDepth (32997, of SGI's extension) says how many
# slices lie one after the other, in tiles. tifffile writes it (`volumetric=True`) and reads it.
# Pillow knows the tag, opens the file without a warning and shows the first slice: n_frames is 1. Of
# a clip or a volume saved so all but one picture is lost, and nobody is told. Ask for the tag first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import warnings

import numpy as np
import tifffile
from PIL import Image

warnings.simplefilter("error")
volume = np.random.default_rng(0).integers(0, 256, (8, 48, 64), dtype=np.uint8)
options = {"volumetric": True, "tile": (16, 16, 16), "photometric": "minisblack"}
tifffile.imwrite("volume.tif", volume, **options)
if not np.array_equal(tifffile.imread("volume.tif"), volume):
    raise SystemExit("changed: tifffile does not read back what it wrote")
with Image.open("volume.tif") as image:
    pages, depth = image.n_frames, image.tag_v2.get(32997)
    first = np.array_equal(np.asarray(image), volume[0])
print(f"tifffile: {volume.shape}; Pillow: {pages} page of {image.size}, the first slice: {first}, "
      f"ImageDepth {depth}")
if (pages, depth, first) != (1, 8, True):
    raise SystemExit("changed: it was one page, the first slice of 8")
PROGRAM
echo "as described"
