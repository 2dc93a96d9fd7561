#!/usr/bin/env bash
# SimpleITK, nibabel: a lesion in a MINC volume is on the other side of the body, and at its back.
#
# SimpleITK 2.5.7, nibabel 5.4.2, h5py 3.16.0, numpy 2.4.6, seen 2026-12-01.
# Intraoperative ultrasound of brains is shared as MINC 2 beside MRI in NIfTI, with landmarks in millimeters.
# MINC counts them to the patient's right, front and head, as NIfTI does; SimpleITK to the left, back and
# head. Of NIfTI it turns them round, of MINC it does not. So of one volume, with a lesion 20 mm to the right
# and 30 mm to the front,
#   saved by SimpleITK as NIfTI     it is there for nibabel, and for SimpleITK
#   saved by SimpleITK as MINC      for nibabel it is 20 mm to the left and 30 mm to the back
# and a MINC volume of its own programs, in which it is there for nibabel, has it at the left back once
# SimpleITK made NIfTI of it. Values are the same, nothing warns, and two that were registered are half a turn
# apart.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet SimpleITK==2.5.7 nibabel==5.4.2 h5py==3.16.0 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import h5py
import nibabel
import numpy as np
import SimpleITK

def by_nibabel(path):
    """Where the brightest value lies, millimeters to the right, front and head."""
    volume = nibabel.load(path)
    values = np.asarray(volume.dataobj)
    place = np.unravel_index(values.argmax(), values.shape)
    return [round(float(one)) for one in volume.affine @ [*place, 1]][:3]


def by_simpleitk(path):
    """The same, as SimpleITK's left and back say it."""
    volume = SimpleITK.ReadImage(path)
    values = SimpleITK.GetArrayFromImage(volume)
    place = [int(one) for one in np.unravel_index(values.argmax(), values.shape)][::-1]
    left, back, head = volume.TransformIndexToPhysicalPoint(place)
    return [round(-left), round(-back), round(head)]


def expect(what, seen, *expected):
    print(f"{what}: right, front, head {seen}")
    if seen not in [list(one) for one in expected]:
        raise SystemExit(f"changed: was {expected}")


THERE, OTHER = (20, 30, 5), (-20, -30, 5)
values = np.zeros((20, 80, 100), np.uint8)  # heads, backs, lefts, a millimeter each
values[5, 10, 30] = 200
volume = SimpleITK.GetImageFromArray(values)
volume.SetOrigin((-50.0, -40.0, 0.0))
for kind in ("nii.gz", "mnc"):
    SimpleITK.WriteImage(volume, f"saved.{kind}")
expect("saved as NIfTI, nibabel", by_nibabel("saved.nii.gz"), THERE)
expect("saved as NIfTI, SimpleITK", by_simpleitk("saved.nii.gz"), THERE)
expect("saved as MINC, nibabel", by_nibabel("saved.mnc"), OTHER)
expect("saved as MINC, SimpleITK", by_simpleitk("saved.mnc"), THERE)

# As programs of MINC write it: steps to the right, front and head
with h5py.File("saved.mnc", "r+") as file:
    for name, start, step in (("xspace", 50.0, -1.0), ("yspace", 40.0, -1.0), ("zspace", 0.0, 1.0)):
        one = file[f"minc-2.0/dimensions/{name}"]
        one.attrs["start"], one.attrs["step"] = start, step
expect("MINC of its own programs, nibabel", by_nibabel("saved.mnc"), THERE)
SimpleITK.WriteImage(SimpleITK.ReadImage("saved.mnc"), "made.nii.gz")
expect("NIfTI that SimpleITK made of it, nibabel", by_nibabel("made.nii.gz"), OTHER)
PROGRAM
echo "as seen"
