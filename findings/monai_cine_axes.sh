#!/usr/bin/env bash
# MONAI: a cine has its axes in another order by which library reads it, and in one it is no cine.
#
# MONAI 1.6.1 with pydicom 3.0.2 and itk-io 5.4.7, seen 2026-11-29.
# Of a multi-frame ultrasound of 10 frames, 48 rows and 64 columns
#   PydicomReader   (48, 10, 64): rows, frames, columns; of a still (64, 48): columns, rows
#   ITKReader       (64, 48, 10): columns, rows, frames; of a still (64, 48, 1)
# PydicomReader swaps the first two axes of what pydicom gives, as is right for a still, and gives
# the result the affine of a picture. LoadImage() takes ITKReader where itk is installed and
# PydicomReader where it is not: a machine without itk trains on pictures of 10 x 64 that lie across
# time. In color it is (48, 10, 64, 3), where ensure_channel_first moves the last axis and no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet monai==1.6.1 pydicom==3.0.2 itk-io==5.4.7 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import warnings

warnings.simplefilter("ignore")
import numpy as np
from monai.transforms import LoadImage
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

cine = np.random.default_rng(0).integers(0, 256, (10, 48, 64)).astype(np.uint8)


def write(path: str, pictures: np.ndarray, sop_class: str) -> None:
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = sop_class
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    one.StudyInstanceUID, one.SeriesInstanceUID = generate_uid(), generate_uid()
    one.Modality, one.PatientID, one.PatientName, one.StudyID = "US", "1", "A", "1"
    one.StudyDate = one.StudyTime = one.PatientBirthDate = one.PatientSex = ""
    one.AccessionNumber = one.ReferringPhysicianName = ""
    one.SeriesNumber = one.InstanceNumber = 1
    one.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    one.Rows, one.Columns, one.SamplesPerPixel = 48, 64, 1
    one.PhotometricInterpretation, one.PixelRepresentation = "MONOCHROME2", 0
    one.BitsAllocated, one.BitsStored, one.HighBit = 8, 8, 7
    if len(pictures) > 1:
        one.NumberOfFrames, one.FrameTime, one.FrameIncrementPointer = len(pictures), 40, 0x00181063
    one.PixelData = pictures.tobytes()
    one.save_as(path, enforce_file_format=True)


write("cine.dcm", cine, "1.2.840.10008.5.1.4.1.1.3.1")
write("still.dcm", cine[:1], "1.2.840.10008.5.1.4.1.1.6.1")
told = {}
for name in ("cine", "still"):
    for reader in ("PydicomReader", "ITKReader"):
        values = np.asarray(LoadImage(reader=reader, image_only=True)(f"{name}.dcm"))
        told[name, reader] = values
        print(f"{name:6}{reader:16}{values.shape}")
expected = {
    ("cine", "PydicomReader"): cine.transpose(1, 0, 2),
    ("cine", "ITKReader"): cine.transpose(2, 1, 0),
    ("still", "PydicomReader"): cine[0].T,
    ("still", "ITKReader"): cine[0].T[..., None],
}
if not all(np.array_equal(told[one], expected[one]) for one in expected):
    raise SystemExit("changed: see above")
PROGRAM
echo "as described"
