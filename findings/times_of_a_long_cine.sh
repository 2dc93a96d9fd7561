#!/usr/bin/env bash
# pydicom: the frame times of a long cine come back as the codes of their digits.
#
# pydicom 3.0.2, SimpleITK 2.5.7, highdicom 0.28.2, seen 2026-11-30.
# FrameTimeVector is one text of numbers, of a VR (DS) whose length has 16 bits in the explicit
# syntaxes: 9,362 times of "33.333" are full. A longer value is written as UN, whose length has 32
# (PS3.5 6.2.2, CP-1066), and readers are to look its VR up. pydicom writes it so and says it; when it
# reads, it looks up the VR of every UN but those of 64 kB and more. Of 10,000 frames
#   implicit little endian   10,000 numbers: 0, 33.333, 33.333
#   explicit little endian   69,994 whole numbers: 48, 92, 51 ("0", "\", "3"), for who asks for
#                            `float(t) for t in header.FrameTimeVector`, and a dull 48 ms for a 33
#   9,000 frames             9,000 numbers in either
# Neither reading nor asking warns. SimpleITK hands out the text of both. highdicom reads with pydicom.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydicom==3.0.2 simpleitk==2.5.7 highdicom==0.28.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import warnings

import highdicom
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid


def cine(frames, syntax):
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = syntax
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    one.StudyInstanceUID, one.SeriesInstanceUID = generate_uid(), generate_uid()
    one.Modality, one.PatientID, one.PatientName, one.StudyID = "US", "1", "A", "1"
    one.StudyDate = one.StudyTime = one.PatientBirthDate = one.PatientSex = one.AccessionNumber = ""
    one.ReferringPhysicianName, one.SeriesNumber, one.InstanceNumber = "", 1, 1
    one.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    one.Rows, one.Columns, one.SamplesPerPixel, one.NumberOfFrames = 8, 8, 1, frames
    one.PhotometricInterpretation, one.PixelRepresentation = "MONOCHROME2", 0
    one.BitsAllocated, one.BitsStored, one.HighBit = 8, 8, 7
    one.FrameIncrementPointer = 0x00181065
    one.FrameTimeVector = ["0"] + ["33.333"] * (frames - 1)
    one.PixelData = bytes(8 * 8 * frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that DS is written as UN
        one.save_as("cine.dcm", enforce_file_format=True)


def told():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        element = dcmread("cine.dcm")["FrameTimeVector"]
        times = [float(time) for time in element.value]
        assert [float(time) for time in highdicom.imread("cine.dcm").FrameTimeVector] == times
    return element.VR, len(times), times[:3]


right = [0.0, 33.333, 33.333]
for frames, syntax, seen in (
    (9000, ImplicitVRLittleEndian, ("DS", 9000, right)),
    (9000, ExplicitVRLittleEndian, ("DS", 9000, right)),
    (10000, ImplicitVRLittleEndian, ("DS", 10000, right)),
    (10000, ExplicitVRLittleEndian, ("UN", 69994, [48.0, 92.0, 51.0])),
):
    cine(frames, syntax)
    found = told()
    print(f"{frames} frames, {syntax.name}: {found}")
    text = sitk.ReadImage("cine.dcm").GetMetaData("0018|1065")
    assert text.split("\\")[:3] == ["0", "33.333", "33.333"]
    assert len(text.split("\\")) == frames
    if found != seen:
        raise SystemExit(f"changed: seen was {seen}")
PROGRAM
echo "as seen"
