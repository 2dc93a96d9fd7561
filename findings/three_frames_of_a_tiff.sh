#!/usr/bin/env bash
# imageio: a gray clip of three or four frames, saved as TIFF, is one picture in color.
#
# imageio 2.38.1, tifffile 2026.3.3, Pillow 13.0.0, SimpleITK 2.5.7, seen 2026-11-30.
# `imwrite("clip.tif", frames)` of (3, H, W) bytes writes one page whose red, green and blue are three
# times, and of (4, H, W) one that is as opaque as its fourth frame is bright; of 2 or of 5 frames each
# is a page. Pillow then shows one picture, in RGB or RGBA, and SimpleITK one of four components.
# imageio itself gives (3, H, W) again, so that a round trip shows nothing. tifffile, which writes for
# it, warns that it guesses; imageio takes the warning away. Say `is_batch=True`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet imageio==2.38.1 tifffile==2026.3.3 pillow==13.0.0 \
    simpleitk==2.5.7 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import warnings

import imageio.v3 as iio
import numpy as np
import SimpleITK as sitk
from PIL import Image

warnings.simplefilter("error")
seen = {2: (2, "L", 1), 3: (1, "RGB", 4), 4: (1, "RGBA", 4), 5: (5, "L", 1)}
for number, expected in seen.items():
    y, x = np.mgrid[:60, :80]
    clip = np.stack([(3 * x + 2 * y + 20 * at) % 256 for at in range(number)]).astype(np.uint8)
    iio.imwrite("clip.tif", clip)
    iio.imwrite("said.tif", clip, is_batch=True)
    with Image.open("clip.tif") as image:
        pages = (image.n_frames, image.mode)
    found = (*pages, sitk.ReadImage("clip.tif").GetNumberOfComponentsPerPixel())
    with Image.open("said.tif") as image:
        said = (image.n_frames, image.mode)
    print(f"{number} frames: pages, mode, components {found}; if it is said {said}")
    same = np.array_equal(iio.imread("clip.tif"), clip)
    if (found, said, same) != (expected, (number, "L"), True):
        raise SystemExit(f"changed: {found}, {said}, {same}; seen was {expected}")
PROGRAM
echo "as described"
