"""Which way up the pictures of an array lie: by where the fan's narrow end is, if that is plain.

A fan is even about the middle of its beams, and narrow where they begin. Where the outline of
what moves is even about one axis alone and heavier at one end, there is no doubt which way it
lies; an outline that is even about both (of a linear probe) or none says nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from echoatlas.pipeline.read.arrays.axes import Arranged, turned

if TYPE_CHECKING:
    from numpy.typing import NDArray

EVEN = 0.9  # overlap of an outline and its mirror image, of what is even about an axis
LESS = 0.1  # by which it must be less about the other
OFF = 0.025  # of its length, by which an outline's center lies beyond the middle of its box
LIT = 0.05  # of the range of values
FRAMES = 16  # that are looked at
CLOSED = 60  # of the picture's shorter side, which gaps are closed


class Lie(Enum):
    """Where the beams of a fan begin."""

    TOP = "top"
    BOTTOM = "bottom"
    LEFT = "left"
    RIGHT = "right"
    UNKNOWN = "unknown"


def upright(pictures: Arranged, up: bool, down: bool) -> Arranged:
    """Turn pictures so that the beams begin at the top.

    Args:
        up: the header says that rows run upwards.
        down: it says that they run downwards; then they are not turned upside down.
    """
    lie = lie_of(pictures.values)
    transposed = lie in (Lie.LEFT, Lie.RIGHT)
    below = lie is Lie.BOTTOM or (up and lie is Lie.UNKNOWN)
    return turned(pictures, transposed, lie is Lie.RIGHT or (below and not down))


def lie_of(values: NDArray[Any]) -> Lie:
    """How the fan lies in pictures, (N, H, W) or (N, H, W, 3), of any kind of numbers."""
    outline = _outline(values)
    rows, columns = np.nonzero(outline)
    if not rows.size:
        return Lie.UNKNOWN
    inside = outline[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    across, down = _overlap(inside, inside[:, ::-1]), _overlap(inside, inside[::-1])
    if max(across, down) < EVEN or abs(across - down) < LESS:
        return Lie.UNKNOWN
    if across > down:
        off = (rows.mean() - rows.min() + 0.5) / inside.shape[0] - 0.5
        first, last = Lie.TOP, Lie.BOTTOM
    else:
        off = (columns.mean() - columns.min() + 0.5) / inside.shape[1] - 0.5
        first, last = Lie.LEFT, Lie.RIGHT
    return first if off > OFF else last if off < -OFF else Lie.UNKNOWN


def _outline(values: NDArray[Any]) -> NDArray[np.bool_]:
    """The largest area that moves; of too few pictures, that is lit."""
    places = np.unique(np.linspace(0, len(values) - 1, FRAMES).astype(int))
    some = np.nan_to_num(values[places].astype(np.float32), posinf=0, neginf=0)
    if some.ndim == 4:
        some = some.max(axis=3)
    floor = some.min(axis=0) if len(some) > 2 else np.full(some.shape[1:], some.min())
    level = LIT * max(float(some.max() - some.min()), 1e-12)
    lit = (some.max(axis=0) - floor > level).astype(np.uint8)
    size = max(3, min(lit.shape) // CLOSED | 1)
    lit = cv2.morphologyEx(lit, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    lit = cv2.morphologyEx(lit, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    count, labels, facts, _ = cv2.connectedComponentsWithStats(lit)
    if count < 2:
        return np.zeros(lit.shape, bool)
    largest = 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == largest)


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / max(int((one | other).sum()), 1))
