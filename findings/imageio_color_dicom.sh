#!/usr/bin/env bash
# imageio: of a color scan in native DICOM `imread` gives the upper third, in gray and sheared.
#
# imageio 2.38.1, pydicom 3.0.2, numpy 2.4.6, seen 2026-11-30.
# Samples of color are stored pixel by pixel (PlanarConfiguration 0: R G B R G B ...), as scanners do.
# `imread` of such a still of 120 x 200 gives (120, 200): the first 24,000 numbers of 72,000, so that a
# row holds the red, green and blue of 67 pixels side by side. `volread` gives (3, 120, 200), three
# such thirds in place of red, green and blue. Of a clip of 4 both give (3, 4, 120, 200), in the same
# disorder. Gray comes out right. Nothing is said of it; that the plugin which reads so by default is
# deprecated is said when it is imported. Ask for the other one: `imread(name, plugin="pydicom")`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet imageio==2.38.1 pydicom==3.0.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import contextlib
import io
import warnings
from pathlib import Path

import imageio
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

warnings.simplefilter("error")
warnings.filterwarnings("ignore", "The legacy `DICOM` plugin is deprecated", DeprecationWarning)
STILL, CLIP = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"


def written(samples: np.ndarray, name: str) -> str:
    """An ultrasound object of frames, rows, columns and colors, alone in its folder."""
    frames, rows, columns, colors = samples.shape
    scan = Dataset()
    scan.file_meta = FileMetaDataset()
    scan.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    scan.SOPClassUID = STILL if frames == 1 else CLIP
    scan.file_meta.MediaStorageSOPClassUID = scan.SOPClassUID
    scan.SOPInstanceUID = scan.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    scan.StudyInstanceUID, scan.SeriesInstanceUID = generate_uid(), generate_uid()
    scan.Modality, scan.SeriesNumber, scan.InstanceNumber = "US", 1, 1
    scan.StudyDate = scan.StudyTime = ""
    scan.Rows, scan.Columns, scan.SamplesPerPixel = rows, columns, colors
    scan.PhotometricInterpretation = "RGB" if colors == 3 else "MONOCHROME2"
    if colors == 3:
        scan.PlanarConfiguration = 0
    if frames > 1:
        scan.NumberOfFrames, scan.FrameTime = frames, 40
    scan.BitsAllocated = scan.BitsStored = 8
    scan.HighBit, scan.PixelRepresentation = 7, 0
    scan.PixelData = samples.tobytes()
    place = Path(name)
    place.mkdir()
    scan.save_as(place / "scan.dcm", enforce_file_format=True)
    return str(place / "scan.dcm")


y, x = np.mgrid[:120, :200]
colored = np.stack([x, 2 * y, (x + y) % 256], axis=-1).astype(np.uint8)
clip = np.stack([np.roll(colored, 10 * at, axis=1) for at in range(4)])
with contextlib.redirect_stdout(io.StringIO()):  # a bar of progress
    gray = imageio.v3.imread(written(colored[None, ..., :1], "gray"))
    still = imageio.v3.imread(written(colored[None], "still"))
    planes = imageio.v2.volread("still/scan.dcm", format="DICOM")
    cine = imageio.v3.imread(written(clip, "clip"))
    asked = imageio.v3.imread("clip/scan.dcm", plugin="pydicom")
print("gray", gray.shape, "color", still.shape, planes.shape, "clip", cine.shape)
in_order = colored.reshape(-1)
as_seen = (
    np.array_equal(gray, colored[..., 0]),
    np.array_equal(still, in_order[: still.size].reshape(120, 200)),
    np.array_equal(planes, in_order.reshape(3, 120, 200)),
    np.array_equal(cine, clip.reshape(3, 4, 120, 200)),
    np.array_equal(asked, clip),
)
if not all(as_seen):
    raise SystemExit(f"changed: {as_seen}")
PROGRAM
echo "as described"
