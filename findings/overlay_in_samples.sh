#!/usr/bin/env bash
# highdicom: an overlay in the spare bits of samples is handed out as part of the pixels' values.
#
# highdicom 0.28.2 with pydicom 3.0.2 and SimpleITK 2.5.7, seen 2026-11-29.
# Up to its edition of 2004 DICOM had overlays (group 6000: calipers and text laid over a picture) in
# the bits of each sample above BitsStored, and files of that time have it. Of 12 bits in 16, with the
# overlay in bit 12, one pixel in ten lit,
#   pydicom's pixel_array    0 to 4000: the picture
#   SimpleITK                0 to 4000
#   highdicom's get_frames   up to 4096 + 4000: where the overlay is, values that no sample has
# and with apply_voi_transform those pixels are white: a name that a workstation had laid over the
# picture, to be shown or not, is burned in. The values need a mask of BitsStored bits.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet highdicom==0.28.2 pydicom==3.0.2 simpleitk==2.5.7 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import warnings

import highdicom
import numpy as np
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

warnings.simplefilter("ignore")
drawn = np.random.default_rng(0)
samples = drawn.integers(0, 4001, (48, 64)).astype(np.uint16)
overlay = drawn.random((48, 64)) < 0.1
one = Dataset()
one.file_meta = FileMetaDataset()
one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
one.StudyInstanceUID, one.SeriesInstanceUID = generate_uid(), generate_uid()
one.Modality, one.PatientID, one.PatientName, one.StudyID = "US", "1", "A", "1"
one.StudyDate = one.StudyTime = one.PatientBirthDate = one.PatientSex = one.AccessionNumber = ""
one.ReferringPhysicianName, one.SeriesNumber, one.InstanceNumber = "", 1, 1
one.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
one.Rows, one.Columns, one.SamplesPerPixel = 48, 64, 1
one.PhotometricInterpretation, one.PixelRepresentation = "MONOCHROME2", 0
one.BitsAllocated, one.BitsStored, one.HighBit = 16, 12, 11
one.WindowCenter, one.WindowWidth = "2048", "4096"
one.add_new(0x60000010, "US", 48)
one.add_new(0x60000011, "US", 64)
one.add_new(0x60000040, "CS", "G")
one.add_new(0x60000050, "SS", [1, 1])
one.add_new(0x60000100, "US", 16)
one.add_new(0x60000102, "US", 12)
one.PixelData = (samples | overlay.astype(np.uint16) << 12).tobytes()
one.save_as("scan.dcm", enforce_file_format=True)

image = highdicom.imread("scan.dcm")
values = np.asarray(image.get_frames()[0]).astype(int)
shown = np.asarray(image.get_frames(apply_voi_transform=True)[0])
told = {
    "pydicom": np.array_equal(dcmread("scan.dcm").pixel_array, samples),
    "SimpleITK": np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage("scan.dcm"))[0], samples),
    "highdicom": np.array_equal(values, samples),
    "highdicom, with the overlay": np.array_equal(values, samples + 4096 * overlay),
    "white where it lies": bool((shown[overlay] == shown.max()).all()),
}
for name, found in told.items():
    print(f"{name:28} {found}")
if told != {
    "pydicom": True, "SimpleITK": True, "highdicom": False,
    "highdicom, with the overlay": True, "white where it lies": True,
}:
    raise SystemExit("changed: see above")
PROGRAM
echo "as described"
