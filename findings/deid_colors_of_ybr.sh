#!/usr/bin/env bash
# deid: a scan in YBR_FULL comes out of pixel cleaning in other colors all over.
#
# deid 0.4.13 with pydicom 3.0.2, seen 2026-11-29.
# Since pydicom 3 pixel_array is RGB whatever PhotometricInterpretation says. deid's DicomCleaner
# blackens in that array, puts it into PixelData, and leaves the header as it was:
#   RGB                     (200, 40, 40) stays what it is beside the blackened part
#   YBR_FULL                RGB samples under YBR_FULL: every reader shows (77, 255, 44)
#   YBR_FULL_422, native    RGB samples, three bytes a pixel, where the header says two
# The part that is to be black, written as 0, 0, 0 in YBR_FULL, is a green. (Encapsulated scans are
# decompressed to RGB first, and come out right.)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet deid==0.4.13 pydicom==3.0.2 numpy==2.4.6
cd "$work"
cat > recipe <<'RECIPE'
FORMAT dicom

%filter graylist

LABEL Banner
  contains Modality US
  ctpcoordinates 0,0,64,8
RECIPE
venv/bin/python - <<'PROGRAM'
import warnings

warnings.simplefilter("ignore")
import numpy as np
from deid.dicom import DicomCleaner
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import convert_color_space
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

shown = np.full((48, 64, 3), (200, 40, 40), np.uint8)
ycc = convert_color_space(shown, "RGB", "YBR_FULL")
halved = np.stack([ycc[:, ::2, 0], ycc[:, 1::2, 0], ycc[:, ::2, 1], ycc[:, ::2, 2]], axis=-1)
stored = {"RGB": shown, "YBR_FULL": ycc, "YBR_FULL_422": halved}
told = {}
for photometric, samples in stored.items():
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    one.Modality, one.PatientID = "US", "1"
    one.Rows, one.Columns, one.SamplesPerPixel, one.PlanarConfiguration = 48, 64, 3, 0
    one.PhotometricInterpretation, one.PixelRepresentation = photometric, 0
    one.BitsAllocated, one.BitsStored, one.HighBit = 8, 8, 7
    one.PixelData = samples.tobytes()
    one.save_as(f"{photometric}.dcm", enforce_file_format=True)
    cleaner = DicomCleaner(output_folder=".", deid="recipe")
    cleaner.detect(f"{photometric}.dcm")
    cleaner.clean()
    clean = dcmread(cleaner.save_dicom())
    told[photometric] = clean.PhotometricInterpretation, len(clean.PixelData) / (48 * 64)
    print(f"{photometric:14}header, bytes a pixel: {told[photometric]}")
    if len(clean.PixelData) == samples.nbytes:
        before, after = dcmread(f"{photometric}.dcm").pixel_array, clean.pixel_array
        told[photometric] += (*before[24, 32].tolist(), *after[24, 32].tolist(), *after[2, 2].tolist())
        print(f"{'':14}shown: {before[24, 32]}, after {after[24, 32]}, and the banner {after[2, 2]}")

if told != {
    "RGB": ("RGB", 3.0, 200, 40, 40, 200, 40, 40, 0, 0, 0),
    "YBR_FULL": ("YBR_FULL", 3.0, 200, 40, 40, 77, 255, 44, 0, 135, 0),
    "YBR_FULL_422": ("YBR_FULL_422", 3.0),
}:
    raise SystemExit("changed: see above")
PROGRAM
echo "as described"
