"""Volumes of MINC 2 and of ITK in HDF5: where they lie, and what their values stand for.

MINC stores each slice in the whole range of its type and says beside it from what to what it ran
(``image-min``, ``image-max``): stored values of a dark slice are as large as those of a bright one.
Files have smaller copies of the volume besides. ITK's are of the values themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.axes import COLOR, STACK, UNKNOWN
from echoatlas.pipeline.read.arrays.ranges import before_scaling
from echoatlas.pipeline.read.arrays.units import milliseconds
from echoatlas.pipeline.read.arrays.zea import own

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MINC, DIMENSIONS = "minc-2.0/image/0/image", "minc-2.0/dimensions"
LEAST, MOST, LABELS = "minc-2.0/image/0/image-min", "minc-2.0/image/0/image-max", "label"
ITK, SPACING = "ITKImage/0/VoxelData", "ITKImage/0/Spacing"
TIME, COLORS, SPACE = "time", "vector_dimension", ("xspace", "yspace", "zspace")


@dataclass(frozen=True, slots=True)
class Stated:
    """What a file says of the axes of its volume.

    Attributes:
        kinds: of each. sizes: millimeters from value to value, None where unknown.
        step_ms: along time, None if unknown.
    """

    kinds: list[str]
    sizes: list[float | None]
    step_ms: float | None = None


def volume_of(paths: Sequence[str]) -> str:
    """The volume of a file of these programs; "" of others."""
    return next((name for name in (MINC, ITK) if name in paths), "")


def axes_of(file: Any, name: str) -> Stated:
    """The axes of a volume.

    Args:
        name: as ``volume_of`` gives it.
    """
    shape = file[name].shape
    if name == ITK:
        lengths = _numbers(file, SPACING)[: len(shape)]
        rest = len(shape) - len(lengths)
        kinds = [*[UNKNOWN] * len(lengths), *[COLOR if shape[-1] in (3, 4) else STACK] * rest]
        return Stated(kinds if rest < 2 else [UNKNOWN] * len(shape),
                      [*[abs(one) or None for one in lengths[::-1]], *[None] * rest])  # fmt: skip
    names = _dimensions(file[name])
    if len(names) != len(shape):
        return Stated([UNKNOWN] * len(shape), [None] * len(shape))
    told = {TIME: STACK, COLORS: COLOR}
    steps = [_step(file, one) for one in names]
    sizes = [step if one in SPACE else None for one, step in zip(names, steps, strict=True)]
    per = milliseconds(_unit(file, TIME) or "s") if TIME in names else None
    step = steps[names.index(TIME)] if TIME in names else None
    kinds = [told.get(one, UNKNOWN) for one in names]
    return Stated(kinds, sizes, step * per if step and per else None)


def real_values(file: Any, name: str, stored: NDArray[Any]) -> NDArray[Any]:
    """What stored values of a volume stand for, each slice by its own range; themselves where no
    range is stated, of labels, and of reals.

    Raises:
        Reject: ``unreadable`` if ranges are of other slices than there are.
    """
    kind = _text(file["minc-2.0"].attrs.get("class", "")) if name == MINC else LABELS
    if kind.startswith(LABELS) or stored.dtype.kind not in "iu":
        return stored
    info = np.iinfo(stored.dtype)
    valid = np.asarray(file[name].attrs.get("valid_range", (info.min, info.max)), float).ravel()
    low, high = own(file, LEAST), own(file, MOST)
    if low is None and high is None:
        return stored
    if low is None or high is None or len(valid) != 2 or valid[0] == valid[1]:
        raise Reject(Reason.UNREADABLE, "the volume does not say from what to what its values run")
    shape = high.shape
    if low.shape != shape or shape != stored.shape[: len(shape)] or len(shape) >= stored.ndim:
        raise Reject(Reason.UNREADABLE, "the ranges of the volume are of other slices than it has")
    ends = [one[()].reshape(*shape, *[1] * (stored.ndim - len(shape))) for one in (low, high)]
    slopes = (ends[1] - ends[0]) / (valid.max() - valid.min())
    if np.all(slopes == 1) and np.all(ends[0] == valid.min()):
        return stored
    inside = np.clip(stored, valid.min(), valid.max())
    values = (inside - valid.min()) * slopes + ends[0]
    return before_scaling(values, stored.dtype, float(np.abs(slopes).max()))


def _dimensions(image: Any) -> list[str]:
    return [one.strip() for one in _text(image.attrs.get("dimorder", "")).split(",")]


def _step(file: Any, name: str) -> float | None:
    """From value to value along a dimension; None where it is uneven or unknown."""
    place = own(file, f"{DIMENSIONS}/{name}")
    if place is None or _text(place.attrs.get("spacing", "")).startswith("irregular"):
        return None
    step = np.asarray(place.attrs.get("step", 0.0), float).ravel()
    return float(abs(step[0])) or None if step.size == 1 and np.isfinite(step[0]) else None


def _unit(file: Any, name: str) -> str:
    place = own(file, f"{DIMENSIONS}/{name}")
    return "" if place is None else _text(place.attrs.get("units", ""))


def _numbers(file: Any, name: str) -> list[float]:
    found = own(file, name)
    return [] if found is None else [float(one) for one in np.ravel(found[()])]


def _text(value: Any) -> str:
    told = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return told.strip("\0 ")
