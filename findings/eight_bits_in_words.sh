#!/usr/bin/env bash
# pydicom: a scan of 8 bits in words that it compressed is read by nobody, or not by SimpleITK.
#
# pydicom 3.0.2, pylibjpeg 2.1.0, pylibjpeg-rle 2.2.0, pyjpegls 1.5.1, SimpleITK 2.5.7, numpy 2.4.6,
# seen 2026-12-01.
# ITK's programs and frame grabbers keep 8 bits of echo in words of 16 (BitsAllocated 16, BitsStored 8), which
# is valid. ``Dataset.compress`` makes of them without a warning
#   RLE         planes of half the length: not read by pydicom, pylibjpeg or SimpleITK
#   JPEG-LS     8 bits a sample under BitsAllocated 16: read by pydicom, an error for SimpleITK
# With 9 bits stored, or 8 in bytes, each reads what was compressed. The samples of the RLE are all there:
# bytes were coded as if they were words, so every other sample lies in each plane.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydicom==3.0.2 pylibjpeg==2.1.0 pylibjpeg-rle==2.2.0 pyjpegls==1.5.1 \
  SimpleITK==2.5.7 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import warnings

warnings.simplefilter("ignore")
import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, RLELossless, UltrasoundImageStorage
from pydicom.uid import generate_uid

SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
y, x = np.mgrid[:64, :80]
echo = (x * 2 + y).astype(np.uint8)


def scan(allocated, stored):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.PhotometricInterpretation = "US", "MONOCHROME2"
    made.Rows, made.Columns = echo.shape
    made.SamplesPerPixel, made.PixelRepresentation = 1, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = allocated, stored, stored - 1
    made.PixelData = echo.astype(f"<u{allocated // 8}").tobytes()
    made["PixelData"].VR = "OW" if allocated > 8 else "OB"
    return made


def by_pydicom(plugin):
    read = pydicom.dcmread("scan.dcm")
    read.pixel_array_options(decoding_plugin=plugin)
    return read.pixel_array


READERS = {
    "pydicom": lambda: by_pydicom("pydicom"),
    "pylibjpeg": lambda: by_pydicom("pylibjpeg"),
    "pyjpegls": lambda: by_pydicom("pyjpegls"),
    "SimpleITK": lambda: SimpleITK.GetArrayFromImage(SimpleITK.ReadImage("scan.dcm"))[0],
}
TRIED = {"RLE": ("pydicom", "pylibjpeg", "SimpleITK"), "JPEG-LS": ("pyjpegls", "SimpleITK")}
UIDS = {"RLE": RLELossless, "JPEG-LS": JPEGLSLossless}
LOST = {("RLE", 16, 8, who) for who in TRIED["RLE"]} | {("JPEG-LS", 16, 8, "SimpleITK")}
for coding, readers in TRIED.items():
    for allocated, stored in ((8, 8), (16, 8), (16, 9)):
        made = scan(allocated, stored)
        made.compress(UIDS[coding])
        made.save_as("scan.dcm", enforce_file_format=True)
        for who in readers:
            try:
                found = "read" if np.array_equal(READERS[who](), echo) else "other samples"
            except Exception as error:
                found = type(error).__name__
            print(f"{coding}, {stored} bits in {allocated}; {who}: {found}")
            if (found == "read") == ((coding, allocated, stored, who) in LOST):
                raise SystemExit("changed")
PROGRAM
echo "as seen"
