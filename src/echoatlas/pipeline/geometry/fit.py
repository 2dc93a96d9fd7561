"""Fit the shapes that probes scan to an area of signal, and choose the one that agrees best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.schemas.fan import Box, Fan, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Points = NDArray[np.float64]

PARALLEL = 0.02  # radians between sides that count as parallel
TRIALS = 600
POINT = 0.06  # inner to outer radius below which a sector comes to a point


@dataclass(frozen=True, slots=True)
class Line:
    """A straight edge: ``normal @ point = offset``, the normal pointing out of the area."""

    normal: tuple[float, float]
    offset: float
    support: int


def fitted(part: Mask) -> Fan:
    """The fan that agrees best with an area of signal.

    Args:
        part: (H, W) bool, one connected area without holes.

    Returns:
        A fan without spacing, mode or verdict. ``found_by`` is "fit" for a shape that probes
        scan, "outline" where none fits better than the area's own convex outline.
    """
    outline = _outline(part)
    candidates = [*_boxes(part), *_trapezoids(part, outline), *_sectors(part, outline)]
    candidates += _disks(part, outline)
    scored = [(agreement(fan, part), fan) for fan in candidates]
    best, fan = max(scored, key=lambda one: one[0])
    hull = _hull(part, outline)
    return hull if agreement(hull, part) > best + 0.03 else fan


def agreement(fan: Fan, part: Mask) -> float:
    """Intersection over union of a fan and an area, 0 to 1."""
    mask = fan.mask(*part.shape)
    return float((mask & part).sum() / max((mask | part).sum(), 1))


def _outline(part: Mask) -> Points:
    contours, _ = cv2.findContours(part.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = max(contours, key=len)
    return np.asarray(longest[:, 0, :], np.float64)


def _box(part: Mask) -> Box:
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _boxes(part: Mask) -> list[Fan]:
    """Rectangles: rows and columns that are filled at least half as well as the best ones."""
    box = _box(part)
    rows, columns = part.sum(axis=1), part.sum(axis=0)
    y = np.flatnonzero(rows > 0.5 * np.percentile(rows[rows > 0], 90))
    x = np.flatnonzero(columns > 0.5 * np.percentile(columns[columns > 0], 90))
    tight = Box(int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1)
    return [_rectangle(one) for one in {box, tight}]


def _rectangle(box: Box) -> Fan:
    right, bottom = box.x1 - 1, box.y1 - 1
    corners = ((box.x0, box.y0), (right, box.y0), (right, bottom), (box.x0, bottom))
    return Fan(Shape.LINEAR, corners=corners, found_by="fit")


def _hull(part: Mask, outline: Points) -> Fan:
    hull = cv2.convexHull(outline.astype(np.int32))
    corners = cv2.approxPolyDP(hull, 0.002 * cv2.arcLength(hull, True), True)[:, 0, :]
    shape = Shape.TRAPEZOID if len(corners) == 4 else Shape.CONVEX
    return Fan(shape, corners=tuple((float(x), float(y)) for x, y in corners), found_by="outline")


def _free(part: Mask, outline: Points) -> Points:
    """Outline points that do not lie on the picture's edge: there the picture ends, not the fan."""
    height, width = part.shape
    x, y = outline[:, 0], outline[:, 1]
    free: Points = outline[(x > 2) & (y > 2) & (x < width - 3) & (y < height - 3)]
    return free


def _side(points: Points, center: tuple[float, float], sign: int) -> Line | None:
    """The straight left (-1) or right (+1) edge of an outline, by consensus."""
    half = points[(points[:, 0] - center[0]) * sign > 0]
    if len(half) < 12:
        return None
    rng = np.random.default_rng(7)
    a = half[rng.integers(len(half), size=TRIALS)]
    b = half[rng.integers(len(half), size=TRIALS)]
    along = b - a
    length = np.hypot(along[:, 0], along[:, 1])
    reach = 0.08 * float(np.ptp(points[:, 1]))
    usable = length > max(reach, 8)
    if not usable.any():
        return None
    a, along, length = a[usable], along[usable], length[usable]
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1) / length[:, None]
    normal *= np.where(normal[:, :1] * sign < 0, -1.0, 1.0)
    steep = np.abs(normal[:, 0]) > 0.12
    normal, a = normal[steep], a[steep]
    if not len(a):
        return None
    offset = (normal * a).sum(axis=1)
    distance = half @ normal.T - offset
    tolerance = max(1.2, 0.003 * float(np.ptp(points[:, 1])))
    support = (np.abs(distance) < tolerance).sum(axis=0)
    beyond = (distance > 2 * tolerance).sum(axis=0)
    best = int(np.argmax(support - 2.0 * beyond))
    near = half[np.abs(distance[:, best]) < tolerance]
    middle = near.mean(axis=0)
    _, _, directions = np.linalg.svd(near - middle, full_matrices=False)
    fine = directions[1] * (1 if directions[1, 0] * sign > 0 else -1)
    return Line((float(fine[0]), float(fine[1])), float(fine @ middle), int(support[best]))


def _sides(part: Mask, outline: Points) -> tuple[Line, Line] | None:
    free = _free(part, outline)
    if len(free) < 24:
        return None
    rows, columns = np.nonzero(part)
    center = (float(columns.mean()), float(rows.mean()))
    left, right = _side(free, center, -1), _side(free, center, 1)
    return (left, right) if left and right else None


def _trapezoids(part: Mask, outline: Points) -> list[Fan]:
    sides = _sides(part, outline)
    if sides is None:
        return []
    box = _box(part)

    def x_at(line: Line, y: float) -> float:
        return (line.offset - line.normal[1] * y) / line.normal[0]

    top, bottom = float(box.y0), float(box.y1 - 1)
    left, right = sides
    corners = (
        (x_at(left, top), top), (x_at(right, top), top),
        (x_at(right, bottom), bottom), (x_at(left, bottom), bottom),
    )  # fmt: skip
    if corners[0][0] >= corners[1][0] or corners[3][0] >= corners[2][0]:
        return []
    turn = abs(np.arcsin(left.normal[1]) - np.arcsin(right.normal[1]))
    lean = abs(np.arcsin(left.normal[1])) + abs(np.arcsin(right.normal[1]))
    shape = Shape.LINEAR if max(turn, lean) < PARALLEL else Shape.TRAPEZOID
    return [Fan(shape, corners=corners, clip=box, found_by="fit")]


def _sectors(part: Mask, outline: Points) -> list[Fan]:
    """Ring sectors between the two straight sides, with and without the outline's box as limit."""
    sides = _sides(part, outline)
    if sides is None:
        return []
    left, right = sides
    normals = np.array([left.normal, right.normal])
    if abs(np.linalg.det(normals)) < PARALLEL:
        return []
    apex = np.linalg.solve(normals, [left.offset, right.offset])
    up = bool(apex[1] > np.nonzero(part)[0].mean())
    # A side's direction away from the apex: its normal, turned towards the area.
    angles = sorted(_angle(line, up) for line in sides)
    dx, dy = outline[:, 0] - apex[0], outline[:, 1] - apex[1]
    radius = np.hypot(dx, dy)
    angle = np.arctan2(dx, dy) % (2 * np.pi) if up else np.arctan2(dx, dy)
    span = angles[1] - angles[0]
    if not 0.05 < span < 1.9 * np.pi:
        return []
    inner, outer = _radii(radius, angle, (angles[0], angles[1]))
    found = []
    for near in {inner, 0.0} if inner < POINT * 3 * outer else {inner}:
        for clip in (None, _box(part)):
            found.append(
                Fan(
                    _named(near / outer, span),
                    apex=(float(apex[0]), float(apex[1])),
                    radii=(near, outer),
                    angles=(float(angles[0]), float(angles[1])),
                    clip=clip,
                    found_by="fit",
                )
            )
    return found


def _angle(line: Line, up: bool) -> float:
    """The direction of a side away from the apex: 0 is down, positive towards +x."""
    x, y = -line.normal[1], line.normal[0]
    if (y < 0) != up:
        x, y = -x, -y
    found = float(np.arctan2(x, y))
    return found % (2 * np.pi) if up else found


def _radii(
    radius: NDArray[np.float64], angle: NDArray[np.float64], angles: tuple[float, float]
) -> tuple[float, float]:
    """Inner and outer radius: of the outline's nearest and farthest points by direction."""
    bins = 48
    span = angles[1] - angles[0]
    place = ((angle - angles[0]) / span * bins).astype(int)
    inside = (place >= 2) & (place < bins - 2)
    far, close = np.zeros(bins), np.full(bins, np.inf)
    np.maximum.at(far, place[inside], radius[inside])
    np.minimum.at(close, place[inside], radius[inside])
    used = far > 0
    if not used.any():
        return 0.0, float(radius.max())
    outer = float(np.percentile(far[used], 85))
    inner = float(np.percentile(close[used], 30))
    return (inner if inner < 0.9 * outer else 0.0), outer + 0.5


def _named(ratio: float, span: float) -> Shape:
    if span > 1.95:
        return Shape.ENDOCAVITY
    return Shape.PHASED if ratio < POINT * 2 else Shape.CONVEX


def _disks(part: Mask, outline: Points) -> list[Fan]:
    (x, y), radius = cv2.minEnclosingCircle(outline.astype(np.float32))
    return [
        Fan(
            Shape.CIRCULAR,
            apex=(float(x), float(y)),
            radii=(0.0, float(radius) + 0.5),
            angles=(-float(np.pi), float(np.pi)),
            found_by="fit",
        )
    ]
