"""The outline of an area of signal, and the straight edges that it may belong to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from echoatlas.pipeline.geometry.boundary import outside
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.geometry.segments import Part
    from echoatlas.schemas.fan import Fan

    Points = NDArray[np.float64]

NEAR = 2.0  # reduced pixels from a boundary that count as on it
LINES = 3  # a side
TILTS = np.radians(np.arange(-9, 78.1, 1.5))  # of a side's normal from the horizontal
FEW = 240  # points of an outline


@dataclass(frozen=True, slots=True)
class Line:
    """A straight edge: ``normal @ point = offset``, the normal pointing out of the area."""

    normal: tuple[float, float]
    offset: float
    support: int

    def x_at(self, y: float) -> float:
        return (self.offset - self.normal[1] * y) / self.normal[0]


@dataclass(frozen=True, slots=True)
class Guess:
    """A fan in reduced pixels, and how well it agrees with the outline that it was made from."""

    fan: Fan
    agreement: float


@dataclass(frozen=True, slots=True)
class Outline:
    """What shapes are fitted to.

    Attributes:
        free: the outline's points off the picture's edge; some: every nth of them.
        hull: corners of its convex hull.
    """

    part: Part
    free: Points
    some: Points
    hull: Points


def outline_of(part: Part) -> Outline:
    """What shapes are fitted to of a part."""
    free = free_of(part.outline, part)
    hull = cv2.convexHull(part.outline.astype(np.int32))[:, 0, :]
    every = max(len(free) // FEW, 1)
    return Outline(part, free, free[::every], np.asarray(hull, np.float64))


def guessed(fan: Fan, look: Outline) -> Guess:
    """A fan with the share of the outline on its boundary, less three times that beyond."""
    on, out = touching(outside(fan, look.some).max(axis=0))
    return Guess(fan, on - 3 * out)


def touching(beyond: NDArray[np.float64]) -> tuple[float, float]:
    """The share of points on a fan's boundary, and the share beyond it."""
    count = max(len(beyond), 1)
    out = int(np.count_nonzero(beyond > NEAR))
    return (int(np.count_nonzero(beyond > -NEAR)) - out) / count, out / count


def free_of(points: Points, part: Part) -> Points:
    """Points off the picture's edge, and the stated region's: there it ends, not the fan."""
    height, width = part.mask.shape
    box = part.within or Box(0, 0, width, height)
    x, y = points[:, 0], points[:, 1]
    free: Points = points[(x > box.x0 + 1) & (y > box.y0 + 1) & (x < box.x1 - 2) & (y < box.y1 - 2)]
    return free


def sides(look: Outline, sign: int, up: bool) -> list[Line]:
    """Straight left (-1) or right (+1) edges that touch an outline and leave none of it beyond.

    Args:
        up: of a fan that opens upward, so that its sides face down; tangents of its arc do not.
    """
    normals = np.stack([sign * np.cos(TILTS), np.sin(TILTS) * (1 if up else -1)])
    free = look.free
    offsets = (look.hull @ normals).max(axis=0)
    support = (free @ normals > offsets - NEAR).sum(axis=0)
    found: list[Line] = []
    left = support.astype(np.float64)
    for _ in range(LINES):
        best = int(left.argmax())
        if left[best] < 8:
            break
        normal = normals[:, best]
        near = free[free @ normal > offsets[best] - NEAR]
        found.append(_straightened(near, normal))
        left[max(best - 4, 0) : best + 5] = 0
    return found


def _straightened(near: Points, normal: NDArray[np.float64]) -> Line:
    """The line along points, turned as little as may be."""
    middle, fine = line_along(near, normal)
    if fine @ normal < 0.95 or abs(fine[0]) < 0.1:
        fine = normal
    return Line((float(fine[0]), float(fine[1])), float(fine @ middle), len(near))


def quantile(values: NDArray[Any], share: float) -> float:
    """As ``np.quantile``, of the few values that outlines have in a tenth of the time."""
    ordered = np.sort(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    return low + (place - below) * (high - low)


def line_along(points: Points, normal: NDArray[np.float64]) -> tuple[Points, Points]:
    """The middle of points and the unit normal of the line along them, on the side of another.

    The line of least squared distances, in closed form: points have two coordinates only.
    """
    middle = points.sum(axis=0) / len(points)
    x, y = (points - middle).T
    along = 0.5 * math.atan2(2 * float(x @ y), float(x @ x) - float(y @ y))
    fine = np.array([-math.sin(along), math.cos(along)])
    return middle, fine if fine @ normal >= 0 else -fine


def far_of(look: Outline, up: bool, steep: float = 0.7) -> Points:
    """Points along the part of a hull that faces away from the probe, off the picture's edge."""
    part, hull = look.part, look.hull
    along = np.roll(hull, -1, axis=0) - hull
    length = np.hypot(along[:, 0], along[:, 1])
    facing = -along[:, 0] if _clockwise(hull) else along[:, 0]
    facing = np.where(up, -facing, facing)
    used = (length > 0) & (facing > steep * length) & (length < 0.25 * part.mask.shape[0])
    if not used.any():
        return hull[:0]
    count = (length[used] / 3).astype(int) + 2  # points an edge, its ends among them
    number = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    share = number / np.repeat(count - 1, count)
    places = np.repeat(hull[used], count, axis=0)
    return free_of(places + share[:, None] * np.repeat(along[used], count, axis=0), part)


def _clockwise(hull: Points) -> bool:
    x, y = hull[:, 0], hull[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) > 0
