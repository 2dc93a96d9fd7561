#!/usr/bin/env bash
# SimpleITK: a sequence of three ultrasound frames from 3D Slicer is one picture in color.
#
# SimpleITK 2.5.7, seen 2026-11-29.
# 3D Slicer saves a tracked or recorded clip as a volume sequence (.seq.nrrd): time is the fastest
# axis and has the kind `list`, the other axes the kind `domain`. SimpleITK takes a fastest axis
# that is no domain for a pixel's components, whatever its kind says:
#   6 frames   one picture of 64 x 48 x 1 with six components, no clip
#   3 frames   the same with three; written as PNG it is a picture in color, red, green and blue
#              three moments of tissue
#   4 frames   four: written as PNG, the last moment is how opaque the others are
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet simpleitk==2.5.7 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import numpy as np
import SimpleITK as sitk

drawn = np.random.default_rng(0)
for number in (3, 4, 6):
    clip = drawn.integers(0, 256, (number, 48, 64)).astype(np.uint8)
    header = "\n".join(
        [
            "NRRD0004",
            "type: uint8",
            "dimension: 4",
            "space: left-posterior-superior",
            f"sizes: {number} 64 48 1",
            "space directions: none (0.3,0,0) (0,0.3,0) (0,0,1)",
            "kinds: list domain domain domain",
            "encoding: raw",
            "space origin: (0,0,0)",
            "axis 0 index type:=numeric",
            f"axis 0 index values:={' '.join(f'{0.04 * n:.2f}' for n in range(number))}",
        ]
    )
    with open(f"{number}.seq.nrrd", "wb") as file:
        file.write(header.encode() + b"\n\n" + np.ascontiguousarray(np.moveaxis(clip, 0, -1)).tobytes())
    image = sitk.ReadImage(f"{number}.seq.nrrd")
    print(f"{number} frames: size {image.GetSize()}, {image.GetNumberOfComponentsPerPixel()} components")
    same = np.array_equal(sitk.GetArrayFromImage(image)[0], np.moveaxis(clip, 0, -1))
    written = number
    if number < 6:
        sitk.WriteImage(image[:, :, 0], f"{number}.png")
        written = sitk.ReadImage(f"{number}.png").GetNumberOfComponentsPerPixel()
        print(f"{'':10}as PNG: {written} components")
    if (image.GetSize(), image.GetNumberOfComponentsPerPixel(), same, written) != (
        (64, 48, 1), number, True, number,
    ):
        raise SystemExit("changed: see above")
PROGRAM
echo "as described"
