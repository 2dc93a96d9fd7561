"""Volumes and sequences of research formats: NIfTI, MetaImage, NRRD."""

from __future__ import annotations

import bz2
import io
import logging
import re
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays import array_scan
from echoatlas.pipeline.read.axes import COLOR, STACK
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.kinds import nifti_kinds, nrrd_kinds
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
MILLISECONDS = {"sec": 1000.0, "msec": 1.0, "usec": 0.001}
MILLIMETERS = {"mm": 1.0, "meter": 1000.0, "micron": 0.001}


def gunzip(data: bytes, limit: int) -> bytes:
    """Undo gzip, to ``limit`` bytes at most.

    Raises:
        Reject: ``too_large``, or ``truncated``/``unreadable``.
    """
    engine = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        plain = engine.decompress(data, limit)
    except zlib.error:
        raise Reject(Reason.UNREADABLE, "the compressed data are damaged") from None
    if engine.unconsumed_tail:
        raise Reject(Reason.TOO_LARGE, f"the content inflates to more than {limit} bytes")
    if not engine.eof:
        raise Reject(Reason.TRUNCATED, "the compressed data end early")
    return plain


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
        _check_there(shape, dtype, len(data), config)
        raw = np.asanyarray(image.dataobj)
        length, time = header.get_xyzt_units()
        zooms = [float(zoom) for zoom in header.get_zooms()]
    except (*ERRORS, HeaderDataError, ImageFileError, WrapStructError) as error:
        raise _unreadable(error) from None
    kinds = nifti_kinds(shape, int(header["intent_code"]), header.get_dim_info()[2])
    values = raw.T
    if raw.dtype.names:
        values = np.stack([values[name] for name in raw.dtype.names[:3]], axis=-1)
        kinds.append(COLOR)
    scale = MILLIMETERS.get(length, 0.0)
    sizes = [zoom * scale if axis < 3 else 0.0 for axis, zoom in enumerate(zooms)][::-1]
    per = MILLISECONDS.get(time)
    step = zooms[3] * per if per and len(zooms) > 3 and shape[2] == 1 else None
    return array_scan(
        values, "nifti", config, kinds=kinds, sizes=[*sizes, 0.0], step_ms=step, rows=_rows(header)
    )


def _rows(header: Any) -> str:
    """Which way rows run. DICOM's run to the back, so a NIfTI whose second axis runs there is as
    it was; dcm2niix turns it, and leaves columns running to the left. A matrix without any sign
    is the one of programs that ask for no orientation: it says nothing."""
    sform = int(header["sform_code"])
    affine = header.get_sform() if sform or not int(header["qform_code"]) else header.get_qform()
    x, y = float(affine[0, 0]), float(affine[1, 1])
    return "down" if y < 0 else "up" if x < 0 < y else ""


def read_meta(data: bytes, config: ReadConfig) -> Scan:
    """MetaImage with its values in the same file (.mha).

    Raises:
        Reject: ``no_pixels`` if the values lie in another file, ``unreadable``, ``truncated``.
    """
    head = re.search(rb"ElementDataFile\s*=\s*([^\r\n]*)(?:\r?\n|\Z)", data[: 1 << 16])
    if head is None:
        raise Reject(Reason.UNREADABLE, "the header does not say where its values are")
    if head.group(1).strip().upper() != b"LOCAL":
        raise Reject(Reason.NO_PIXELS, "the volume's values lie in another file")
    fields = {
        key.strip(): value.strip()
        for key, _, value in (
            line.partition("=") for line in data[: head.start()].decode("latin-1").splitlines()
        )
    }
    try:
        shape = tuple(int(side) for side in fields["DimSize"].split())[::-1]
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        big = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "")) == "True"
        dtype = np.dtype((">" if big else "<") + META_TYPES[fields["ElementType"]])
        body = data[head.end() :]
        if fields.get("CompressedData", "").lower() == "true":
            body = gunzip(body, config.max_inflated)
        values = _values(body, (*shape, channels) if channels > 1 else shape, dtype, config)
        kinds = nrrd_kinds(fields.get("Kinds", ""), shape[::-1])
        kinds += [COLOR if channels in (3, 4) else STACK] if channels > 1 else []
        written = fields.get("ElementSpacing", fields.get("ElementSize", "")).split()
        sizes = _lengths(written, len(shape))
    except ERRORS as error:
        raise _unreadable(error) from None
    return array_scan(values, "mha", config, kinds=kinds, sizes=[*sizes, 0.0])


def read_nrrd(data: bytes, config: ReadConfig) -> Scan:
    """NRRD with its values attached.

    Raises:
        Reject: ``no_pixels`` if they are detached, ``unreadable``, ``truncated``,
            ``unsupported_codec``.
    """
    end = re.search(rb"\r?\n\r?\n", data[: 1 << 20])
    head = data[: end.start() if end else 1 << 16].decode("latin-1")
    fields = {
        key.strip().lower(): value.strip()
        for key, colon, value in (line.partition(":") for line in head.splitlines()[1:])
        if colon and not key.startswith("#") and not value.startswith("=")
    }
    if "data file" in fields or "datafile" in fields:
        raise Reject(Reason.NO_PIXELS, "the volume's values lie in another file")
    if end is None:
        raise Reject(Reason.TRUNCATED, "the header has no end")
    try:
        sizes = tuple(int(side) for side in fields["sizes"].split())
        order = ">" if fields.get("endian") == "big" else "<"
        dtype = np.dtype(order + NRRD_TYPES[fields["type"]])
        body = _decoded(data[end.end() :], fields.get("encoding", "raw").lower(), dtype, config)
        values = _values(body, sizes[::-1], dtype, config)
        kinds = nrrd_kinds(fields.get("kinds", ""), sizes)
        lengths = _nrrd_lengths(fields, len(sizes))
    except ERRORS as error:
        raise _unreadable(error) from None
    return array_scan(values, "nrrd", config, kinds=kinds, sizes=lengths)


def _decoded(body: bytes, encoding: str, dtype: np.dtype[Any], config: ReadConfig) -> bytes:
    if encoding == "raw":
        return body
    if encoding in ("gzip", "gz"):
        return gunzip(body, config.max_inflated)
    if encoding in ("bzip2", "bz2"):
        plain = bz2.BZ2Decompressor().decompress(body, config.max_inflated + 1)
        if len(plain) > config.max_inflated:
            raise Reject(Reason.TOO_LARGE, "the content inflates to more than is accepted")
        return plain
    if encoding in ("ascii", "text", "txt"):
        return np.loadtxt(io.BytesIO(body), dtype=np.float64).astype(dtype).tobytes()
    raise Reject(Reason.UNSUPPORTED_CODEC, "the encoding of the values is not read")


def _nrrd_lengths(fields: dict[str, str], axes: int) -> list[float]:
    """Millimeters along each axis by "spacings" or "space directions", the fastest axis last."""
    if "spacings" in fields:
        return _lengths(fields["spacings"].split(), axes)
    vectors = re.findall(r"none|\(([^)]*)\)", fields.get("space directions", ""))
    norms = [float(np.linalg.norm([float(x) for x in v.split(",")])) if v else 0 for v in vectors]
    return _lengths([str(norm) for norm in norms], axes)


def _lengths(written: Sequence[str], axes: int) -> list[float]:
    """Lengths as they are written, 0 for those that are none, the fastest axis last."""
    told = [float(part) for part in written]
    told = [part if np.isfinite(part) and part > 0 else 0.0 for part in told]
    return told[::-1] if len(told) == axes else [0.0] * axes


def _values(
    body: bytes, shape: tuple[int, ...], dtype: np.dtype[Any], config: ReadConfig
) -> NDArray[Any]:
    _check_there(shape, dtype, len(body), config)
    count = int(np.prod(shape, dtype=object))
    flat = np.frombuffer(body, dtype, count)
    return flat.astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def _check_there(
    shape: tuple[int, ...], dtype: np.dtype[Any], there: int, config: ReadConfig
) -> None:
    """The header's claim against the bytes that are there, in exact arithmetic."""
    if not shape or min(shape) < 1:
        raise Reject(Reason.NO_PIXELS, "the volume has no extent")
    claimed = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if claimed > config.max_inflated:
        raise Reject(Reason.TOO_LARGE, f"the volume claims more than {config.max_inflated} bytes")
    if claimed > there:
        raise Reject(Reason.TRUNCATED, "the volume claims more bytes than are there")


def _unreadable(error: Exception) -> Reject:
    return Reject(Reason.UNREADABLE, f"the volume cannot be read ({type(error).__name__})")
