"""Simulated scans as DICOM, with headers as full of identifiers as real ones."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from echoatlas.pipeline.simulate.headers import header

if TYPE_CHECKING:
    from echoatlas.pipeline.simulate.scans import SimulatedScan


def write_dicom(scan: SimulatedScan, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """A scan as a DICOM file (PS3.10)."""
    dataset = header(scan)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationVersionName = "SIMULATOR"
    pictures = scan.pictures
    dataset.Rows, dataset.Columns = pictures.shape[1:3]
    dataset.SamplesPerPixel = 3 if pictures.ndim == 4 else 1
    dataset.PhotometricInterpretation = "RGB" if pictures.ndim == 4 else "MONOCHROME2"
    if pictures.ndim == 4:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    raw = np.ascontiguousarray(pictures).tobytes()
    dataset.PixelData = raw + b"\0" * (len(raw) % 2)
    buffer = BytesIO()
    file = FileDataset(buffer, dataset, preamble=b"\0" * 128, file_meta=meta)
    if transfer_syntax == RLELossless:
        file.compress(RLELossless, generate_instance_uid=False)
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
