"""Simulated scans as DICOM files, in any transfer syntax and photometric that scanners use."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.tag import Tag

from echoatlas.pipeline.read.dicom.transfer_syntaxes import BY_KEYWORD
from echoatlas.simulate.files.encoding import (
    BARE,
    LOSSLESS,
    NATIVE,
    VIDEO,
    coded_frames,
    native_bytes,
    to_ybr,
)
from echoatlas.simulate.files.headers import header
from echoatlas.simulate.pictures.palette import indexed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.simulate.pictures.scans import SimulatedScan

BIG_ENDIAN = BY_KEYWORD["ExplicitVRBigEndian"].uid
IMPLICIT = BY_KEYWORD["ImplicitVRLittleEndian"].uid
EXPLICIT = BY_KEYWORD["ExplicitVRLittleEndian"].uid


def write_dicom(
    scan: SimulatedScan,
    transfer_syntax: str = EXPLICIT,
    photometric: str | None = None,
    *,
    planar: int = 0,
    palette_bits: int = 16,
    quality: int = 92,
    fragments: int = 1,
    offsets: Literal["basic", "none", "extended"] = "basic",
    overrides: Mapping[str, Any] | None = None,
    **habits: Any,
) -> bytes:
    """A scan as a DICOM file (PS3.10).

    Args:
        transfer_syntax: one of ``encoding.SYNTAXES``.
        photometric: MONOCHROME1, MONOCHROME2, RGB, PALETTE COLOR, YBR_FULL or YBR_FULL_422; None
            for what the pictures and the syntax make usual.
        planar: planar configuration of native color.
        palette_bits: width of the entries of a palette, 8 or 16.
        fragments: of each encapsulated frame.
        offsets: which offset table an encapsulated cine has.
        overrides: DICOM keyword to value, set last; None removes the attribute.
        habits: of ``headers.header``.
    """
    dataset = header(scan, **habits)
    native = transfer_syntax in NATIVE
    color = scan.pictures.ndim == 4
    photometric = photometric or ("RGB" if color else "MONOCHROME2")
    stored = _stored(scan.pictures, photometric, native or transfer_syntax in BARE)
    if photometric == "PALETTE COLOR":
        stored = indexed(dataset, scan.pictures, palette_bits, transfer_syntax == BIG_ENDIAN)
    dataset.Rows, dataset.Columns = stored.shape[1:3]
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    if native:
        raw = native_bytes(stored, photometric, planar)
        dataset.PixelData = raw + b"\0" * (len(raw) % 2)
        dataset["PixelData"].VR = "OW" if transfer_syntax == IMPLICIT else "OB"
    else:
        fps = 1000 / scan.frame_time if scan.frame_time else 30.0
        frames, photometric = coded_frames(stored, transfer_syntax, photometric, quality, fps)
        _encapsulate(dataset, frames, fragments, offsets)
        if transfer_syntax in VIDEO:
            dataset.Rows, dataset.Columns = stored.shape[1] // 2 * 2, stored.shape[2] // 2 * 2
            stored = stored if stored.ndim == 4 else stored[..., None].repeat(3, -1)
        if transfer_syntax not in LOSSLESS:
            dataset.LossyImageCompression = "01"
    dataset.PhotometricInterpretation = photometric
    dataset.SamplesPerPixel = 3 if stored.ndim == 4 else 1
    if stored.ndim == 4:
        dataset.PlanarConfiguration = planar
    for keyword, value in (overrides or {}).items():
        if value is None:
            dataset.pop(Tag(keyword), None)
        else:
            setattr(dataset, keyword, value)
    return _file(dataset, transfer_syntax, scan)


def _stored(pictures: NDArray[np.uint8], photometric: str, convert: bool) -> NDArray[np.uint8]:
    """Pictures in the values that are stored, where the codec doesn't convert by itself."""
    if photometric == "MONOCHROME1":
        return np.asarray(255 - pictures, np.uint8)
    if photometric.startswith("YBR") and convert and pictures.ndim == 4:
        return to_ybr(pictures[:, :, : pictures.shape[2] // 2 * 2])
    return pictures


def _encapsulate(dataset: Dataset, frames: list[bytes], fragments: int, offsets: str) -> None:
    if offsets == "extended":
        dataset.PixelData, table, lengths = encapsulate_extended(frames)
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = table, lengths
    else:
        dataset.PixelData = encapsulate(
            frames, fragments_per_frame=fragments, has_bot=offsets == "basic"
        )
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def _file(dataset: Dataset, syntax: str, scan: SimulatedScan) -> bytes:
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength, meta.FileMetaInformationVersion = 0, b"\0\1"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = "1.2.826.0.1.3680043.10.999.1"
    meta.ImplementationVersionName = "SIMULATED_1"
    # Scanners name themselves here, and some name the place they stand in.
    meta.SourceApplicationEntityTitle = scan.device.station
    dataset.file_meta, dataset.preamble = meta, b"\0" * 128
    buffer = BytesIO()
    # The encoding is given outright: pydicom does not know every syntax that scanners write.
    dcmwrite(
        buffer,
        dataset,
        implicit_vr=syntax == IMPLICIT,
        little_endian=syntax != BIG_ENDIAN,
        force_encoding=True,
    )
    return buffer.getvalue()
