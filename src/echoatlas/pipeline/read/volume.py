"""Volumes and sequences of research formats: NIfTI, MetaImage, NRRD."""

from __future__ import annotations

import logging
import re
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays import array_scan
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.metaimage import meta_header, meta_values
from echoatlas.pipeline.read.nrrd import nrrd_header, nrrd_values
from echoatlas.pipeline.read.surplus import check_end, gunzip
from echoatlas.pipeline.read.tracked import check_type, frame_stamps, toward_far
from echoatlas.schemas.records import Scan

# Complaints about headers, to standard error.
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL + 1)
ERRORS = (
    EOFError,
    LookupError,
    OSError,
    OverflowError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
META_TYPES = {
    "MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2",
    "MET_UINT": "u4", "MET_INT": "i4", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
    "MET_UCHAR_ARRAY": "u1",
}  # fmt: skip
NRRD_TYPES = {
    "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "uint8_t": "u1",
    "char": "i1", "signed char": "i1", "int8": "i1", "int8_t": "i1",
    "ushort": "u2", "unsigned short": "u2", "uint16": "u2", "uint16_t": "u2",
    "short": "i2", "signed short": "i2", "int16": "i2", "int16_t": "i2",
    "uint": "u4", "unsigned int": "u4", "uint32": "u4", "uint32_t": "u4",
    "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4",
    "float": "f4", "double": "f8",
}  # fmt: skip
EXTENSION_FLAG = 4  # bytes between a NIfTI header and what may follow it
MILLISECONDS = {"sec": 1000.0, "msec": 1.0, "usec": 0.001}
MILLIMETERS = {"mm": 1.0, "meter": 1000.0, "micron": 0.001}


def read_nifti(data: bytes, config: ReadConfig) -> Scan:
    """NIfTI 1 or 2, plain or gzipped. Its first axis runs along rows of the picture.

    Raises:
        Reject: ``unreadable``, ``truncated``, ``too_large``, ``no_pixels`` for a header alone.
    """
    import nibabel  # not with the module: few files need it, and each worker would load it
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    if data[:2] == b"\x1f\x8b":
        data = gunzip(data, config.max_inflated)
    if data[344:348] == b"ni1\0":
        raise Reject(Reason.NO_PIXELS, "the volume's values lie in another file")
    kind = nibabel.Nifti2Image if data[4:8] == b"n+2\0" else nibabel.Nifti1Image
    try:
        image: Any = kind.from_bytes(data)
        header = image.header
        shape = tuple(int(side) for side in header.get_data_shape())
        dtype = header.get_data_dtype()
        start = int(image.dataobj.offset)  # the header's own is reset by now
        # 0 is what a header of its own file says: here it would show the header as a picture.
        if start < int(header["sizeof_hdr"]) + EXTENSION_FLAG:
            raise Reject(Reason.UNREADABLE, "the values are said to begin within the header")
        check_end(data, start + _claimed(shape, dtype, config))
        raw = np.asanyarray(image.dataobj)
        length, time = header.get_xyzt_units()
        zooms = [float(zoom) for zoom in header.get_zooms()]
    except (*ERRORS, HeaderDataError, ImageFileError, WrapStructError) as error:
        raise _unreadable(error) from None
    if raw.dtype.names:
        raw = np.stack([raw[name] for name in raw.dtype.names[:3]], axis=-1)
        values = np.moveaxis(raw.T, 0, -1)
    else:
        values = raw.T
    scale = MILLIMETERS.get(length)
    spacing = (zooms[0] * scale, zooms[1] * scale) if scale and min(zooms[:2]) > 0 else None
    per = MILLISECONDS.get(time)
    step = zooms[3] * per if per and len(zooms) > 3 and shape[2] == 1 else None
    return array_scan(values, "nifti", config, spacing=spacing, step_ms=step)


def read_meta(data: bytes, config: ReadConfig) -> Scan:
    """MetaImage with its values in the same file (.mha).

    Raises:
        Reject: ``no_pixels`` if the values lie in another file, ``unreadable``, ``truncated``.
    """
    try:
        header = meta_header(data)
        fields = header.fields
        shape = tuple(int(side) for side in fields["DimSize"].split())[::-1]
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        shape = (*shape, channels) if channels != 1 else shape
        big = header.flag("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
        dtype = np.dtype((">" if big else "<") + META_TYPES[fields["ElementType"]])
        body = meta_values(data, header, _claimed(shape, dtype, config), config)
        values = _values(body, shape, dtype)
        check_type(fields)
        values = toward_far(fields, values, values.ndim - (2 if channels > 1 else 1))
        times = frame_stamps(fields)
        sizes = fields.get("ElementSpacing", fields.get("ElementSize", "")).split()
        spacing = (float(sizes[0]), float(sizes[1])) if len(sizes) > 1 else None
    except ERRORS as error:
        raise _unreadable(error) from None
    return array_scan(values, "mha", config, spacing=spacing, times=times)


def read_nrrd(data: bytes, config: ReadConfig) -> Scan:
    """NRRD with its values attached.

    Raises:
        Reject: ``no_pixels`` if they are detached, ``unreadable``, ``truncated``,
            ``unsupported_codec``.
    """
    try:
        header = nrrd_header(data)
        fields = header.fields
        sizes = tuple(int(side) for side in fields["sizes"].split())
        order = {"big": ">", "little": "<"}[fields.get("endian", "little").lower()]
        dtype = np.dtype(order + NRRD_TYPES[fields["type"]])
        body = nrrd_values(data, header, dtype, _claimed(sizes, dtype, config), config)
        values = _values(body, sizes[::-1], dtype)
        kinds = fields.get("kinds", "").lower().split()
        color = bool(kinds) and kinds[0] in (
            "rgb-color", "rgba-color", "vector", "3-color", "4-color", "3-vector",
        )  # fmt: skip
        spacing = _nrrd_spacing(fields, skip=int(color))
        check_type(header.notes)
        values = toward_far(header.notes, values, values.ndim - (2 if color else 1))
        times = frame_stamps(header.notes)
    except ERRORS as error:
        raise _unreadable(error) from None
    return array_scan(values, "nrrd", config, spacing=spacing, times=times)


def _nrrd_spacing(fields: dict[str, str], skip: int) -> tuple[float, float] | None:
    """Millimeters a pixel from "spacings" or "space directions"; the last needs space units."""
    if "spacings" in fields:
        parts = [float(part) for part in fields["spacings"].split()][skip:]
    else:
        vectors = re.findall(r"\(([^)]*)\)", fields.get("space directions", ""))
        parts = [float(np.linalg.norm([float(x) for x in v.split(",")])) for v in vectors]
    if len(parts) < 2 or not all(np.isfinite(part) and part > 0 for part in parts[:2]):
        return None
    return parts[0], parts[1]


def _values(body: memoryview, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    flat = np.frombuffer(body, dtype)
    return flat.astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def _claimed(shape: tuple[int, ...], dtype: np.dtype[Any], config: ReadConfig) -> int:
    """The bytes that a header claims, in exact arithmetic.

    Raises:
        Reject: ``no_pixels`` for none, ``too_large`` beyond the bounds.
    """
    if not shape or min(shape) < 1:
        raise Reject(Reason.NO_PIXELS, "the volume has no extent")
    claimed = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if claimed > config.max_inflated:
        raise Reject(Reason.TOO_LARGE, f"the volume claims more than {config.max_inflated} bytes")
    return claimed


def _unreadable(error: Exception) -> Reject:
    return Reject(Reason.UNREADABLE, f"the volume cannot be read ({type(error).__name__})")
