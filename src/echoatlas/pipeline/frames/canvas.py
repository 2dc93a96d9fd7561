"""Where a fan's box comes to lie on the stored image, and how it gets there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.frames.beam_space import depths, grid
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.fan import Fan
    from echoatlas.schemas.records import Picture

    Floats = NDArray[np.float32]

BILINEAR = 1.4  # times smaller
SUPERSAMPLED = 2.6
FINE = 2  # samples a pixel and axis in beam space, where the far field is shrunk


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The way of a fan's box to a canvas of (size, size).

    Attributes:
        target: of the resized box in the canvas, parts of which may lie outside; or None.
        samples: in beam space, where in the box each sample lies, x and y; else None.
        depth: (size, size), 0 at the probe's face to 1 at the far end.
        scale, offset, mm_per_px: see ``Normalized``.
        flags: "no_spacing", "cut_off", "beam_space".
    """

    size: int
    target: Box | None
    samples: tuple[Floats, Floats] | None
    depth: Floats
    scale: float
    offset: tuple[float, float]
    mm_per_px: tuple[float, float] | None
    flags: tuple[str, ...]

    def lay(self, crop: Picture) -> Picture:
        """The box's pixels on the canvas, black where there are none."""
        if self.target is None:
            assert self.samples is not None
            fine = cv2.remap(crop, *self.samples, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
            return resized(np.asarray(fine, np.uint8), self.size, self.size)
        target, size = self.target, self.size
        small = resized(crop, target.width, target.height)
        if (target.x0, target.y0, target.x1, target.y1) == (0, 0, size, size):
            return small
        canvas = np.zeros((size, size, *crop.shape[2:]), np.uint8)
        seen = target.clipped(size, size)
        canvas[seen.y0 : seen.y1, seen.x0 : seen.x1] = small[
            seen.y0 - target.y0 : seen.y1 - target.y0, seen.x0 - target.x0 : seen.x1 - target.x0
        ]
        return canvas


def letterbox(fan: Fan, box: Box, size: int, mm_per_px: float | None) -> Place:
    """The largest that fits, or, where its spacing is known, at a scale of so many millimeters.

    What does not fit at that scale is cut off, at the sides and below.
    """
    scale, flags = min(size / box.width, size / box.height), []
    if mm_per_px is not None:
        if fan.mm_per_px is None:
            flags.append("no_spacing")
        else:
            scale = fan.mm_per_px[1] / mm_per_px
    wide, high = max(round(box.width * scale), 1), max(round(box.height * scale), 1)
    left, top = (size - wide) // 2, max((size - high) // 2, 0)
    target = Box(left, top, left + wide, top + high)
    if target != target.clipped(size, size):
        flags.append("cut_off")
    side = np.arange(size, dtype=np.float32) + np.float32(0.5)
    x = (side - left) / np.float32(scale) + np.float32(box.x0 - 0.5)
    y = (side - top) / np.float32(scale) + np.float32(box.y0 - 0.5)
    return Place(
        size,
        target,
        None,
        depths(fan, x[None, :], y[:, None]),
        scale,
        (left - box.x0 * scale, top - box.y0 * scale),
        (fan.mm_per_px[0] / scale, fan.mm_per_px[1] / scale) if fan.mm_per_px else None,
        tuple(flags),
    )


def beam_space(fan: Fan, box: Box, size: int) -> Place:
    """One column a beam, one row a depth: ``scale`` is of the depth, and nothing else is kept."""
    x, y = grid(fan, FINE * size, FINE * size)
    length = float(np.hypot(x[-1] - x[0], y[-1] - y[0]).mean())
    down = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    return Place(
        size,
        None,
        (x - np.float32(box.x0), y - np.float32(box.y0)),
        np.repeat(down[:, None], size, axis=1),
        size / max(length, 1.0),
        (0.0, 0.0),
        None,
        ("beam_space",),
    )


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Resize (H, W) or (H, W, 3) uint8 without aliasing, by the cheapest way that has none.

    Up to ``BILINEAR`` times smaller, two samples an axis see every source pixel. Up to
    ``SUPERSAMPLED`` times, four do: it is as near to Lanczos as the mean over the area is, in
    less than half of the time. Beyond, it is the mean over the area.
    """
    shrinking = max(picture.shape[0] / height, picture.shape[1] / width)
    if shrinking > SUPERSAMPLED:
        how = cv2.INTER_AREA
    else:
        how = cv2.INTER_LINEAR
        if shrinking > BILINEAR:
            if picture.shape[:2] != (2 * height, 2 * width):
                picture = cv2.resize(picture, (2 * width, 2 * height), interpolation=how)
            how = cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)
