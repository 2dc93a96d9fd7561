#!/usr/bin/env bash
# GDCM, SimpleITK and dcm2niix: the same ultrasound scan is .5 mm a pixel, and none of them says so.
#
# python-gdcm 3.2.6, SimpleITK 2.5.7, dcm2niix 1.0.20260724, pydicom 3.0.2, seen 2026-11-29.
# Ultrasound states its scale in SequenceOfUltrasoundRegions (0018,6011), in the units that it names
# (PS3.3 C.8.5.5.1.15: 3 is cm, 4 is seconds). A scan with deltas of 0.05 cm is read with a spacing of
#   GDCM                   0.05: the number as it is, as if it were millimeters; also 0.01 of a region
#                          whose x is in seconds (an M-mode trace), and 0.05 though PixelSpacing says .4
#   SimpleITK, dcm2niix    1.0, as for a file that states nothing; .4 where PixelSpacing is there too
# So one measures a heart at a tenth of its size and the others at twice; no reader warns.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet python-gdcm==3.2.6 simpleitk==2.5.7 dcm2niix==1.0.20260724 \
  nibabel==5.4.2 pydicom==3.0.2 numpy==2.4.0
cd "$work"
venv/bin/python - <<'PROGRAM'
import subprocess
from pathlib import Path

import gdcm
import nibabel
import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid

CM, SECONDS = 3, 4


def scan(units, delta, spacing=None):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.Modality, data.PatientID, data.SeriesNumber, data.InstanceNumber = "US", "1", 1, 1
    data.Rows, data.Columns, data.SamplesPerPixel = 48, 64, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    if spacing:
        data.PixelSpacing = [spacing, spacing]
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 63, 47
    region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = units, CM
    region.PhysicalDeltaX = region.PhysicalDeltaY = delta
    data.SequenceOfUltrasoundRegions = [region]
    data.PixelData = np.zeros((48, 64), np.uint8).tobytes()
    return data


def spacings(name, data):
    folder = Path(name)
    folder.mkdir()
    file = folder / "scan.dcm"
    data.save_as(file, enforce_file_format=True)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(file))
    reader.Read()
    subprocess.run(["venv/bin/dcm2niix", "-o", folder, folder], check=True, capture_output=True)
    (nifti,) = folder.glob("*.nii")
    found = (
        reader.GetImage().GetSpacing()[0],
        sitk.ReadImage(str(file)).GetSpacing()[0],
        nibabel.load(nifti).header.get_zooms()[0],
    )
    return tuple(round(float(one), 4) for one in found)


told = {
    "0.05 cm": (spacings("cm", scan(CM, 0.05)), (0.05, 1.0, 1.0)),
    "0.01 s across": (spacings("seconds", scan(SECONDS, 0.01)), (0.01, 1.0, 1.0)),
    "0.05 cm and PixelSpacing .4": (spacings("both", scan(CM, 0.05, 0.4)), (0.05, 0.4, 0.4)),
}
print("region: spacing by GDCM, SimpleITK, dcm2niix")
for name, (found, seen) in told.items():
    print(f"{name}: {found}")
    if found != seen:
        raise SystemExit(f"changed: seen was {seen}")
PROGRAM
echo "as described"
