"""Ring sectors that an outline may belong to: convex, phased, endocavity and circular fans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.geometry.boundary import sides_of
from echoatlas.pipeline.geometry.outline import (
    Guess,
    Line,
    Outline,
    far_of,
    guessed,
    quantile,
    touching,
)
from echoatlas.schemas.fan import Fan, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]

PARALLEL = 0.02  # radians between sides that count as parallel
POINT = 0.12  # inner to outer radius below which a convex sector counts as a phased one's
WIDE = 1.95  # radians, the opening from which a sector is an endocavity probe's
NARROW = 0.3  # radians, the least opening of a sector
TILTED = 0.35  # sine of the angle by which a fan may lean
BINS = 48  # directions


def sectors(look: Outline, left: Line, right: Line, up: bool, square: bool) -> list[Guess]:
    """Ring sectors between two straight sides."""
    normals = np.array([left.normal, right.normal])
    if abs(np.linalg.det(normals)) < PARALLEL:
        return []
    apex = np.linalg.solve(normals, [left.offset, right.offset])
    box = look.part.box
    if up != bool(apex[1] > (box.y0 + box.y1) / 2):
        return []
    angles = sorted(_angle(line, up) for line in (left, right))
    found = _rings(look, apex, (angles[0], angles[1]))
    stretch = None if square else _stretch(look, apex, up)
    if stretch is not None:
        middle = np.pi if up else 0.0
        turned = [middle + float(np.arctan2(np.tan(angle - middle), stretch)) for angle in angles]
        found += _rings(look, apex, (turned[0], turned[1]), stretch)
    return found


def mirrored(look: Outline, line: Line, far: Points, up: bool) -> list[Guess]:
    """Upright ring sectors by one side and the far arc: the apex lies on the side's line."""
    if abs(line.normal[1]) < 0.08 or (line.normal[1] > 0) != up or len(far) < 4:
        return []
    part = look.part
    y = part.box.y1 - 1.0 if up else float(part.box.y0)
    start = np.array([line.x_at(y), y])
    along = np.array([-line.normal[1], line.normal[0]])
    along *= 1 if (along[1] < 0) != up else -1
    places = start + np.arange(0, 0.9 * part.box.height, 3.0)[:, None] * along
    radius = np.hypot(*(far[None] - places[:, None]).transpose(2, 0, 1))
    spread = np.abs(radius - np.median(radius, axis=1)[:, None]).mean(axis=1)
    apex = places[int(spread.argmin())]
    middle = np.pi if up else 0.0
    half = abs(_angle(line, up) - middle)
    return _rings(look, apex, (middle - half, middle + half))


def disks(look: Outline) -> list[Guess]:
    """Circles around an area that is about as wide as high, and along most of its outline.

    The second one by least squares (Kasa), three times without the points that lie off it: text
    that touches a circle belongs to its area.
    """
    box = look.part.box
    if not 0.8 < box.width / box.height < 1.25:
        return []
    (x, y), radius = cv2.minEnclosingCircle(look.part.outline.astype(np.float32))
    whole = (-float(np.pi), float(np.pi))
    found = [((float(x), float(y)), float(radius))]
    points = look.some
    for _ in range(3):
        left = np.column_stack([2 * points, np.ones(len(points))])
        (x, y, rest), *_ = np.linalg.lstsq(left, (points**2).sum(axis=1), rcond=None)
        radius = float(np.sqrt(max(rest + x * x + y * y, 0.0)))
        off = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius)
        points = points[off <= max(2 * quantile(off, 0.5), 1.0)]
    found.append(((float(x), float(y)), radius))
    fans = [Fan(Shape.CIRCULAR, center, (0.0, size), whole) for center, size in found]
    return [guessed(fan, look) for fan in fans]


def named(fan: Fan) -> Shape:
    """The shape of a ring sector by its opening, and by whether it comes to a point."""
    span = fan.angles[1] - fan.angles[0]
    if span > 2 * np.pi - 1e-6:
        return Shape.CIRCULAR
    if span > WIDE:
        return Shape.ENDOCAVITY
    near = fan.radii[0]
    if fan.clip is not None and fan.apex is not None:
        up = np.cos(sum(fan.angles) / 2) < 0
        cut = fan.apex[1] - fan.clip.y1 if up else fan.clip.y0 - fan.apex[1]
        near = max(near, cut * fan.stretch)
    return Shape.PHASED if near < POINT * fan.radii[1] else Shape.CONVEX


def _stretch(look: Outline, apex: Points, up: bool) -> float | None:
    """How far rows must be spread for the far edge to be an arc around the apex.

    Pictures of public collections are often resized to squares. On an arc, squared x is linear
    in squared y.
    """
    far = far_of(look, up, steep=0.5)
    if len(far) < 12:
        return None
    x, y = (far[:, 0] - apex[0]) ** 2, (far[:, 1] - apex[1]) ** 2
    if np.ptp(far[:, 0]) < 0.5 * look.part.box.width or np.ptp(y) < 1:
        return None
    slope = float(np.polyfit(y, x, 1)[0])
    stretch = float(np.sqrt(max(-slope, 0.0)))
    return stretch if 0.6 < stretch < 1.7 and abs(stretch - 1) > 0.04 else None


def _rings(
    look: Outline, apex: Points, angles: tuple[float, float], stretch: float = 1.0
) -> list[Guess]:
    """Ring sectors of one apex and opening: by radii, and limited by the part's box or not."""
    span = angles[1] - angles[0]
    middle = sum(angles) / 2
    if not NARROW < span < 1.9 * np.pi or abs(np.sin(middle)) > TILTED:
        return []
    some, box = look.some, look.part.box
    dx, dy = some[:, 0] - apex[0], (some[:, 1] - apex[1]) * stretch
    radius = np.hypot(dx, dy)
    turned = (np.arctan2(dx, dy) - middle + np.pi) % (2 * np.pi) - np.pi
    inner, outers = _radii(radius, turned / span + 0.5, len(look.free) / len(some))
    sides = sides_of(angles, dx, dy).max(axis=0)
    found = []
    for outer in outers:
        for near, clip in ((inner, None), (inner, box), (0.0, box)):
            if near >= 0.95 * outer:
                continue
            beyond = np.maximum(np.maximum(sides, radius - outer), near - radius)
            if clip is not None:  # points of the outline lie on its box, at most
                x, y = some[:, 0], some[:, 1]
                edge = np.minimum(np.minimum(x - box.x0, box.x1 - 1 - x),
                                  np.minimum(y - box.y0, box.y1 - 1 - y))  # fmt: skip
                beyond = np.maximum(beyond, -edge)
            on, out = touching(beyond)
            place = float(apex[0]), float(apex[1])
            opening = float(angles[0]), float(angles[1])
            fan = Fan(Shape.CONVEX, place, (near, outer), opening, stretch=stretch, clip=clip)
            found.append(Guess(fan, on - 3 * out))
    return found


def _angle(line: Line, up: bool) -> float:
    """The direction of a side away from the apex: 0 is down, positive towards +x."""
    x, y = -line.normal[1], line.normal[0]
    if (y < 0) != up:
        x, y = -x, -y
    found = float(np.arctan2(x, y))
    return found % (2 * np.pi) if up else found


def _radii(
    radius: NDArray[np.float64], share: NDArray[np.float64], each: float
) -> tuple[float, list[float]]:
    """Inner and likely outer radii of a ring sector by an outline's points.

    The outer one is that of the farthest points, or one that many points share: what lies
    beyond may be a bar of the screen, and what is farther may be in the dark.

    Args:
        radius, share: of the points, where 0 to 1 is from the left to the right side.
        each: how many points of the outline each stands for.
    """
    place = (share * BINS).astype(int)
    inside = (place >= 2) & (place < BINS - 2)
    if not inside.any():
        return 0.0, [float(radius.max())]
    far, close = np.zeros(BINS), np.full(BINS, np.inf)
    np.maximum.at(far, place[inside], radius[inside])
    np.minimum.at(close, place[inside], radius[inside])
    high = quantile(far[far > 0], 0.92)
    outers = [high]
    counts = np.bincount(radius[inside & (radius > 0.5 * high)].astype(int) // 2)
    for _ in range(2):
        if not len(counts) or counts.max() * each < 12:
            break
        best = int(counts.argmax())
        common = 2.0 * best + 1
        if all(abs(common - outer) > 0.02 * high for outer in outers):
            outers.append(common)
        counts[max(best - 3, 0) : best + 4] = 0
    inner = quantile(close[far > 0], 0.3)
    return (inner if inner < 0.9 * high else 0.0), outers
