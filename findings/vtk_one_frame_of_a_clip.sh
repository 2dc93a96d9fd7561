#!/usr/bin/env bash
# VTK: of an ultrasound clip its DICOM reader gives the first frame, and of most color scans disorder.
#
# vtk 9.7.2, pydicom 3.0.2, numpy 2.4.6, seen 2026-11-30.
# `vtkDICOMImageReader` (what PyVista reads .dcm with) takes native samples as they lie. Of a clip of
# 5 frames it gives the first, and neither an error nor a warning: `GetErrorCode()` is 0, one slice
# is what a still gives as well. Color that is stored plane by plane (PlanarConfiguration 1) comes out
# as if it were stored pixel by pixel: of (R, G, B) each pixel has three neighbors of one plane. Of
# YBR_FULL there is one component a pixel: the upper third, in which Y, Cb and Cr of 53 pixels and a
# third lie side by side. MONOCHROME1, in which 0 is white, is not turned. RGB pixel by pixel and
# MONOCHROME2 of one frame are right. Rows are bottom up, as VTK has them everywhere: turned here.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet vtk==9.7.2 pydicom==3.0.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import numpy as np
import vtk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from vtk.util.numpy_support import vtk_to_numpy

STILL, CLIP = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
ROWS, COLUMNS = 120, 160


def written(name: str, samples: bytes, photometric: str, frames: int = 1, planar: int = 0) -> str:
    """An ultrasound object of native samples of 8 bits."""
    scan = Dataset()
    scan.file_meta = FileMetaDataset()
    scan.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    scan.SOPClassUID = STILL if frames == 1 else CLIP
    scan.file_meta.MediaStorageSOPClassUID = scan.SOPClassUID
    scan.SOPInstanceUID = scan.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    scan.StudyInstanceUID, scan.SeriesInstanceUID = generate_uid(), generate_uid()
    scan.Modality, scan.SeriesNumber, scan.InstanceNumber = "US", 1, 1
    scan.Rows, scan.Columns, scan.PhotometricInterpretation = ROWS, COLUMNS, photometric
    scan.SamplesPerPixel = 1 if photometric.startswith("MONOCHROME") else 3
    if scan.SamplesPerPixel == 3:
        scan.PlanarConfiguration = planar
    if frames > 1:
        scan.NumberOfFrames, scan.FrameTime = frames, 40
    scan.BitsAllocated = scan.BitsStored = 8
    scan.HighBit, scan.PixelRepresentation = 7, 0
    scan.PixelData = samples
    scan.save_as(name, enforce_file_format=True)
    return name


def read(name: str) -> np.ndarray:
    """What the reader gives: slices, rows from the top, columns, components."""
    reader = vtk.vtkDICOMImageReader()
    reader.SetFileName(name)
    reader.Update()
    assert reader.GetErrorCode() == 0
    found = reader.GetOutput()
    columns, rows, slices = found.GetDimensions()
    numbers = vtk_to_numpy(found.GetPointData().GetScalars())
    return numbers.reshape(slices, rows, columns, -1)[:, ::-1]


y, x = np.mgrid[:ROWS, :COLUMNS]
clip = np.stack([(2 * y + 20 * time) % 256 for time in range(5)]).astype(np.uint8)[..., None]
color = np.stack([np.full_like(y, 200), 2 * y, x], axis=-1).astype(np.uint8)

still = read(written("still.dcm", clip[0].tobytes(), "MONOCHROME2"))
assert np.array_equal(still, clip[:1])
first = read(written("clip.dcm", clip.tobytes(), "MONOCHROME2", frames=5))
print("clip", clip.shape, "read as", first.shape)
assert np.array_equal(first, clip[:1])

right = read(written("pixels.dcm", color.tobytes(), "RGB"))
assert np.array_equal(right[0], color)
planes = np.ascontiguousarray(color.transpose(2, 0, 1))
wrong = read(written("planes.dcm", planes.tobytes(), "RGB", planar=1))
print("color by plane: pixel", color[60, 80], "read as", wrong[0, 60, 80])
assert np.array_equal(wrong[0], planes.reshape(ROWS, COLUMNS, 3))

third = read(written("ybr.dcm", color.tobytes(), "YBR_FULL"))
print("YBR_FULL", color.shape, "read as", third.shape[1:])
assert np.array_equal(third.ravel(), color.ravel()[: ROWS * COLUMNS])

negative = read(written("white.dcm", clip[0].tobytes(), "MONOCHROME1"))
print("white is zero: 0 is read as", negative[0, 0, 0, 0])
assert np.array_equal(negative, clip[:1])
PROGRAM
echo "as seen"
