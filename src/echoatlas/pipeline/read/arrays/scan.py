"""Arrays of any shape as clips, and how values become gray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.precision import since
from echoatlas.pipeline.read.arrays.axes import arranged, arranged_as
from echoatlas.pipeline.read.arrays.imagery import demand_picture
from echoatlas.pipeline.read.arrays.uff import is_decibels
from echoatlas.pipeline.read.arrays.upright import upright
from echoatlas.pipeline.read.config import ReadConfig, check_size
from echoatlas.schemas.records import Scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Lay, Picture

DECIBELS, MOST_DECIBELS = 60.0, 100.0  # shown if the data don't say, and as many as any shows
UNSET = (1.0, 1.0)  # millimeters a pixel that programs write where they know of none


def gray_scale(values: NDArray[Any], mask: bool = False) -> Callable[[NDArray[Any]], Picture]:
    """How values of an array become 8 bits, the same for all its frames.

    Unsigned values keep their scale by the fewest bits that hold the largest; others are spread
    linearly between the least and the largest, which are 0 and 255; decibels from as far below
    the largest as scanners show them, where the least is further below than any does.

    Args:
        mask: the values are labels of structures: 0 and 1 stay 0 and 1, whatever their type.
    """
    if values.dtype.kind == "b":
        return lambda part: part.astype(np.uint8) * np.uint8(255)
    finite = values if values.dtype.kind in "ui" else values[np.isfinite(values)]
    if not finite.size:
        raise Reject(Reason.NO_PIXELS, "no value is a number")
    low, high = finite.min(), finite.max()
    whole = values.dtype.kind in "ui" or float(high).is_integer()
    labels = mask and (values.dtype.kind in "ui" or bool(np.all(finite == np.rint(finite))))
    if low >= 0 and high <= 255 and (high > 1 or values.dtype == np.uint8 or labels) and whole:
        return lambda part: np.rint(np.nan_to_num(part)).astype(np.uint8)
    if values.dtype.kind == "u":
        shift = max(int(high).bit_length() - 8, 0)
        return lambda part: (part >> shift).astype(np.uint8)
    if is_decibels(finite) and low < high - MOST_DECIBELS:
        low = high - DECIBELS
    floor, scale = float(low), 255.0 / max(float(high) - float(low), 1e-12)

    def spread(part: NDArray[Any]) -> Picture:
        wide = np.nan_to_num(part.astype(np.float64), nan=floor, posinf=float(high), neginf=floor)
        return np.rint(np.maximum(wide - floor, 0) * scale).astype(np.uint8)

    return spread


def array_scan(
    values: NDArray[Any],
    kind: str,
    config: ReadConfig,
    *,
    kinds: Sequence[str] | None = None,
    usual: tuple[int, int] | None = None,
    usual_color: int | None = None,
    signs: Mapping[int, int] | None = None,
    lines: Mapping[int, tuple[float, float]] | None = None,
    sizes: Sequence[float | None] | None = None,
    step_ms: float | None = None,
    times: tuple[float, ...] | None = None,
    text: dict[str, str] | None = None,
    flags: tuple[str, ...] = (),
) -> Scan:
    """An array as a scan.

    Args:
        values: of any axes, in the order that they lie in (the last is the fastest).
        kinds, usual, usual_color: of the axes, as for ``arranged``.
        signs: which way axes run in the patient, as of ``Scan``; None for formats whose rows run
            down.
        lines: where they begin along the body's axes, and the step from value to value.
        sizes: millimeters from value to value along each axis, None where unknown.
        step_ms: from frame to frame, None if the frames are no times or it is unknown.
        times: of each frame, milliseconds from the first; if they are as many as the frames.

    Raises:
        Reject: ``no_pixels``, ``axes_unclear``, ``not_an_image``, ``too_large``.
    """
    if values.dtype.kind not in "buif":
        raise Reject(Reason.NO_PIXELS, "the values are not numbers that make a picture")
    if config.like is not None:
        pictures = arranged_as(values, config.like, kinds, usual, usual_color)
    else:
        pictures = arranged(values, kinds, usual, usual_color)
        # dcm2niix has rows run up and columns to the left, as DICOM's do; both positive are the
        # signs of programs that ask for no orientation, and say nothing.
        x, y = _runs(pictures.lay, signs) or (-1, -1)
        pictures = upright(pictures, up=x < 0 < y, down=y < 0)
    if config.like is None and not config.masks:
        demand_picture(pictures.values)
    lay = pictures.lay
    runs = None if lay.transposed else _runs(lay, signs)
    if runs and lay.flipped:
        runs = runs[0], -runs[1]
    count, height, width = pictures.values.shape[:3]
    check_size(height, width, count, config)
    scale = gray_scale(pictures.values, config.masks)

    def frames() -> Iterator[Picture]:
        for index in range(count):
            yield np.ascontiguousarray(scale(pictures.values[index]))

    timed = step_ms is not None and step_ms > 0 and len(lay.stack) == 1
    stepped = tuple(since(i * (step_ms or 0)) for i in range(count)) if timed else None
    grid = None if lay.transposed else _grid(lay, values.shape, lines or {})
    plane = lay.plane[::-1] if lay.transposed else lay.plane
    high, wide = (sizes[axis] if sizes else None for axis in plane)
    return Scan(
        format=kind,
        codec=str(values.dtype),
        declared_frames=count,
        height=height,
        width=width,
        frames=frames,
        color="rgb:stated" if pictures.colored else "gray",
        times=times if times and len(times) == count else stepped,
        spacing=(wide, high) if wide and high and (wide, high) != UNSET else None,
        text=text or {},
        flags=(
            *flags,
            *(["axes_found"] if pictures.found else []),
            *(["turned"] if lay.turned else []),
        ),
        stack=tuple(int(values.shape[axis]) for axis in lay.stack),
        signs=runs,
        grid=grid,
        lay=lay,
    )


def _runs(lay: Lay, signs: Mapping[int, int] | None) -> tuple[int, int] | None:
    """Which way columns and rows of a plane run; None if that is not known of both."""
    row, column = lay.plane
    return (signs[column], signs[row]) if signs and {row, column} <= signs.keys() else None


def _grid(
    lay: Lay, shape: Sequence[int], lines: Mapping[int, tuple[float, float]]
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Where columns and rows of a plane begin, and their steps; None if that is not known."""
    row, column = lay.plane
    if not {row, column} <= lines.keys():
        return None
    start, step = lines[row]
    return lines[column], reverse((start, step), shape[row]) if lay.flipped else (start, step)


def reverse(line: tuple[float, float], count: int) -> tuple[float, float]:
    """The same places, from the last to the first."""
    start, step = line
    return start + step * (count - 1), -step
