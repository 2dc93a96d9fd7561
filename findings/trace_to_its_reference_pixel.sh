#!/usr/bin/env bash
# Py-Echo: an M-mode trace ends at its reference pixel, or is empty, as if that were counted from the
# corner of the screen.
#
# devconheart-pyecho 2024.7.16, pydicom 3.0.2, seen 2026-12-01.
# An ultrasound region may state where its units are zero (0018,6020 and 6022); PS3.3 C.8.5.5 counts that
# from the region's own corner, and it need not lie inside of the region. Of a trace of 440 x 90 pixels
# whose corner is (100, 100), get_mmode_img() is
#   439 x 89    without a reference pixel (the region's last row and column are not in it)
#   0 x 89      where the trace begins at 0 seconds, as scanners write it: (0, 0)
#   339 x 89    where it ends at 0 seconds: (439, 0); the newest 100 columns are missing
#   120 x 89    with zero in the middle, (220, 45)
#   530 x 89    with (-10, 0): counted from the right border of the screen, so B-mode lies beside it
# Of the last nothing is noticed but beats that are missing; view_mmode() says of (0, 0) "No M-mode found".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet devconheart-pyecho==2024.7.16 pydicom==3.0.2 numpy==2.4.6
cd "$work"
MPLBACKEND=agg venv/bin/python - <<'PROGRAM'
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, UltrasoundImageStorage, generate_uid
from pyecho.echo_io import read_echo

SEEN = {None: (89, 439), (0, 0): (89, 0), (439, 0): (89, 339), (220, 45): (89, 120),
        (-10, 0): (89, 530)}  # fmt: skip
CM, SECONDS = 3, 4


def region(spatial_format, corners, units, deltas):
    one = Dataset()
    one.RegionSpatialFormat, one.RegionDataType, one.RegionFlags = spatial_format, 1, 0
    one.RegionLocationMinX0, one.RegionLocationMinY0 = corners[:2]
    one.RegionLocationMaxX1, one.RegionLocationMaxY1 = corners[2:]
    one.PhysicalUnitsXDirection, one.PhysicalUnitsYDirection = units
    one.PhysicalDeltaX, one.PhysicalDeltaY = deltas
    return one


def scan(reference):
    """A still of B-mode over M-mode, written to "scan.dcm"."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.Modality, data.PatientID, data.SeriesNumber, data.InstanceNumber = "US", "1", 1, 1
    data.Rows, data.Columns, data.SamplesPerPixel = 200, 640, 3
    data.PhotometricInterpretation, data.PlanarConfiguration = "RGB", 0
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    trace = region(2, (100, 100, 539, 189), (SECONDS, CM), (0.005, 0.02))
    if reference is not None:
        trace.ReferencePixelX0, trace.ReferencePixelY0 = reference
        trace.ReferencePixelPhysicalValueX = trace.ReferencePixelPhysicalValueY = 0.0
    picture = region(1, (100, 0, 539, 95), (CM, CM), (0.02, 0.02))
    data.SequenceOfUltrasoundRegions = [picture, trace]
    data.PixelData = np.zeros((200, 640, 3), np.uint8).tobytes()
    data.compress(RLELossless)
    data.save_as("scan.dcm", enforce_file_format=True)


for reference, seen in SEEN.items():
    scan(reference)
    shape = read_echo("scan.dcm").get_mmode_img().shape
    print(f"reference pixel {reference}: {shape[1]} x {shape[0]} of 440 x 90")
    if shape != seen:
        raise SystemExit(f"changed: seen was {seen}")
PROGRAM
echo "as seen"
