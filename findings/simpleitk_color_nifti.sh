#!/usr/bin/env bash
# SimpleITK and nibabel: a color picture as NIfTI is an image of five dimensions, and its colors are
# colors only by an intent code that nibabel does not write of its own accord.
#
# SimpleITK 2.5.7 with nibabel 5.4.2, seen 2026-11-29.
# A picture of 64 x 48 with red, green and blue, written
#   by SimpleITK as .nii         dim (64, 48, 1, 1, 3), uint8, intent 1007 (vector): not RGB24, the
#                                type that NIfTI has for it, and to nibabel not a color picture but
#                                five axes; a cine of 5 gives (64, 48, 5, 1, 3)
#   by nibabel, the same array   intent 0; SimpleITK reads 5 dimensions with 1 component: three
#   and the same five axes       pictures, and colors are gone without a word
#   by nibabel with that intent  SimpleITK reads 2 dimensions with 3 components
#   by nibabel as RGB24          SimpleITK reads 3 dimensions with 3 components
# So an array that is loaded with nibabel, cleaned, and saved under a new header comes back in gray.
# Who reads must take the fifth axis for colors by its intent; who writes must keep the intent.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet simpleitk==2.5.7 nibabel==5.4.2 numpy==2.4.0
cd "$work"
venv/bin/python - <<'PROGRAM'
import nibabel
import numpy as np
import SimpleITK as sitk

rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
cine = np.stack([rgb] * 5)


def saved(array, name, intent=None):
    image = nibabel.Nifti1Image(array, np.eye(4))
    if intent:
        image.header.set_intent(intent)
    nibabel.save(image, name)
    read = sitk.ReadImage(name)
    return read.GetDimension(), read.GetNumberOfComponentsPerPixel()


sitk.WriteImage(sitk.GetImageFromArray(rgb, isVector=True), "still.nii")
sitk.WriteImage(sitk.GetImageFromArray(cine, isVector=True), "cine.nii")
still, several = nibabel.load("still.nii"), nibabel.load("cine.nii")
five = np.asarray(still.dataobj)
triples = np.ascontiguousarray(rgb.transpose(1, 0, 2)).view([(one, "u1") for one in "RGB"])

told = {
    "SimpleITK's still": (still.shape, str(still.get_data_dtype()), int(still.header["intent_code"])),
    "SimpleITK's cine": several.shape,
    "nibabel, no intent": saved(five, "plain.nii"),
    "nibabel, vector": saved(five, "vector.nii", "vector"),
    "nibabel, RGB24": saved(triples, "triples.nii"),
}
seen = {
    "SimpleITK's still": ((64, 48, 1, 1, 3), "uint8", 1007),
    "SimpleITK's cine": (64, 48, 5, 1, 3),
    "nibabel, no intent": (5, 1),
    "nibabel, vector": (2, 3),
    "nibabel, RGB24": (3, 3),
}
for name, one in told.items():
    print(f"{name:20} {one}")
    if one != seen[name]:
        raise SystemExit(f"changed: {name} gives {one}, seen was {seen[name]}")
PROGRAM
echo "as described"
