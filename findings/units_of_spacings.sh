#!/usr/bin/env bash
# SimpleITK: a spacing in centimeters is taken for millimeters in NRRD and MetaImage, not in NIfTI.
#
# SimpleITK 2.5.7 with pynrrd 1.1.3 and nibabel 5.4.2, seen 2026-11-29.
# NRRD has "units" beside "spacings" and "space units" beside "space directions"; MetaImage has
# DistanceUnits; NIfTI has xyzt_units. A picture with pixels of 0.4 mm, written as
#   NRRD, 0.04 with units "cm"              spacing 0.04
#   NRRD, 400 with space units "um"         spacing 400
#   MetaImage, 0.04, DistanceUnits = cm     spacing 0.04 (the unit is in the metadata, ITK_VoxelUnits)
#   NIfTI, 400, microns; 0.0004, meters     spacing 0.4
# Sizes in the first three are wrong by the factor of the unit, without a word: a fetus of 8 mm for
# one of 8 cm. Who reads them must multiply by the unit that the header states.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet simpleitk==2.5.7 pynrrd==1.1.3 nibabel==5.4.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import nibabel
import nrrd
import numpy as np
import SimpleITK as sitk

picture = np.random.default_rng(0).integers(0, 256, (64, 48), dtype=np.uint8)


def spacing(name):
    image = sitk.ReadImage(name)
    assert np.array_equal(sitk.GetArrayFromImage(image).squeeze().T, picture)
    return round(image.GetSpacing()[0], 6)


nrrd.write("spacings.nrrd", picture, {"spacings": [0.04, 0.04], "units": ["cm", "cm"]})
vectors = {"space dimension": 2, "space directions": np.diag([400.0, 400.0])}
nrrd.write("vectors.nrrd", picture, {**vectors, "space units": ["um", "um"]})
sitk.WriteImage(sitk.GetImageFromArray(picture.T), "plain.mha")
head = b"DistanceUnits = cm\nElementSpacing = 0.04 0.04\n"
plain = open("plain.mha", "rb").read()
assert b"ElementSpacing = 1 1\n" in plain
open("stated.mha", "wb").write(plain.replace(b"ElementSpacing = 1 1\n", head, 1))
for name, unit, side in (("micron.nii", "micron", 400.0), ("meter.nii", "meter", 0.0004)):
    image = nibabel.Nifti1Image(picture, np.diag([side, side, side, 1]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, name)

seen = {
    "spacings.nrrd": 0.04, "vectors.nrrd": 400.0, "stated.mha": 0.04,
    "micron.nii": 0.4, "meter.nii": 0.4,
}
for name, expected in seen.items():
    told = spacing(name)
    print(f"{name:14} 0.4 mm a pixel, read as {told:g}")
    if told != expected:
        raise SystemExit(f"changed: {name} gives {told}, seen was {expected}")
PROGRAM
echo "as described"
