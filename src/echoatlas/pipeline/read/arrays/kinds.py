"""What formats state of an array's axes: NRRD kinds, NIfTI dimensions, HDF5 dimension scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.axes import COLOR, PLANE, STACK, UNKNOWN

# Teem's definition of the format, section "kinds". A domain may be rows, columns or slices, so it
# says only that an axis is no list and no color; SimpleITK calls any axis so.
NRRD_COLORS = frozenset({"rgb-color", "rgba-color", "3-color", "4-color"})
NRRD_VECTORS = frozenset({"vector", "3-vector", "4-vector", "covariant-vector", "point"})
NRRD_KINDS = {
    "domain": UNKNOWN, "space": UNKNOWN, "???": UNKNOWN, "none": UNKNOWN, "stub": UNKNOWN,
    "scalar": UNKNOWN, "time": STACK, "list": STACK,
}  # fmt: skip
NIFTI_COLORS = (1007, 2003, 2004)  # NIFTI_INTENT_VECTOR, _RGB_VECTOR, _RGBA_VECTOR
NAMES = {
    "x": PLANE, "y": PLANE, "row": PLANE, "rows": PLANE, "column": PLANE, "columns": PLANE,
    "col": PLANE, "cols": PLANE, "height": PLANE, "width": PLANE, "h": PLANE, "w": PLANE,
    "t": STACK, "time": STACK, "times": STACK, "frame": STACK, "frames": STACK, "n": STACK,
    "z": STACK, "slice": STACK, "slices": STACK,
    "c": COLOR, "color": COLOR, "colour": COLOR, "channel": COLOR, "channels": COLOR,
    "rgb": COLOR, "rgba": COLOR,
}  # fmt: skip


def nrrd_kinds(written: str, sizes: Sequence[int]) -> list[str]:
    """Kinds by the field "kinds" of NRRD (and of MetaImage as PLUS writes it).

    Args:
        written: the field; "" for none.
        sizes: of the axes, in the order of the field: the fastest first.

    Returns:
        One for each axis, the fastest last.

    Raises:
        Reject: ``no_pixels`` for values that are no gray and no color.
    """
    names = written.lower().split()
    if len(names) != len(sizes):
        names = ["???"] * len(sizes)
    kinds = []
    for name, size in zip(names, sizes, strict=True):
        if name in NRRD_COLORS:
            kinds.append(COLOR)
        elif name in NRRD_VECTORS:
            kinds.append(COLOR if size in (1, 3, 4) else STACK)
        elif name in NRRD_KINDS:
            kinds.append(NRRD_KINDS[name])
        else:
            raise Reject(Reason.NO_PIXELS, "the values of a pixel are not gray or color")
    return kinds[::-1]


def nifti_kinds(shape: Sequence[int], intent: int, slices: int | None) -> list[str]:
    """Kinds by the dimensions of a NIfTI header: x, y, z, t, vector, ...

    Args:
        shape: in the order of the header: the fastest first.
        intent: the header's code.
        slices: the axis that its ``dim_info`` calls that of slices, None for none.

    Returns:
        One for each axis, the fastest last.
    """
    kinds = [UNKNOWN if axis < 3 else STACK for axis in range(len(shape))]
    if slices is not None and slices < len(kinds):
        kinds[:3] = [PLANE] * min(3, len(kinds))
        kinds[slices] = STACK
    if len(shape) > 4 and shape[4] in (3, 4):
        # Its place is that of vectors; nibabel keeps no intent unless it is told one
        kinds[4] = COLOR if intent in NIFTI_COLORS else UNKNOWN
    return kinds[::-1]


def hdf5_kinds(node: Any) -> list[str]:
    """Kinds by the labels and scales of a dataset's dimensions, and by its class as an image."""
    named = [NAMES.get(_name(dimension), UNKNOWN) for dimension in node.dims]
    order = {b"INTERLACE_PIXEL": 2, b"INTERLACE_LINE": 1, b"INTERLACE_PLANE": 0}
    mode = node.attrs.get("INTERLACE_MODE", b"")
    mode = mode.encode() if isinstance(mode, str) else bytes(mode)
    if node.ndim == 3 and mode.rstrip(b"\0") in order and not any(named):
        named = [PLANE] * 3
        named[order[mode.rstrip(b"\0")]] = COLOR
    colors = [axis for axis, kind in enumerate(named) if kind == COLOR]
    if any(node.shape[axis] not in (1, 3, 4) for axis in colors) or len(colors) > 1:
        named = [UNKNOWN if kind == COLOR else kind for kind in named]
    return named if named.count(PLANE) in (0, 1, 2) else [UNKNOWN] * node.ndim


def _name(dimension: Any) -> str:
    """The label of a dimension, or the name of the first scale that has one."""
    told = [dimension.label, *(str(name) for name in dimension)]
    names = [text.rpartition("/")[2].strip().lower() for text in told]
    return next((name for name in names if name), "")
