"""A fan as the limits that it keeps: how far points are outside, and where its boundary runs."""

from __future__ import annotations

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
    sides = np.stack(
        [dy * np.sin(left) - dx * np.cos(left), dx * np.cos(right) - dy * np.sin(right)]
    )
    if right - left > np.pi:
        sides[:] = sides.min(axis=0)
    return sides


def boundary(fan: Fan, height: int, width: int, apart: float) -> Boundary:
    """The boundary of a fan, as far as it lies in a picture, by points some pixels apart."""
    pieces = _polygon(fan, apart) if fan.apex is None else _sector(fan, apart)
    pieces += _clip(fan, apart)
    points = np.concatenate([place for _, (place, _) in pieces])
    normals = np.concatenate([normal for _, (_, normal) in pieces])
    limits = np.repeat([limit for limit, _ in pieces], [len(place) for _, (place, _) in pieces])
    seen = outside(fan, points).max(axis=0) < 0.01
    x, y = points[:, 0], points[:, 1]
    seen &= (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return Boundary(points[seen], normals[seen], limits[seen])


def _edges(fan: Fan) -> tuple[Points, NDArray[np.float64]]:
    """Outward normals and offsets of a convex polygon's edges."""
    corners = np.asarray(fan.corners, np.float64)
    along = np.roll(corners, -1, axis=0) - corners
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    normals = np.stack([along[:, 1], -along[:, 0]], axis=1)
    offsets = (normals * corners).sum(axis=1)
    if (normals @ corners.mean(axis=0) > offsets).sum() * 2 > len(corners):
        normals, offsets = -normals, -offsets
    return normals, offsets


Piece = tuple[int, tuple["Points", "Points"]]


def _polygon(fan: Fan, apart: float) -> list[Piece]:
    normals, _ = _edges(fan)
    corners = np.asarray(fan.corners, np.float64)
    ends = zip(corners, np.roll(corners, -1, axis=0), normals, strict=True)
    return [(number, _straight(a, b, normal, apart)) for number, (a, b, normal) in enumerate(ends)]


def _sector(fan: Fan, apart: float) -> list[Piece]:
    apex = np.asarray(fan.apex, np.float64)
    near, far = fan.radii
    left, right = fan.angles
    squeeze = np.array([1.0, 1 / fan.stretch])  # spread rows to the picture's
    pieces: list[Piece] = []
    if right - left < 2 * np.pi - 1e-6:
        for limit, angle, sign in ((LEFT, left, -1.0), (RIGHT, right, 1.0)):
            along = np.array([np.sin(angle), np.cos(angle)]) * squeeze
            normal = sign * np.array([np.cos(angle), -np.sin(angle)]) / squeeze
            ends = apex + near * along, apex + far * along
            pieces.append((limit, _straight(*ends, normal / np.hypot(*normal), apart)))
    for limit, radius, sign in ((FAR, far, 1.0), (NEAR, near, -1.0)):
        count = max(int((right - left) * radius / apart), 2)
        if radius < 2:
            continue
        angles = np.linspace(left, right, count + 1)[:-1] + (right - left) / count / 2
        along = np.stack([np.sin(angles), np.cos(angles)], axis=1)
        normals = sign * along / squeeze
        normals /= np.hypot(normals[:, 0], normals[:, 1])[:, None]
        pieces.append((limit, (apex + radius * along * squeeze, normals)))
    return pieces


def _clip(fan: Fan, apart: float) -> list[Piece]:
    if fan.clip is None:
        return []
    first = len(fan.corners) if fan.apex is None else CLIP
    box = fan.clip
    x0, y0, x1, y1 = box.x0, box.y0, box.x1 - 1, box.y1 - 1
    corners = [np.array(place, np.float64) for place in ((x0, y0), (x0, y1), (x1, y0), (x1, y1))]
    sides = ((0, 1, (-1, 0)), (0, 2, (0, -1)), (2, 3, (1, 0)), (1, 3, (0, 1)))
    return [
        (first + number, _straight(corners[a], corners[b], np.array(normal, np.float64), apart))
        for number, (a, b, normal) in enumerate(sides)
    ]


def _straight(
    start: NDArray[np.float64], end: NDArray[np.float64], normal: NDArray[np.float64], apart: float
) -> tuple[Points, Points]:
    count = max(int(np.hypot(*(end - start)) / apart), 1)
    share = (np.arange(count) + 0.5) / count
    return start + share[:, None] * (end - start), np.tile(normal, (count, 1))
