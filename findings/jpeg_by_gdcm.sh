#!/usr/bin/env bash
# GDCM: a color scan that it made JPEG of has other colors for every reader, itself too; of 12 bits it
# makes a JPEG that no one else opens.
#
# GDCM 3.2.6, read by it, SimpleITK 2.5.7, pydicom 3.0.2 with Pillow 13.0.0 and pylibjpeg-libjpeg 2.5.0,
# imagecodecs 2026.3.6, numpy 2.4.6, seen 2026-12-01.
# ImageChangeTransferSyntax of an RGB still of 96 x 128, in the open, to JPEG Baseline: the codestream is
# YCbCr, without JFIF or Adobe marker, under a PhotometricInterpretation that still says RGB. The mean
# error is 46 levels for each of the readers: gray tissue is green, (40, 128, 128) where (40, 40, 40) was.
# Of a still of 12 bits in 16, JPEG Extended: the frame header of the codestream says 16 bits a sample,
# which lossy JPEG does not have (ISO/IEC 10918-1, B.2.2); SimpleITK, which brings GDCM, reads it back to
# within a level, pydicom and imagecodecs refuse it. Change() and Write() are true, and nothing warns.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet python-gdcm==3.2.6 pydicom==3.0.2 pylibjpeg==2.1.0 \
  pylibjpeg-libjpeg==2.5.0 pillow==13.0.0 simpleitk==2.5.7 imagecodecs==2026.3.6 numpy==2.4.6
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
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid

sitk.ProcessObject.SetGlobalWarningDisplay(False)
y, x = np.mgrid[:96, :128]
heart = (40 + 150 * np.exp(-((x - 64) ** 2 + (y - 48) ** 2) / 900)).astype(np.uint8)
color = np.repeat(heart[..., None], 3, axis=2)
color[40:60, 50:80] = (220, 30, 10)  # the Doppler box
deep = heart.astype(np.uint16) << 4


def write(samples, stored, path):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Modality, ds.PatientName, ds.PatientID = "US", "", "1"
    ds.Rows, ds.Columns, ds.SamplesPerPixel = 96, 128, samples.ndim * 2 - 3
    ds.PhotometricInterpretation = "RGB" if samples.ndim == 3 else "MONOCHROME2"
    if samples.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = samples.itemsize * 8, stored, stored - 1
    ds.PixelRepresentation = 0
    ds.PixelData = samples.tobytes()
    ds["PixelData"].VR = "OW"
    ds.save_as(path, enforce_file_format=True)


def transcode(source, syntax, target):
    reader = gdcm.ImageReader()
    reader.SetFileName(source)
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(target)
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


def by_gdcm(path):
    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    assert reader.Read()
    flat = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(flat, np.uint8).reshape(96, 128, 3)


def stream(path):
    (one,) = generate_frames(dcmread(path).PixelData, number_of_frames=1)
    return one


write(color, 8, "color.dcm")
transcode("color.dcm", gdcm.TransferSyntax.JPEGBaselineProcess1, "baseline.dcm")
READERS = {
    "GDCM": by_gdcm,
    "SimpleITK": lambda path: sitk.GetArrayFromImage(sitk.ReadImage(path))[0],
    "pydicom, Pillow": lambda path: pixel_array(path, decoding_plugin="pillow"),
    "pydicom, pylibjpeg": lambda path: pixel_array(path, decoding_plugin="pylibjpeg"),
}
for who, read in READERS.items():
    assert np.array_equal(by_gdcm("color.dcm"), color)
    found = read("baseline.dcm").astype(int)
    error = float(np.abs(found - color).mean())
    print(f"{who}: mean error {error:.1f}, {color[0, 0]} is {found[0, 0]}")
    if error < 20:
        raise SystemExit("changed: see above")
said, coded = dcmread("baseline.dcm").PhotometricInterpretation, stream("baseline.dcm")
true = imagecodecs.jpeg8_decode(coded, colorspace="YCBCR", outcolorspace="RGB").astype(int)
print(f"said {said}; as YCbCr the mean error is {np.abs(true - color).mean():.1f}")
if said != "RGB" or np.abs(true - color).mean() > 3 or b"JFIF" in coded or b"Adobe" in coded:
    raise SystemExit("changed: see above")

write(deep, 12, "deep.dcm")
transcode("deep.dcm", gdcm.TransferSyntax.JPEGExtendedProcess2_4, "extended.dcm")
coded = stream("extended.dcm")
frame = coded.index(b"\xff\xc1")
print(f"JPEG Extended of 12 bits says {coded[frame + 4]} bits")
found = sitk.GetArrayFromImage(sitk.ReadImage("extended.dcm"))[0].astype(int)
print(f"SimpleITK: mean error {np.abs(found - deep).mean():.1f} of 4095")
if coded[frame + 4] != 16 or np.abs(found - deep).mean() > 40:
    raise SystemExit("changed: see above")
for who, read in (
    ("pydicom, pylibjpeg", lambda: pixel_array("extended.dcm", decoding_plugin="pylibjpeg")),
    ("imagecodecs", lambda: imagecodecs.jpeg8_decode(coded)),
):
    try:
        read()
    except Exception as error:
        print(f"{who}: {str(error).strip().splitlines()[-1][:90]}")
    else:
        raise SystemExit(f"changed: {who} reads it")
PROGRAM
echo "as seen"
