"""Arrays of any shape as clips: which axes are the picture, and how values become gray."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.imagery import demand_picture
from echoatlas.pipeline.read.native import check_size
from echoatlas.pipeline.read.times import since
from echoatlas.pipeline.read.uff import is_decibels
from echoatlas.schemas.records import Scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

DECIBELS, MOST_DECIBELS = 60.0, 100.0  # shown if the data don't say, and as many as any shows
SMALLEST = 16  # pixels, both sides: below this it is a table of numbers, not a picture


@dataclass(frozen=True, slots=True)
class Stack:
    """Pictures in an array of (frames, H, W) or (frames, H, W, 3)."""

    values: NDArray[Any]

    @property
    def colored(self) -> bool:
        return self.values.ndim == 4


def stack(values: NDArray[Any], config: ReadConfig) -> Stack:
    """Arrange (H, W), (H, W, 3), (N, H, W) or (N, H, W, 3) and higher as a stack of pictures.

    Axes of length one are left out; a last axis of three or four is color; all axes before the
    picture's two run over frames, in order.

    Raises:
        Reject: ``no_pixels`` if no two axes make a picture, ``too_large``.
    """
    if values.dtype.kind not in "buif":
        raise Reject(Reason.NO_PIXELS, "the values are not numbers that make a picture")
    values = values.reshape([side for side in values.shape if side != 1] or [1])
    colored = values.ndim >= 3 and values.shape[-1] in (3, 4) and values.shape[-2] >= SMALLEST
    picture = values.ndim - 3 if colored else values.ndim - 2
    sides = values.shape[picture : picture + 2] if picture >= 0 else ()
    if len(sides) < 2 or min(sides) < SMALLEST:
        raise Reject(Reason.NO_PIXELS, "no two axes are large enough to be a picture")
    frames = int(np.prod(values.shape[:picture], dtype=np.int64))
    check_size(sides[0], sides[1], max(frames, 1), config)
    shape = (frames, *sides, *values.shape[picture + 2 :])
    return Stack(values.reshape(shape)[..., :3] if colored else values.reshape(shape))


def gray_scale(values: NDArray[Any]) -> Callable[[NDArray[Any]], Picture]:
    """How values of an array become 8 bits, the same for all its frames.

    Unsigned values keep their scale by the fewest bits that hold the largest; others are spread
    linearly between the least and the largest, which are 0 and 255; decibels from as far below
    the largest as scanners show them, where the least is further below than any does.
    """
    if values.dtype.kind == "b":
        return lambda part: part.astype(np.uint8) * np.uint8(255)
    finite = values if values.dtype.kind in "ui" else values[np.isfinite(values)]
    if not finite.size:
        raise Reject(Reason.NO_PIXELS, "no value is a number")
    low, high = finite.min(), finite.max()
    whole = values.dtype.kind in "ui" or float(high).is_integer()
    if low >= 0 and high <= 255 and (high > 1 or values.dtype == np.uint8) and whole:
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
    spacing: tuple[float, float] | None = None,
    step_ms: float | None = None,
    times: tuple[float, ...] | None = None,
    text: dict[str, str] | None = None,
) -> Scan:
    """An array as a scan.

    Args:
        values: in the order (frames, rows, columns, color).
        spacing: (x, y) millimeters a pixel.
        step_ms: from frame to frame, None if the frames are no times or it is unknown.
        times: of each frame, milliseconds from the first; if they are as many as the frames.
    """
    pictures = stack(values, config)
    if not config.masks:
        demand_picture(pictures.values)
    scale = gray_scale(pictures.values)
    count, height, width = pictures.values.shape[:3]

    def frames() -> Iterator[Picture]:
        for index in range(count):
            yield np.ascontiguousarray(scale(pictures.values[index]))

    timed = step_ms is not None and step_ms > 0 and count > 1
    stepped = tuple(since(i * (step_ms or 0)) for i in range(count)) if timed else None
    return Scan(
        format=kind,
        codec=str(values.dtype),
        declared_frames=count,
        height=height,
        width=width,
        frames=frames,
        color="rgb:stated" if pictures.colored else "gray",
        times=times if times and len(times) == count else stepped,
        spacing=spacing,
        text=text or {},
    )
