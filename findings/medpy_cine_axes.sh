#!/usr/bin/env bash
# MedPy: a cine of four axes, as NIfTI has time, is (rows, 1, frames, columns), and has five axes once
# it was saved; of a color still the colors come first.
#
# medpy 0.5.2, simpleitk 2.5.7, nibabel 5.4.2, numpy 2.4.6, seen 2026-12-01.
# medpy.io.load() says of what it gives that it is in the order x, y, z, c. Of pictures of 48 rows and 64
# columns comes
#   cine of 5, NIfTI (x, y, 1, t)     (48, 1, 5, 64), and saved with its header (48, 1, 5, 1, 64)
#   the same as MetaImage of ITK      (48, 1, 5, 64)
#   cine of 5, (x, y, t)              (64, 48, 5)
#   color still, MetaImage            (3, 64, 48), and saved with its header a gray volume of 3 x 64 x 48
#   color cine of 5, MetaImage        (64, 48, 5, 3)
# It counts axes, and takes four for a volume with components: time is none, and a picture with components
# has three. Voxel spacings keep their order, so that those of rows are said of columns. Nothing warns.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet medpy==0.5.2 simpleitk==2.5.7 nibabel==5.4.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import medpy.io
import nibabel
import numpy as np
import SimpleITK as sitk

rng = np.random.default_rng(0)
cine = rng.integers(0, 255, (5, 48, 64), np.uint8)
nibabel.save(nibabel.Nifti1Image(cine.T[:, :, None], np.diag([0.2, 0.3, 1, 1])), "time.nii.gz")
nibabel.save(nibabel.Nifti1Image(cine.T, np.diag([0.2, 0.3, 1, 1])), "stack.nii.gz")
joined = sitk.JoinSeries([sitk.GetImageFromArray(one[None]) for one in cine])
sitk.WriteImage(joined, "time.mha")
still = rng.integers(0, 255, (48, 64, 3), np.uint8)
sitk.WriteImage(sitk.GetImageFromArray(still, isVector=True), "color.mha")
clip = rng.integers(0, 255, (5, 48, 64, 3), np.uint8)
sitk.WriteImage(sitk.GetImageFromArray(clip, isVector=True), "color_cine.mha")

SEEN = {
    "time.nii.gz": ((48, 1, 5, 64), (48, 1, 5, 1, 64)),
    "time.mha": ((48, 1, 5, 64), (48, 1, 5, 1, 64)),
    "stack.nii.gz": ((64, 48, 5), (64, 48, 5)),
    "color.mha": ((3, 64, 48), (3, 64, 48)),
    "color_cine.mha": ((64, 48, 5, 3), (64, 48, 5)),
}
for name, seen in SEEN.items():
    found, header = medpy.io.load(name)
    medpy.io.save(found, "again.nii.gz", header, force=True)
    again = nibabel.load("again.nii.gz").shape
    print(f"{name}: {found.shape}, spacing {header.get_voxel_spacing()[:2]}, saved {again}")
    if found.shape != seen[0] or again[: len(seen[1])] != seen[1]:
        raise SystemExit(f"changed: seen was {seen}")
assert np.array_equal(medpy.io.load("stack.nii.gz")[0], cine.T)
assert np.array_equal(medpy.io.load("time.nii.gz")[0], np.moveaxis(cine, 0, 1)[:, None])
PROGRAM
echo "as seen"
