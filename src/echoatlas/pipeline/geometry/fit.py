"""Shapes that probes scan, fitted to the outline of an area: as many as it leaves open.

Dark tissue bites into an area, so its outline shows parts of the fan's boundary only. Straight
sides are therefore sought as lines that touch the outline in many points and leave none beyond,
and a side in the dark is taken to mirror the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.geometry.bounds import boundary, outside, sides_of
from echoatlas.schemas.fan import Box, Fan, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.geometry.areas import Part

    Points = NDArray[np.float64]

PARALLEL = 0.02  # radians between sides that count as parallel
POINT = 0.12  # inner to outer radius below which a convex sector counts as a phased one's
NEAR = 2.0  # reduced pixels from a boundary that count as on it
LINES = 3  # a side
PAIRS = 7  # of sides
TILTS = np.radians(np.arange(-9, 78.1, 1.5))  # of a side's normal from the horizontal
NARROW = 0.3  # radians, the least opening of a sector
TILTED = 0.35  # sine of the angle by which a fan may lean
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


def guesses(part: Part, most: int, square: bool) -> list[Guess]:
    """The shapes that agree best with a part's outline, best first.

    Args:
        most: ring sectors; rectangles and trapezoids come with them, the best of each.
        square: pixels are known to be as wide as high.
    """
    free = _free(part.outline, part)
    if len(free) < 12:
        return [Guess(_rectangle(part.box), 0.0)]
    look = Outline(part, free, free[:: max(len(free) // FEW, 1)], _hull(part))
    lines = {up: [_sides(look, sign, up) for sign in (-1, 1)] for up in (False, True)}
    pairs = sorted(
        ((left, right, up) for up, (lefts, rights) in lines.items()
         for left, right in product(lefts, rights)),
        key=lambda pair: -pair[0].support - pair[1].support,
    )[:PAIRS]  # fmt: skip
    rings, polygons = _disks(look), [] if part.solid else _boxes(look)
    for left, right, up in pairs:
        if not part.solid:
            polygons += _trapezoids(look, left, right)
        rings += _sectors(look, left, right, up, square)
    for up, (lefts, rights) in lines.items():
        far = _far(look, up) if lefts or rights else look.hull[:0]
        for line in lefts[:1] + rights[:1]:
            rings += _mirrored(look, line, far, up)
    likely = [one.fan for one in _unlike(rings)[: most + 3]]
    for shape in (Shape.LINEAR, Shape.TRAPEZOID):
        likely += [one.fan for one in _unlike(polygons) if one.fan.shape is shape][:2]
    scored = [Guess(fan, _agreement(fan, look)) for fan in likely]
    scored.sort(key=lambda guess: -guess.agreement)
    found = [guess for guess in scored if guess.fan.apex is not None][:most]
    for shape in (Shape.LINEAR, Shape.TRAPEZOID):
        found += [guess for guess in scored if guess.fan.shape is shape][:1]
    return sorted(found, key=lambda guess: -guess.agreement)


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


def _unlike(found: list[Guess]) -> list[Guess]:
    """Guesses, best first, without those that become one with a better one."""
    kept: list[Guess] = []
    for guess in sorted(found, key=lambda one: -one.agreement):
        if not any(_alike(guess.fan, one.fan) for one in kept):
            kept.append(guess)
    return kept


def _alike(one: Fan, other: Fan) -> bool:
    """Whether two ring sectors become one when their limits are moved to the picture's edges."""
    if one.apex is None or other.apex is None or one.clip != other.clip:
        return False
    places = zip((*one.apex, *one.radii), (*other.apex, *other.radii), strict=True)
    return one.stretch == other.stretch and all(abs(a - b) < 3 * NEAR for a, b in places)


def hull_of(part: Part) -> Fan:
    """The convex outline of a part: all that can be said where no probe's shape fits."""
    hull = cv2.convexHull(part.outline.astype(np.int32))
    corners = cv2.approxPolyDP(hull, 0.002 * cv2.arcLength(hull, True), True)[:, 0, :]
    shape = Shape.TRAPEZOID if len(corners) == 4 else Shape.CONVEX
    places = tuple((float(x), float(y)) for x, y in corners)
    return Fan(shape, corners=places, found_by="outline")


def _guess(fan: Fan, look: Outline) -> Guess:
    on, out = _touching(outside(fan, look.some).max(axis=0))
    return Guess(fan, on - 3 * out)


def _agreement(fan: Fan, look: Outline) -> float:
    """Shares of the outline on the fan's boundary and of the boundary on the outline, summed."""
    on, beyond = _touching(outside(fan, look.some).max(axis=0))
    edge = len(boundary(fan, *look.part.mask.shape, 4.0).points) * 4.0
    return on + min(on * len(look.free) / max(edge, 1.0), 1.0) - 3 * beyond


def _touching(beyond: NDArray[np.float64]) -> tuple[float, float]:
    """The share of points on a fan's boundary, and the share beyond it."""
    count = max(len(beyond), 1)
    out = int(np.count_nonzero(beyond > NEAR))
    return (int(np.count_nonzero(beyond > -NEAR)) - out) / count, out / count


def _free(points: Points, part: Part) -> Points:
    """Points off the picture's edge, and the stated region's: there it ends, not the fan."""
    height, width = part.mask.shape
    box = part.within or Box(0, 0, width, height)
    x, y = points[:, 0], points[:, 1]
    free: Points = points[
        (x > box.x0 + 1) & (y > box.y0 + 1) & (x < box.x1 - 2) & (y < box.y1 - 2)
    ]
    return free


def _sides(look: Outline, sign: int, up: bool) -> list[Line]:
    """Straight left (-1) or right (+1) edges that touch an outline and leave none of it beyond.

    Args:
        up: of a fan that opens upward, so that its sides face down; tangents of its arc do not.
    """
    normals = np.stack([sign * np.cos(TILTS), np.sin(TILTS) * (1 if up else -1)])
    free = look.free
    offsets = (look.part.outline @ normals).max(axis=0)
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
    middle = near.mean(axis=0)
    _, _, directions = np.linalg.svd(near - middle, full_matrices=False)
    fine = directions[1] * np.sign(directions[1] @ normal)
    if fine @ normal < 0.95 or abs(fine[0]) < 0.1:
        fine = normal
    return Line((float(fine[0]), float(fine[1])), float(fine @ middle), len(near))


def _boxes(look: Outline) -> list[Guess]:
    """Rectangles: rows and columns that are filled at least half as well as the best ones."""
    part = look.part
    rows, columns = part.mask.sum(axis=1), part.mask.sum(axis=0)
    y = np.flatnonzero(rows > 0.5 * np.percentile(rows[rows > 0], 90))
    x = np.flatnonzero(columns > 0.5 * np.percentile(columns[columns > 0], 90))
    tight = Box(int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1)
    boxes = sorted({part.box, tight}, key=lambda box: -box.area)
    return [_guess(_rectangle(one), look) for one in boxes]


def _rectangle(box: Box) -> Fan:
    right, bottom = float(box.x1 - 1), float(box.y1 - 1)
    x, y = float(box.x0), float(box.y0)
    return Fan(Shape.LINEAR, corners=((x, y), (right, y), (right, bottom), (x, bottom)))


def _trapezoids(look: Outline, left: Line, right: Line) -> list[Guess]:
    box = look.part.box
    top, bottom = float(box.y0), float(box.y1 - 1)
    corners = (
        (left.x_at(top), top), (right.x_at(top), top),
        (right.x_at(bottom), bottom), (left.x_at(bottom), bottom),
    )  # fmt: skip
    if corners[0][0] >= corners[1][0] or corners[3][0] >= corners[2][0]:
        return []
    lean = max(abs(np.arcsin(left.normal[1])), abs(np.arcsin(right.normal[1])))
    if lean < PARALLEL:  # a rectangle
        return []
    return [_guess(Fan(Shape.TRAPEZOID, corners=corners, clip=box), look)]


def _sectors(look: Outline, left: Line, right: Line, up: bool, square: bool) -> list[Guess]:
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
        turned = [
            middle + float(np.arctan2(np.tan(angle - middle), stretch)) for angle in angles
        ]
        found += _rings(look, apex, (turned[0], turned[1]), stretch)
    return found


def _stretch(look: Outline, apex: Points, up: bool) -> float | None:
    """How far rows must be spread for the far edge to be an arc around the apex.

    Pictures of public collections are often resized to squares. On an arc, squared x is linear
    in squared y.
    """
    far = _far(look, up, steep=0.5)
    if len(far) < 12:
        return None
    x, y = (far[:, 0] - apex[0]) ** 2, (far[:, 1] - apex[1]) ** 2
    if np.ptp(far[:, 0]) < 0.5 * look.part.box.width or np.ptp(y) < 1:
        return None
    slope = float(np.polyfit(y, x, 1)[0])
    stretch = float(np.sqrt(max(-slope, 0.0)))
    return stretch if 0.6 < stretch < 1.7 and abs(stretch - 1) > 0.04 else None


def _mirrored(look: Outline, line: Line, far: Points, up: bool) -> list[Guess]:
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


def _hull(part: Part) -> Points:
    hull = cv2.convexHull(part.outline.astype(np.int32))[:, 0, :]
    return np.asarray(hull, np.float64)


def _far(look: Outline, up: bool, steep: float = 0.7) -> Points:
    """Points along the part of a hull that faces away from the probe, off the picture's edge."""
    part, hull = look.part, look.hull
    along = np.roll(hull, -1, axis=0) - hull
    length = np.hypot(along[:, 0], along[:, 1])
    facing = -along[:, 0] if _clockwise(hull) else along[:, 0]
    facing = np.where(up, -facing, facing)
    places = []
    for start, step, size, face in zip(hull, along, length, facing, strict=True):
        if size > 0 and face / size > steep and size < 0.25 * part.mask.shape[0]:
            places.append(start + np.linspace(0, 1, int(size / 3) + 2)[:, None] * step)
    if not places:
        return hull[:0]
    return _free(np.concatenate(places), part)


def _clockwise(hull: Points) -> bool:
    x, y = hull[:, 0], hull[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) > 0


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
            on, out = _touching(beyond)
            place = float(apex[0]), float(apex[1])
            opening = float(angles[0]), float(angles[1])
            shape = named(near / outer, span)
            fan = Fan(shape, place, (near, outer), opening, stretch=stretch, clip=clip)
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
    bins = 48
    place = (share * bins).astype(int)
    inside = (place >= 2) & (place < bins - 2)
    if not inside.any():
        return 0.0, [float(radius.max())]
    far, close = np.zeros(bins), np.full(bins, np.inf)
    np.maximum.at(far, place[inside], radius[inside])
    np.minimum.at(close, place[inside], radius[inside])
    high = float(np.percentile(far[far > 0], 92))
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
    inner = float(np.percentile(close[far > 0], 30))
    return (inner if inner < 0.9 * high else 0.0), outers


def named(ratio: float, span: float) -> Shape:
    """The shape of a ring sector by its inner to outer radius and its opening in radians."""
    if span > 2 * np.pi - 1e-6:
        return Shape.CIRCULAR
    if span > 1.95:
        return Shape.ENDOCAVITY
    return Shape.PHASED if ratio < POINT else Shape.CONVEX


def _disks(look: Outline) -> list[Guess]:
    box = look.part.box
    if not 0.8 < box.width / box.height < 1.25:
        return []
    (x, y), radius = cv2.minEnclosingCircle(look.part.outline.astype(np.float32))
    whole = (-float(np.pi), float(np.pi))
    fan = Fan(Shape.CIRCULAR, (float(x), float(y)), (0.0, float(radius)), whole)
    return [_guess(fan, look)]


def scaled(fan: Fan, factor: int) -> Fan:
    """A fan of the reduced picture on the full one."""

    def place(value: float) -> float:
        return (value + 0.5) * factor - 0.5

    clip = fan.clip and Box(*(side * factor for side in (
        fan.clip.x0, fan.clip.y0, fan.clip.x1, fan.clip.y1
    )))  # fmt: skip
    return replace(
        fan,
        apex=fan.apex and (place(fan.apex[0]), place(fan.apex[1])),
        radii=(fan.radii[0] * factor, fan.radii[1] * factor),
        corners=tuple((place(x), place(y)) for x, y in fan.corners),
        clip=clip,
    )
