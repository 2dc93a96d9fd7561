#!/usr/bin/env bash
# SimpleITK, Pillow and imageio: an OME-TIFF of a clip and its mask is one clip, twice as long.
#
# SimpleITK 2.5.7, Pillow 13.0.0, imageio 2.38.1 with tifffile 2026.3.3, seen 2026-11-29.
# An OME-TIFF may hold several images, each with pixels of its own; where its pages lie stands in the
# XML of the first page's description. Of 8 frames and 8 masks of the same size, which tifffile wrote
# and reads as two series,
#   SimpleITK      a volume of 16 slices
#   Pillow         16 pages
#   imageio        16 pages by its Pillow plugin, 8 frames by its tifffile plugin
# without a word: half of what a training set has from such files is masks. Ask the XML for the number
# of its images before the pages are taken for frames.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet simpleitk==2.5.7 pillow==13.0.0 imageio==2.38.1 \
    tifffile==2026.3.3 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import warnings

import imageio.v3 as iio
import numpy as np
import SimpleITK as sitk
import tifffile
from PIL import Image

warnings.simplefilter("error")
clip = np.random.default_rng(0).integers(0, 256, (8, 48, 64), dtype=np.uint8)
mask = (clip > 200).astype(np.uint8)
with tifffile.TiffWriter("scan.ome.tif", ome=True) as file:
    for name, values in (("clip", clip), ("mask", mask)):
        file.write(values, photometric="minisblack", metadata={"axes": "TYX", "Name": name})
with tifffile.TiffFile("scan.ome.tif") as file:
    series = [one.shape for one in file.series]
volume = sitk.GetArrayFromImage(sitk.ReadImage("scan.ome.tif"))
with Image.open("scan.ome.tif") as image:
    pages = image.n_frames
told = {
    "tifffile": series,
    "SimpleITK": (volume.shape, bool(np.array_equal(volume, np.concatenate([clip, mask])))),
    "Pillow": pages,
    "imageio, Pillow": iio.imread("scan.ome.tif", plugin="pillow", index=...).shape[0],
    "imageio, tifffile": iio.imread("scan.ome.tif", plugin="tifffile").shape,
}
seen = {
    "tifffile": [(8, 48, 64), (8, 48, 64)],
    "SimpleITK": ((16, 48, 64), True),
    "Pillow": 16,
    "imageio, Pillow": 16,
    "imageio, tifffile": (8, 48, 64),
}
for name, one in told.items():
    print(f"{name:18} {one}")
    if one != seen[name]:
        raise SystemExit(f"changed: {name} gives {one}, seen was {seen[name]}")
PROGRAM
echo "as described"
