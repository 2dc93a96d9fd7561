"""A fan as the limits that it keeps: how far points are outside, and where its boundary runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.fan import Fan

    Points = NDArray[np.float64]

LEFT, RIGHT, FAR, NEAR = range(4)  # limits of a ring sector; the clip's four follow
CLIP = 4


@dataclass(frozen=True, slots=True)
class Boundary:
    """Points along a fan's boundary.

    Attributes:
        points: (n, 2) float64, (x, y).
        normals: (n, 2) float64, of length 1, pointing out of the fan.
        limit: (n,) int, which of the fan's limits each point lies on.
    """

    points: Points
    normals: Points
    limit: NDArray[np.int64]


def outside(fan: Fan, points: Points) -> NDArray[np.float64]:
    """How many pixels (n, 2) points are beyond each limit of a fan: (limits, n), negative within.

    A point is inside where all are negative, but for openings over pi, whose two sides are kept
    if either is.
    """
    x, y = points[:, 0], points[:, 1]
    count = (len(fan.corners) if fan.apex is None else CLIP) + (4 if fan.clip else 0)
    rows = np.empty((count, len(points)))
    if fan.apex is None:
        normals, offsets = _edges(fan)
        np.subtract(normals @ points.T, offsets[:, None], out=rows[: len(normals)])
    else:
        dx, dy = x - fan.apex[0], (y - fan.apex[1]) * fan.stretch
        radius = np.hypot(dx, dy)
        rows[:2] = sides_of(fan.angles, dx, dy)
        rows[FAR] = radius - fan.radii[1]
        rows[NEAR] = fan.radii[0] - radius
    if fan.clip is not None:
        box = fan.clip
        rows[-4:] = box.x0 - x, box.y0 - y, x - box.x1 + 1, y - box.y1 + 1
    return rows


def sides_of(
    angles: tuple[float, float], dx: NDArray[np.float64], dy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far points are beyond the two straight sides of a ring sector, by place from its apex."""
    left, right = angles
    if right - left >= 2 * np.pi - 1e-6:
        return np.full((2, len(dx)), -np.inf)
    sides = np.empty((2, len(dx)))
    sides[0] = dy * math.sin(left) - dx * math.cos(left)
    sides[1] = dx * math.cos(right) - dy * math.sin(right)
    if right - left > np.pi:
        sides[:] = sides.min(axis=0)
    return sides


def boundary(fan: Fan, height: int, width: int, apart: float) -> Boundary:
    """The boundary of a fan, as far as it lies in a picture, by points some pixels apart."""
    straights = _sides(fan) + _clip(fan)
    pieces = [_straight(straights, apart)] if straights else []
    if fan.apex is not None:
        pieces += _arcs(fan, apart)
    points, normals, limits = (np.concatenate(part) for part in zip(*pieces, strict=True))
    x, y = points[:, 0], points[:, 1]
    seen = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    seen &= outside(fan, points).max(axis=0) < 0.01
    return Boundary(points[seen], normals[seen], limits[seen])


def _edges(fan: Fan) -> tuple[Points, NDArray[np.float64]]:
    """Outward normals and offsets of a convex polygon's edges."""
    corners = np.asarray(fan.corners, np.float64)
    along = np.concatenate([corners[1:], corners[:1]]) - corners
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    normals = np.stack([along[:, 1], -along[:, 0]], axis=1)
    offsets = (normals * corners).sum(axis=1)
    if (normals @ corners.mean(axis=0) > offsets).sum() * 2 > len(corners):
        normals, offsets = -normals, -offsets
    return normals, offsets


Straight = tuple[int, float, float, float, float, float, float]  # limit, start, end, normal
Piece = tuple["Points", "Points", "NDArray[np.int64]"]  # points, normals, limits


def _sides(fan: Fan) -> list[Straight]:
    """A polygon's edges, or the straight sides of a ring sector."""
    if fan.apex is None:
        ends = zip(fan.corners, (*fan.corners[1:], fan.corners[0]), _edges(fan)[0], strict=True)
        return [(n, *a, *b, normal[0], normal[1]) for n, (a, b, normal) in enumerate(ends)]
    (x, y), (near, far), stretch = fan.apex, fan.radii, fan.stretch
    if fan.angles[1] - fan.angles[0] >= 2 * np.pi - 1e-6:
        return []
    found = []
    for limit, angle, sign in ((LEFT, fan.angles[0], -1.0), (RIGHT, fan.angles[1], 1.0)):
        right, down = math.sin(angle), math.cos(angle) / stretch  # rows are spread by the stretch
        normal = sign * math.cos(angle), -sign * math.sin(angle) * stretch
        size = math.hypot(*normal)
        start, end = (x + near * right, y + near * down), (x + far * right, y + far * down)
        found.append((limit, *start, *end, normal[0] / size, normal[1] / size))
    return found


def _clip(fan: Fan) -> list[Straight]:
    if fan.clip is None:
        return []
    first = len(fan.corners) if fan.apex is None else CLIP
    x0, y0, x1, y1 = fan.clip.x0, fan.clip.y0, fan.clip.x1 - 1, fan.clip.y1 - 1
    return [
        (first, x0, y0, x0, y1, -1, 0),
        (first + 1, x0, y0, x1, y0, 0, -1),
        (first + 2, x1, y0, x1, y1, 1, 0),
        (first + 3, x0, y1, x1, y1, 0, 1),
    ]


def _straight(sides: list[Straight], apart: float) -> Piece:
    """Points along straight limits, all at once."""
    table = np.array(sides, np.float64)
    start, step = table[:, 1:3], table[:, 3:5] - table[:, 1:3]
    count = np.maximum((np.hypot(step[:, 0], step[:, 1]) / apart).astype(np.int64), 1)
    which = np.repeat(np.arange(len(sides)), count)
    number = np.arange(len(which)) - (np.cumsum(count) - count)[which]
    share = (number + 0.5) / count[which]
    points = start[which] + share[:, None] * step[which]
    return points, table[which, 5:], table[which, 0].astype(np.int64)


def _arcs(fan: Fan, apart: float) -> list[Piece]:
    apex = np.asarray(fan.apex, np.float64)
    near, far = fan.radii
    left, right = fan.angles
    squeeze = np.array([1.0, 1 / fan.stretch])  # spread rows to the picture's
    pieces: list[Piece] = []
    for limit, radius, sign in ((FAR, far, 1.0), (NEAR, near, -1.0)):
        if radius < 2:
            continue
        count = max(int((right - left) * radius / apart), 2)
        angles = left + (np.arange(count) + 0.5) * ((right - left) / count)
        along = np.stack([np.sin(angles), np.cos(angles)], axis=1)
        normals = sign * along
        if fan.stretch != 1:
            normals /= squeeze
            normals /= np.hypot(normals[:, 0], normals[:, 1])[:, None]
        points = apex + radius * along * squeeze
        pieces.append((points, normals, np.full(count, limit, np.int64)))
    return pieces
