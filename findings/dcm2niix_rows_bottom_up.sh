#!/usr/bin/env bash
# dcm2niix: an ultrasound cine as NIfTI stands on its head, and nothing in the file says so.
#
# dcm2niix 1.0.20260724 with nibabel 5.4.2 and pydicom 3.0.2, seen 2026-11-29.
# A cine of 3 frames (FrameTime 33.3 ms), whose uppermost four rows are white, as converted:
#   array (64, 48, 3); the white rows are the last of the second axis, not the first
#   qform_code 0 and sform_code 0: the header states no directions, so no reader turns it back
#   three axes of spacing 1: the frames are the third, a place and not a time; FrameTime is lost
# Color comes as RGB24, a structured type that is no axis. A network that is trained on frames of other
# sources besides sees these upside down. Who reads has to look where the scanned fan has its apex.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dcm2niix==1.0.20260724 nibabel==5.4.2 pydicom==3.0.2 numpy==2.4.0
cd "$work"
venv/bin/python - <<'PROGRAM'
import subprocess
from pathlib import Path

import nibabel
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid


def cine(color):
    frames = np.zeros((3, 48, 64), np.uint8)
    frames[:, :4] = 200
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.Modality, data.PatientID, data.SeriesNumber, data.InstanceNumber = "US", "1", 1, 1
    data.Rows, data.Columns, data.NumberOfFrames = 48, 64, 3
    data.FrameTime, data.FrameIncrementPointer = 33.3, 0x00181063
    data.SamplesPerPixel = 3 if color else 1
    data.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    if color:
        data.PlanarConfiguration = 0
        frames = np.repeat(frames[..., None], 3, axis=3)
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.PixelData = frames.tobytes()
    return data


for name in ("gray", "color"):
    folder = Path(name)
    folder.mkdir()
    cine(name == "color").save_as(folder / "cine.dcm", enforce_file_format=True)
    subprocess.run(["venv/bin/dcm2niix", "-o", folder, folder], check=True, capture_output=True)
    (file,) = folder.glob("*.nii")
    image = nibabel.load(file)
    values = np.asarray(image.dataobj)
    values = values["R"] if values.dtype.names else values
    white = sorted(set(np.nonzero(values)[1].tolist()))
    head = image.header
    told = {
        "shape": image.shape,
        "white rows": white,
        "qform, sform": (int(head["qform_code"]), int(head["sform_code"])),
        "spacing": tuple(float(one) for one in head.get_zooms()),
        "type": str(image.get_data_dtype()),
    }
    seen = {
        "shape": (64, 48, 3),
        "white rows": [44, 45, 46, 47],
        "qform, sform": (0, 0),
        "spacing": (1.0, 1.0, 1.0),
        "type": "[('R', 'u1'), ('G', 'u1'), ('B', 'u1')]" if name == "color" else "uint8",
    }
    for what, one in told.items():
        print(f"{name:5} {what:12} {one}")
        if one != seen[what]:
            raise SystemExit(f"changed: seen was {seen[what]}")
PROGRAM
echo "as described"
