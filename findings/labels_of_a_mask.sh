#!/usr/bin/env bash
# nibabel, SimpleITK, slicerio: labels of a mask that was saved under its picture's header are other
# labels, or none, and which of them depends on how many there are.
#
# nibabel 5.4.2, SimpleITK 2.5.7, slicerio 1.4.0, numpy 2.4.6, seen 2026-12-01.
# A mask is drawn into np.zeros(), which are reals, and saved with the affine and header of its picture,
# so that both lie alike. The header's type is a whole number, so nibabel spreads the labels over all
# numbers of that type and states a slope, a short real. Of labels 0 to n, read back, there are
#   nibabel, == k         n = 3 of int16 or uint8: none of the three is found (2 is 1.9999999995)
#   nibabel, astype(int)  n = 3 of int16: 0, 0, 1, 2; n = 4: 0, 1, 2, 2, 3; n = 6: 0, 1, 1, 3, 3, 5, 5
#                         n = 4 of uint8: 0, 1, 1, 2, 4
#   SimpleITK, == k       n = 3: all three; n = 4 of int16: 4 alone; n = 6: 2, 4 and 6
#   SimpleITK, as UInt8   n = 4 of int16: 0, 1, 2, 2, 4; n = 2 of uint8: 0, 0, 2
#   slicerio              as nibabel cut: of n = 3 of int16 two segments, 1 and 2, a structure too early
# So the left ventricle is background and the atrium is the ventricle, or two structures are one, with
# no warning; shown as a picture all is well. Labels saved as whole numbers stay what they are.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet nibabel==5.4.2 simpleitk==2.5.7 \
  slicerio==1.4.0 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import nibabel
import numpy as np
import SimpleITK as sitk
import slicerio

ALL = {n: list(range(n + 1)) for n in (2, 3, 4, 6)}
FOUND = {"nibabel": dict.fromkeys([(kind, n) for kind in ("int16", "uint8") for n in ALL], [0])}
FOUND["SimpleITK"] = {
    ("int16", 2): [0, 2], ("int16", 3): ALL[3], ("int16", 4): [0, 4], ("int16", 6): [0, 2, 4, 6],
    ("uint8", 2): [0, 2], ("uint8", 3): ALL[3], ("uint8", 4): [0, 4], ("uint8", 6): [0, 2, 4, 6],
}
CUT = {"nibabel": {
    ("int16", 2): [0, 1, 1], ("int16", 3): [0, 0, 1, 2],
    ("int16", 4): [0, 1, 2, 2, 3], ("int16", 6): [0, 1, 1, 3, 3, 5, 5],
    ("uint8", 2): [0, 0, 2], ("uint8", 3): ALL[3],
    ("uint8", 4): [0, 1, 1, 2, 4], ("uint8", 6): [0, 0, 2, 2, 4, 4, 6],
}}
CUT["SimpleITK"] = {
    ("int16", 2): ALL[2], ("int16", 3): ALL[3], ("int16", 4): [0, 1, 2, 2, 4], ("int16", 6): ALL[6],
    ("uint8", 2): [0, 0, 2], ("uint8", 3): ALL[3],
    ("uint8", 4): [0, 1, 1, 2, 4], ("uint8", 6): [0, 0, 2, 2, 4, 4, 6],
}


def read_back(values, kind):
    """By nibabel, by nibabel cut to whole numbers; by SimpleITK, and as UInt8: one value a label."""
    picture = nibabel.Nifti1Image(np.zeros(values.shape, kind), np.eye(4))
    nibabel.save(nibabel.Nifti1Image(values, picture.affine, picture.header), "mask.nii.gz")
    by_nibabel = nibabel.load("mask.nii.gz").get_fdata()[:, 0, 0]
    by_itk = sitk.GetArrayFromImage(sitk.ReadImage("mask.nii.gz"))[0, 0]
    cut = sitk.GetArrayFromImage(sitk.ReadImage("mask.nii.gz", sitk.sitkUInt8))[0, 0]
    return {"nibabel": (by_nibabel, by_nibabel.astype(int)), "SimpleITK": (by_itk, cut)}


for kind in ("int16", "uint8"):
    for n, labels in ALL.items():
        drawn = np.zeros((n + 1, 8, 1))
        drawn += np.array(labels)[:, None, None]
        whole = read_back(drawn.astype(np.int64), kind)
        assert all(list(one) == labels for pair in whole.values() for one in pair)
        for who, (values, cut) in read_back(drawn, kind).items():
            found = [label for label in labels if values[label] == label]
            print(f"{kind}, labels to {n}, {who:9} == finds {found}, cut {cut.tolist()}")
            if found != FOUND[who][kind, n] or cut.tolist() != CUT[who][kind, n]:
                raise SystemExit("changed: see above")
        read = slicerio.read_segmentation("mask.nii.gz")["segments"]
        segments = [segment["labelValue"] for segment in read]
        print(f"{kind}, labels to {n}, slicerio  segments {segments}")
        if segments != sorted({*CUT["nibabel"][kind, n]} - {0}):
            raise SystemExit("changed: see above")
PROGRAM
echo "as seen"
