#!/usr/bin/env bash
# SimpleITK, dcm2niix, VTK: of a scan whose header has the table from amplitudes to echoes come amplitudes.
#
# SimpleITK 2.5.7, dcm2niix 1.0.20260724, vtk 9.7.2, nibabel 5.4.2, highdicom 0.28.2, dicom2jpg 0.1.10,
# pydicom 3.0.2, numpy 2.4.6, seen 2026-12-01.
# A secondary capture of ultrasound may hold 12 bits of amplitude and the table that compresses them to the
# 8 bits of echo that are meant (Modality LUT Sequence, PS3.3 C.11.1); its window is of these. Then give
#   highdicom                   the echoes
#   SimpleITK, dcm2niix, VTK    the amplitudes, without a word; the window that SimpleITK hands on beside them
#                               makes more than half of the picture white
#   dicom2jpg                   IndexError
# So of one clinic's captures those with a table have the contrast of another quantity, not of another gain.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet SimpleITK==2.5.7 dcm2niix==1.0.20260724 vtk==9.7.2 nibabel==5.4.2 \
  highdicom==0.28.2 dicom2jpg==0.1.10 pydicom==3.0.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import os
import subprocess
import warnings

warnings.simplefilter("ignore")
import dicom2jpg
import highdicom
import nibabel
import numpy as np
import SimpleITK
import vtk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid
from vtk.util.numpy_support import vtk_to_numpy

y, x = np.mgrid[:96, :128]
table = np.round(255 * np.log1p(np.arange(4096) / 16) / np.log1p(4095 / 16)).astype(np.uint16)
wanted = 120 + 80 * np.exp(-((x - 40) ** 2 + (y - 30) ** 2) / 300) + x / 4
amplitudes = np.searchsorted(table, wanted).astype(np.uint16)
echoes = table[amplitudes]

made = Dataset()
made.file_meta = FileMetaDataset()
made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
made.Modality, made.ConversionType, made.PhotometricInterpretation = "US", "DV", "MONOCHROME2"
made.PatientID, made.PatientName, made.StudyDate, made.StudyTime = "1", "A", "20260101", "101010"
made.SeriesNumber = made.InstanceNumber = 1
made.Rows, made.Columns = amplitudes.shape
made.SamplesPerPixel, made.PixelRepresentation = 1, 0
made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
made.WindowCenter, made.WindowWidth = "128", "256"
item = Dataset()
item.add_new(0x00283002, "US", [4096, 0, 16])
item.add_new(0x00283006, "US", table.tolist())
item.ModalityLUTType = "US"
made.ModalityLUTSequence = [item]
made.PixelData = amplitudes.tobytes()
made["PixelData"].VR = "OW"
os.mkdir("scan")
made.save_as("scan/scan.dcm", enforce_file_format=True)


def by_simpleitk():
    image = SimpleITK.ReadImage("scan/scan.dcm")
    values = SimpleITK.GetArrayFromImage(image)[0]
    center, width = (float(image.GetMetaData(f"0028|{tag}")) for tag in ("1050", "1051"))
    white = (values >= center + width / 2).mean()
    print(f"SimpleITK: window {center:g}, {width:g}; {white:.0%} white")
    if white < 0.5:
        raise SystemExit("changed")
    return values


def by_dcm2niix():
    subprocess.run(
        ["venv/bin/dcm2niix", "-o", ".", "-f", "made", "scan"], check=True, capture_output=True
    )
    return np.asarray(nibabel.load("made.nii").dataobj).squeeze().T[::-1]


def by_vtk():
    reader = vtk.vtkDICOMImageReader()
    reader.SetFileName("scan/scan.dcm")
    reader.Update()
    values = vtk_to_numpy(reader.GetOutput().GetPointData().GetScalars())
    return values.reshape(amplitudes.shape)[::-1]


READERS = {
    "highdicom": (lambda: highdicom.imread("scan/scan.dcm").get_frame(1), "echoes"),
    "SimpleITK": (by_simpleitk, "amplitudes"),
    "dcm2niix": (by_dcm2niix, "amplitudes"),
    "VTK": (by_vtk, "amplitudes"),
    "dicom2jpg": (lambda: dicom2jpg.dicom2img("scan/scan.dcm"), "IndexError"),
}
for who, (read, seen) in READERS.items():
    try:
        values = np.asarray(read(), float)
        names = {"echoes": echoes, "amplitudes": amplitudes}
        found = next(
            (name for name, one in names.items() if np.abs(values - one).max() <= 1), "others"
        )
    except Exception as error:
        found = type(error).__name__
    print(f"{who}: {found}")
    if found != seen:
        raise SystemExit(f"changed: was {seen}")
PROGRAM
echo "as seen"
