#!/usr/bin/env bash
# pydicom: a color scan that is stored plane by plane is in disorder once it was compressed without
# loss; by RLE for every reader, by JPEG 2000 for every one but pydicom itself.
#
# pydicom 3.0.2 with pylibjpeg-openjpeg 2.6.0, pyjpegls 1.5.1, read by it, SimpleITK 2.5.7, GDCM 3.2.6
# and imagecodecs 2026.3.6, numpy 2.4.6, seen 2026-12-01.
# PlanarConfiguration 1 is what older scanners of several makers write: all red, all green, all blue.
# Of Dataset.compress() of such an RGB still of 96 x 128 comes, as mean error in levels
#   RLELossless         pydicom 40, SimpleITK 40, GDCM 40
#   JPEG2000Lossless    pydicom 0, SimpleITK 40, GDCM 40, the codestream itself by imagecodecs 40
#   JPEGLSLossless      0 for all
# The encoders take planes for pixels: three neighbors of the red plane become the color of one pixel, so
# the picture is nine small gray ones. Of JPEG 2000 pydicom alone applies the attribute once more, which
# there speaks of no planes, and so undoes it: whoever reads with what wrote it sees no fault. Nothing
# warns.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydicom==3.0.2 pylibjpeg==2.1.0 pylibjpeg-openjpeg==2.6.0 \
  pyjpegls==1.5.1 simpleitk==2.5.7 python-gdcm==3.2.6 imagecodecs==2026.3.6 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import gdcm
import imagecodecs
import numpy as np
import SimpleITK as sitk
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    UltrasoundImageStorage,
    generate_uid,
)

sitk.ProcessObject.SetGlobalWarningDisplay(False)
y, x = np.mgrid[:96, :128]
heart = (40 + 150 * np.exp(-((x - 64) ** 2 + (y - 48) ** 2) / 900)).astype(np.uint8)
scan = np.repeat(heart[..., None], 3, axis=2)
scan[40:60, 50:80] = (220, 30, 10)  # the Doppler box

ds = Dataset()
ds.file_meta = FileMetaDataset()
ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
ds.Modality, ds.PatientName, ds.PatientID = "US", "", "1"
ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PlanarConfiguration = 96, 128, 3, 1
ds.PhotometricInterpretation = "RGB"
ds.BitsAllocated = ds.BitsStored = 8
ds.HighBit, ds.PixelRepresentation = 7, 0
ds.PixelData = np.moveaxis(scan, -1, 0).tobytes()
ds["PixelData"].VR = "OB"
ds.save_as("planes.dcm", enforce_file_format=True)


def by_gdcm(path):
    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    assert reader.Read()
    image = reader.GetImage()
    flat = np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), np.uint8)
    if image.GetPlanarConfiguration():
        return np.moveaxis(flat.reshape(3, 96, 128), 0, -1)
    return flat.reshape(96, 128, 3)


def by_itself(path):
    (stream,) = generate_frames(dcmread(path).PixelData, number_of_frames=1)
    return imagecodecs.jpeg2k_decode(stream)


READERS = {
    "pydicom": pixel_array,
    "SimpleITK": lambda path: sitk.GetArrayFromImage(sitk.ReadImage(path))[0],
    "GDCM": by_gdcm,
}
SEEN = {
    "in the open": dict.fromkeys(READERS, False),
    "RLELossless": dict.fromkeys(READERS, True),
    "JPEG2000Lossless": {"pydicom": False, "SimpleITK": True, "GDCM": True, "imagecodecs": True},
    "JPEGLSLossless": dict.fromkeys(READERS, False),
}
for name, syntax in (
    ("in the open", None),
    ("RLELossless", RLELossless),
    ("JPEG2000Lossless", JPEG2000Lossless),
    ("JPEGLSLossless", JPEGLSLossless),
):
    one = dcmread("planes.dcm")
    if syntax:
        one.compress(syntax)
    one.save_as("coded.dcm")
    readers = READERS | ({"imagecodecs": by_itself} if name == "JPEG2000Lossless" else {})
    told = {
        who: float(np.abs(open_("coded.dcm").astype(int) - scan).mean())
        for who, open_ in readers.items()
    }
    print(f"{name}:", ", ".join(f"{who} {error:.1f}" for who, error in told.items()))
    if {who: error > 20 for who, error in told.items()} != SEEN[name]:
        raise SystemExit(f"changed: {name}, wrong was {SEEN[name]}")
PROGRAM
echo "as seen"
