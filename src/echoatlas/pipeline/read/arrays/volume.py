"""Volumes and sequences of research formats: NIfTI, MetaImage, NRRD."""

from __future__ import annotations

import logging
import re
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.axes import COLOR, STACK
from echoatlas.pipeline.read.arrays.kinds import nifti_kinds, nrrd_kinds
from echoatlas.pipeline.read.arrays.metaimage import meta_header, meta_values
from echoatlas.pipeline.read.arrays.nrrd import nrrd_header, nrrd_values
from echoatlas.pipeline.read.arrays.orientation import OBLIQUE, Line, lines_of, orientation_of
from echoatlas.pipeline.read.arrays.ranges import before_scaling
from echoatlas.pipeline.read.arrays.scan import array_scan
from echoatlas.pipeline.read.arrays.tracked import TOWARD, check_type, frame_stamps, toward_far
from echoatlas.pipeline.read.arrays.units import has_unit, in_quotes, millimeters, milliseconds
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.surplus import check_end, gunzip
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
    "MET_UINT": "u4", "MET_INT": "i4", "MET_ULONG_LONG": "u8", "MET_LONG_LONG": "i8",
    "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
    "MET_UCHAR_ARRAY": "u1",
}  # fmt: skip
NRRD_TYPES = {
    "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "uint8_t": "u1",
    "char": "i1", "signed char": "i1", "int8": "i1", "int8_t": "i1",
    "ushort": "u2", "unsigned short": "u2", "unsigned short int": "u2", "uint16": "u2",
    "uint16_t": "u2", "short": "i2", "short int": "i2", "signed short": "i2",
    "signed short int": "i2", "int16": "i2", "int16_t": "i2",
    "uint": "u4", "unsigned int": "u4", "uint32": "u4", "uint32_t": "u4",
    "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4",
    "ulonglong": "u8", "unsigned long long": "u8", "unsigned long long int": "u8",
    "uint64": "u8", "uint64_t": "u8", "longlong": "i8", "long long": "i8", "long long int": "i8",
    "signed long long": "i8", "signed long long int": "i8", "int64": "i8", "int64_t": "i8",
    "float": "f4", "double": "f8",
}  # fmt: skip
NRRD_AXES = {"left": 1, "posterior": 1, "superior": 1, "right": -1, "anterior": -1, "inferior": -1}
EXTENSION_FLAG = 4  # bytes between a NIfTI header and what may follow it
UNIT_UNKNOWN = "unit_unknown"


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
        raw = before_scaling(np.asanyarray(image.dataobj), dtype, image.dataobj.slope)
        length, time = header.get_xyzt_units()
        zooms = [float(zoom) for zoom in header.get_zooms()]
        lie = orientation_of(header)
    except (*ERRORS, HeaderDataError, ImageFileError, WrapStructError) as error:
        raise _unreadable(error) from None
    kinds = nifti_kinds(shape, int(header["intent_code"]), header.get_dim_info()[2])
    values = raw.T
    if raw.dtype.names:
        values = np.stack([values[name] for name in raw.dtype.names[:3]], axis=-1)
        kinds.append(COLOR)
    scale = millimeters(length) or 0.0
    axes = len(shape)
    lengths = [lie.sizes[axis] * scale if axis < 3 else 0.0 for axis in range(axes)]
    per = milliseconds(time)
    step = zooms[3] * per if per and len(zooms) > 3 and shape[2] == 1 else None
    return array_scan(
        values,
        "nifti",
        config,
        kinds=kinds,
        sizes=[*lengths[::-1], 0.0],
        step_ms=step,
        signs={axes - 1 - axis: lie.signs[axis] for axis in range(min(axes, 3))},
        lines={axes - 1 - axis: line for axis, line in lie.lines.items()},
        flags=(
            *([OBLIQUE] if lie.oblique else []),
            *([UNIT_UNKNOWN] if not scale and any(one not in (0, 1) for one in lie.sizes) else []),
        ),
    )


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
        _demand_extent(shape)  # of poses alone PLUS writes no pictures, of a type that is none
        big = header.flag("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
        dtype = np.dtype((">" if big else "<") + META_TYPES[fields["ElementType"]])
        body = meta_values(data, header, _claimed(shape, dtype, config), config)
        values = _values(body, shape, dtype)
        check_type(fields)
        values = toward_far(fields, values, values.ndim - (2 if channels > 1 else 1))
        times = frame_stamps(fields)
        axes = shape[:-1] if channels != 1 else shape
        kinds = nrrd_kinds(fields.get("Kinds", ""), axes[::-1])
        kinds += [COLOR if channels in (3, 4) else STACK] if channels > 1 else []
        written = fields.get("ElementSpacing", fields.get("ElementSize", "")).split()
        sizes = _lengths(written, [fields.get("DistanceUnits", "")] * len(axes))
        lines = {} if TOWARD in fields else _meta_lines(fields, written, len(axes))
    except ERRORS as error:
        raise _unreadable(error) from None
    return array_scan(
        values, "mha", config, kinds=kinds, sizes=[*sizes, 0.0], times=times, lines=lines
    )


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
        kinds = nrrd_kinds(fields.get("kinds", ""), sizes)
        lengths = _nrrd_lengths(fields, len(sizes))
        step = _nrrd_step(fields, len(sizes))
        lines = {} if TOWARD in header.notes else _nrrd_lines(fields, len(sizes))
        check_type(header.notes)
        values = toward_far(header.notes, values, values.ndim - (2 if kinds[-1] == COLOR else 1))
        times = frame_stamps(header.notes)
    except ERRORS as error:
        raise _unreadable(error) from None
    return array_scan(
        values, "nrrd", config, kinds=kinds, sizes=lengths, step_ms=step, times=times, lines=lines
    )


def _nrrd_lengths(fields: dict[str, str], axes: int) -> list[float]:
    """Millimeters along each axis by "spacings" or "space directions", the fastest axis last."""
    if "spacings" in fields:
        return _lengths(fields["spacings"].split(), _nrrd_units(fields, axes))
    vectors = re.findall(r"none|\(([^)]*)\)", fields.get("space directions", ""))
    norms = [float(np.linalg.norm([float(x) for x in v.split(",")])) if v else 0 for v in vectors]
    # Vectors are written in the space's own axes: a length needs one unit of all of them
    said = set(in_quotes(fields.get("space units", "")))
    return _lengths(
        [str(norm) for norm in norms], [said.pop() if len(said) == 1 else "/".join(said)] * axes
    )


def _nrrd_lines(fields: dict[str, str], axes: int) -> dict[int, Line]:
    """Of the axes in a space that says where the body's axes run, counted from the slowest."""
    towards = [NRRD_AXES.get(word, 0) for word in fields.get("space", "").lower().split("-")[:3]]
    origin = re.findall(r"[^(),\s]+", fields.get("space origin", ""))
    if len(origin) != 3 or len(towards) != 3 or not all(towards):
        return {}
    turn = np.array(towards, float)
    written = re.findall(r"none|\([^)]*\)", fields.get("space directions", ""))
    vectors = [
        None if one == "none" else np.array(one[1:-1].split(","), float) * turn for one in written
    ]
    found = lines_of(vectors, np.array(origin, float) * turn)
    return {axes - 1 - axis: line for axis, line in found.items()}


def _meta_lines(fields: dict[str, str], spacing: list[str], axes: int) -> dict[int, Line]:
    """Of the axes of MetaImage, which are to the left, back and head, counted from the slowest."""
    origin = next((fields[name].split() for name in ("Offset", "Position", "Origin")
                   if name in fields), [])  # fmt: skip
    turn = next((fields[name].split() for name in ("TransformMatrix", "Rotation", "Orientation")
                 if name in fields), [])  # fmt: skip
    if len(turn) != axes * axes or len(spacing) != axes or len(origin) != axes:
        return {}
    vectors = np.array(turn, float).reshape(axes, axes) * np.array(spacing, float)[:, None]
    found = lines_of(list(vectors), np.array(origin, float))
    return {axes - 1 - axis: line for axis, line in found.items()}


def _nrrd_step(fields: dict[str, str], axes: int) -> float | None:
    """Milliseconds along the axis that is time; None if there is none, or its unit is unknown."""
    kinds = fields.get("kinds", "").lower().split()
    steps = fields.get("spacings", "").split()
    if kinds.count("time") != 1 or not len(kinds) == len(steps) == axes:
        return None
    at = kinds.index("time")
    per = milliseconds(_nrrd_units(fields, axes)[at])
    return float(steps[at]) * per if per else None


def _nrrd_units(fields: dict[str, str], axes: int) -> list[str]:
    units = in_quotes(fields.get("units", ""))
    return units if len(units) == axes else [""] * axes


def _lengths(written: Sequence[str], units: Sequence[str]) -> list[float]:
    """Millimeters of lengths as they are written, 0 for those that are none, the fastest last.

    Args:
        units: of each axis; where nothing is said they are millimeters, as these formats' programs
            have it.
    """
    if len(written) != len(units):
        return [0.0] * len(units)
    found = []
    for length, unit in zip(map(float, written), units, strict=True):
        scale = (millimeters(unit) or 0.0) if has_unit(unit) else 1.0
        found.append(length * scale if np.isfinite(length) and length > 0 else 0.0)
    return found[::-1]


def _values(body: memoryview, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    flat = np.frombuffer(body, dtype)
    return flat.astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def _claimed(shape: tuple[int, ...], dtype: np.dtype[Any], config: ReadConfig) -> int:
    """The bytes that a header claims, in exact arithmetic.

    Raises:
        Reject: ``no_pixels`` for none, ``too_large`` beyond the bounds.
    """
    _demand_extent(shape)
    claimed = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if claimed > config.max_inflated:
        raise Reject(Reason.TOO_LARGE, f"the volume claims more than {config.max_inflated} bytes")
    return claimed


def _demand_extent(shape: tuple[int, ...]) -> None:
    if not shape or min(shape) < 1:
        raise Reject(Reason.NO_PIXELS, "the volume has no extent")


def _unreadable(error: Exception) -> Reject:
    return Reject(Reason.UNREADABLE, f"the volume cannot be read ({type(error).__name__})")
