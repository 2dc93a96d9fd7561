#!/usr/bin/env bash
# SimpleITK, GDCM, dcm2niix, VTK: pixels that are twice as tall as they are wide come as squares.
#
# SimpleITK 2.5.7, python-gdcm 3.2.6, dcm2niix 1.0.20260724, vtk 9.7.2, pydicom 3.0.2, seen 2026-12-01.
# A scan whose size nobody knows (a frame grabber's, a secondary capture) states at least the shape of its
# pixels: PixelAspectRatio (0028,0034), vertical and horizontal, which PS3.3 C.7.6.3.1.7 demands where it
# is not 1:1 and no spacing is there. Of an ultrasound still and a cine with a ratio of 2\1,
#   SimpleITK, GDCM, VTK    spacing 1 and 1, as without it
#   dcm2niix                zooms 1 and 1, and nothing of it in the sidecar
# So a round cyst is measured as an ellipse, and angles are wrong; none of them warns. With PixelSpacing
# of .4\.2 beside it, the same shape, all but GDCM (which knows no spacing of ultrasound but its regions')
# give .2 and .4.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet simpleitk==2.5.7 python-gdcm==3.2.6 dcm2niix==1.0.20260724 \
  vtk==9.7.2 nibabel==5.4.2 pydicom==3.0.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import json
import subprocess
from pathlib import Path

import gdcm
import nibabel
import numpy as np
import SimpleITK as sitk
import vtk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

vtk.vtkObject.GlobalWarningDisplayOff()


def scan(frames, **stated):
    """A file of (frames, 48, 64) gray pixels."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = UltrasoundMultiFrameImageStorage if frames > 1 else UltrasoundImageStorage
    ds.SOPInstanceUID = generate_uid()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Modality, ds.PatientID, ds.SeriesNumber, ds.InstanceNumber = "US", "1", 1, 1
    ds.Rows, ds.Columns, ds.SamplesPerPixel = 48, 64, 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PhotometricInterpretation = "MONOCHROME2"
    if frames > 1:
        ds.NumberOfFrames, ds.FrameTime, ds.FrameIncrementPointer = frames, "40", 0x00181063
    ds.PixelData = np.random.default_rng(0).integers(0, 256, (frames, 48, 64), np.uint8).tobytes()
    for name, value in stated.items():
        setattr(ds, name, value)
    ds.save_as("scan.dcm", enforce_file_format=True)


def spacings():
    """What each reader says of columns and rows."""
    reader = gdcm.ImageReader()
    reader.SetFileName("scan.dcm")
    assert reader.Read()
    image = vtk.vtkDICOMImageReader()
    image.SetFileName("scan.dcm")
    image.Update()
    subprocess.run(["venv/bin/dcm2niix", "-f", "out", "scan.dcm"], check=True, capture_output=True)
    (nifti,), (sidecar,) = Path().glob("out*.nii"), Path().glob("out*.json")
    told = json.loads(sidecar.read_text())
    assert not any("ratio" in name.lower() for name in told), told
    found = {
        "SimpleITK": sitk.ReadImage("scan.dcm").GetSpacing()[:2],
        "GDCM": [reader.GetImage().GetSpacing(axis) for axis in (0, 1)],
        "VTK": image.GetPixelSpacing()[:2],
        "dcm2niix": nibabel.load(nifti).header.get_zooms()[:2],
    }
    nifti.unlink()
    sidecar.unlink()
    return {name: tuple(round(float(one), 3) for one in two) for name, two in found.items()}


for frames in (1, 3):
    scan(frames, PixelAspectRatio=[2, 1])
    stated = spacings()
    scan(frames)
    silent = spacings()
    print(frames, "frames, ratio 2\\1:", stated)
    assert set(stated.values()) == {(1.0, 1.0)} and stated == silent
    scan(frames, PixelSpacing=[0.4, 0.2], PixelAspectRatio=[2, 1])
    known = spacings()
    print(frames, "frames, spacing .4\\.2:", known)
    assert known.pop("GDCM") == (1.0, 1.0)
    assert set(known.values()) == {(0.2, 0.4)}
print("as seen")
PROGRAM
