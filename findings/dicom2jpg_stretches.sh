#!/usr/bin/env bash
# dicom2jpg: every still is stretched to its own darkest and brightest pixel, so one caliper darkens it.
#
# dicom2jpg 0.1.10, pydicom 3.0.2, opencv-python 5.0.0.93, numpy 2.4.6, seen 2026-12-01.
# 8-bit ultrasound is shown as it is stored: its gray levels are the gain that was set. What comes of
#   a dark still, levels 0 to 63             levels 0 to 255; the header's window changes nothing
#   the same with one white pixel            the levels as they are: a fourth as bright as without it
#   a still of one level (a flat phantom)    black
#   a dark color still                       its colors stretched together, 0 to 255
#   PALETTE COLOR                            its numbers, stretched, in gray; no file, but an error
#   a color cine                             no file, and no exception; a gray one is told to be unsupported
# So brightness tells the frames of a site apart by what is drawn on them, and nothing says so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dicom2jpg==0.1.10 pydicom==3.0.2 numpy==2.4.6 \
  opencv-python==5.0.0.93 opencv-python-headless==5.0.0.93
cd "$work"
venv/bin/python - <<'PROGRAM'
import shutil
import warnings
from pathlib import Path

import dicom2jpg
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

warnings.simplefilter("ignore")  # NumPy's, of a division by zero
TISSUE = np.random.default_rng(0).integers(0, 64, (48, 64), np.uint8)
TISSUE[0, :2] = 0, 63


def written(pixels, photometric="MONOCHROME2", frames=1, **stated):
    """What dicom2jpg makes of (H, W), (H, W, 3) or (T, H, W, 3) pixels."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = UltrasoundMultiFrameImageStorage if frames > 1 else UltrasoundImageStorage
    ds.SOPInstanceUID = generate_uid()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Modality, ds.PatientID, ds.AccessionNumber = "US", "1", "1"
    ds.StudyDate, ds.StudyTime, ds.SeriesNumber, ds.InstanceNumber = "20200101", "120000", 1, 1
    color = photometric == "RGB"
    ds.Rows, ds.Columns = pixels.shape[-3:-1] if color else pixels.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = (3 if color else 1), photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    if color:
        ds.PlanarConfiguration = 0
    if frames > 1:
        ds.NumberOfFrames = frames
    ds.PixelData = pixels.tobytes()
    for name, value in stated.items():
        setattr(ds, name, value)
    ds.save_as("scan.dcm", enforce_file_format=True)
    return dicom2jpg.dicom2img("scan.dcm")


def files():
    """How many pictures it writes of the scan."""
    shutil.rmtree("out", ignore_errors=True)
    dicom2jpg.dicom2png("scan.dcm", target_root="out")
    return len(list(Path("out").rglob("*.png")))


def told(name, found):
    print(f"{name:28} {found.min():3} to {found.max():3}, mean {found.mean():.0f}")


dark = written(TISSUE)
told("levels 0 to 63", dark)
assert files() == 1 and (dark.min(), dark.max()) == (0, 255)

windowed = written(TISSUE, WindowCenter=128, WindowWidth=256)
told("the same, window 0 to 255", windowed)
assert np.array_equal(dark, windowed)

drawn = TISSUE.copy()
drawn[-1, -1] = 255
marked = written(drawn)
told("the same, one white pixel", marked)
assert np.array_equal(marked, drawn) and dark.mean() > 3.9 * marked.mean()

flat = written(np.full((48, 64), 40, np.uint8))
told("level 40 all over", flat)
assert flat.max() == 0

colors = np.stack([TISSUE, TISSUE // 2, TISSUE // 4], axis=-1)
stretched = written(colors, "RGB")
told("color, 0 to 63", stretched)
assert stretched.max() == 255 and abs(stretched[..., 1].max() - 124) <= 2

ramp = (np.arange(256) * 257).astype("<u2")
tables = {"Red": ramp[::-1], "Green": ramp, "Blue": ramp // 2}
palette = {f"{one}PaletteColorLookupTableDescriptor": [256, 0, 16] for one in tables}
palette |= {f"{one}PaletteColorLookupTableData": each.tobytes() for one, each in tables.items()}
indexes = written(TISSUE, "PALETTE COLOR", **palette)
told("palette", indexes)
assert indexes.shape == (48, 64) and np.array_equal(indexes, dark)

written(np.stack([colors] * 5), "RGB", frames=5)
print("a color cine:", files(), "files")
assert files() == 0
print("as seen")
PROGRAM
