#!/usr/bin/env bash
# Pillow, OpenCV: color of 16 bits that a TIFF holds plane by plane is a picture of nothing; SimpleITK
# gives it in 8 bits, with an alpha.
#
# Pillow 13.0.0, opencv-python-headless 5.0.0.93, imageio 2.38.1, SimpleITK 2.5.7, tifffile 2026.3.3,
# numpy 2.4.6, seen 2026-12-01.
# A color Doppler still as (3, H, W), which is how torch and MONAI hold it, of 16 bits, is saved by
# tifffile as RGB: it writes planes. Of what is read, as mean error in levels of 255, come
#                       contiguous      planes of 16 bits    planes of 8 bits
#   Pillow              0               37, no warning       0
#   OpenCV              0               62, no warning       0
#   imageio's Pillow    0               37                   0
#   SimpleITK           0               0 in 8 bits, RGBA    0, RGBA
#   tifffile            0               0                    0
# Pillow takes both bytes of a sample for pixels: a row is half a row, left and right by turns, so that
# it is the upper half of the picture, and the low bytes are noise in it. Size and channels are right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0 opencv-python-headless==5.0.0.93 \
  imageio==2.38.1 simpleitk==2.5.7 tifffile==2026.3.3 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import cv2
import imageio.v3 as iio
import numpy as np
import SimpleITK as sitk
import tifffile
from PIL import Image

sitk.ProcessObject.SetGlobalWarningDisplay(False)
y, x = np.mgrid[:96, :128]
heart = (40 + 150 * np.exp(-((x - 64) ** 2 + (y - 48) ** 2) / 900)).astype(np.uint8)
scan = np.repeat(heart[..., None], 3, axis=2)
scan[40:60, 50:80] = (220, 30, 10)  # the Doppler box
deep = scan.astype(np.uint16) * 257
tifffile.imwrite("contiguous.tif", deep, photometric="rgb")
tifffile.imwrite("planes.tif", np.moveaxis(deep, -1, 0), photometric="rgb")
tifffile.imwrite("planes8.tif", np.moveaxis(scan, -1, 0), photometric="rgb")

READERS = {
    "Pillow": lambda path: np.asarray(Image.open(path)),
    "OpenCV": lambda path: cv2.imread(path, cv2.IMREAD_UNCHANGED)[..., ::-1],
    "imageio's Pillow": lambda path: iio.imread(path, plugin="pillow"),
    "SimpleITK": lambda path: sitk.GetArrayFromImage(sitk.ReadImage(path)),
    "tifffile": tifffile.imread,
}
WRONG = {("Pillow", "planes"), ("OpenCV", "planes"), ("imageio's Pillow", "planes")}
for name in ("contiguous", "planes", "planes8"):
    for who, read in READERS.items():
        found = read(f"{name}.tif")
        found = np.moveaxis(found, 0, -1) if found.shape[0] == 3 else found
        levels = found[..., :3].astype(float) / (257 if found.dtype == np.uint16 else 1)
        error = float(np.abs(levels - scan).mean())
        print(f"{name}, {who}: {found.dtype}, {found.shape}, mean error {error:.1f}")
        alpha = who == "SimpleITK" and name != "contiguous"
        if (error > 20) != ((who, name) in WRONG) or found.shape != (96, 128, 4 if alpha else 3):
            raise SystemExit("changed: see above")
PROGRAM
echo "as seen"
