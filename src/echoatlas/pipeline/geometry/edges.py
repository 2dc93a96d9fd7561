"""Hold a fan's boundary against the picture, pixel by pixel, and move it to where the edge is.

Across the boundary, evidence steps from the level of echoes to the quiet of the screen. Where it
does, the boundary is borne out; where both sides are quiet (dark tissue) nothing is said; where
echoes go on outside, the fan is too small. Agreement of areas can't tell these apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.geometry.boundary import (
    CLIP,
    FAR,
    LEFT,
    NEAR,
    RIGHT,
    Boundary,
    boundary,
    outside,
)
from echoatlas.pipeline.geometry.outline import line_along, quantile
from echoatlas.schemas.fan import Box, Fan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Evidence = NDArray[np.float32]
    Points = NDArray[np.float64]

SAMPLES = 240  # along a boundary, about
WINDOW = 4  # pixels on either side of a step that are compared
DEEP = 2 * WINDOW  # pixels further in, where an area goes on and a line does not
LINE = 0.3  # of the level at the edge that is found there
STEP = 0.6  # doublings of the level
QUIET = 0.6  # of the level inside that is left outside
ECHO = 1.0  # level, in doublings, of what can't be background
MARGIN = 3  # pixels from the picture's edge where nothing can be seen outside
POLAR = cv2.WARP_POLAR_LINEAR | cv2.WARP_FILL_OUTLIERS
FEW = 8  # samples, too few to move a limit by


@dataclass(frozen=True, slots=True)
class Seen:
    """What the picture shows along a fan's boundary, one value a sample.

    Attributes:
        shift: pixels outward to the nearest clear step.
        found: there is one.
        goes_on: echoes continue on the outside as strong as within.
        dark: there are echoes on neither side.
        cut: too near the picture's edge to be seen.
    """

    boundary: Boundary
    shift: NDArray[np.float64]
    found: NDArray[np.bool_]
    goes_on: NDArray[np.bool_]
    dark: NDArray[np.bool_]
    cut: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Support:
    """How far a picture bears out a fan.

    Attributes:
        borne_out: share of the boundary in the picture with a clear step on it.
        contradicted: share of it with echoes beyond.
        dark: share of it with nothing to be seen on either side.
        weakest: share borne out of the limit (side or arc) that is borne out least.
        cut: share of the boundary at the picture's edge.
        arcs: a curved part of it is borne out, or it has none.
        limits: how many sides and arcs it has.
    """

    borne_out: float
    contradicted: float
    dark: float
    weakest: float
    cut: float
    arcs: bool = True
    limits: int = 4

    @property
    def value(self) -> float:
        return self.borne_out + 0.4 * self.dark - 2 * self.contradicted


def moved(
    fan: Fan, evidence: Evidence, reach: int, within: Box | None = None
) -> tuple[Fan, Support]:
    """A fan moved to the edges that the picture shows, and how far it is borne out there.

    Args:
        fan: in pixels of ``evidence``.
        reach: pixels by which its limits may be wrong.
        within: a stated region, whose edges may cut the fan: echoes beyond it are another's.
    """
    near = seen(fan, evidence, reach)
    new = _moved(fan, near, *evidence.shape)
    return new, _support(new, near, min(evidence.shape), within)


def hollow(fan: Fan, evidence: Evidence) -> float:
    """The radius around a circular fan's apex in which nothing is shown: the probe's own place."""
    apex, outer = fan.apex or (0.0, 0.0), int(fan.radii[1])
    around = cv2.warpPolar(evidence, (outer, 90), apex, outer, POLAR)
    level = around.mean(axis=0)
    shown = np.flatnonzero(level > 0.5 * np.median(level))
    return float(shown[0]) if len(shown) and shown[0] > 3 else 0.0


def _support(fan: Fan, near: Seen, side: int, within: Box | None) -> Support:
    around = near.boundary
    limit = around.limit
    steps = around.points + near.shift[:, None] * around.normals
    off = np.abs(outside(fan, steps).max(axis=0)) if len(limit) else np.zeros(0)
    good = near.found & (off <= max(2.0, 0.005 * side))
    free = ~near.cut
    if within is not None:
        free &= ~(near.goes_on & _on_edge(around.points, within))
    count = int(free.sum())
    if count < FEW:
        return Support(0.0, 0.0, 0.0, 0.0, 1.0)
    lengths = np.bincount(limit, minlength=1)
    shown, borne = np.bincount(limit[free]), np.bincount(limit[good & free])
    borne = np.pad(borne, (0, len(shown) - len(borne)))
    large = shown > 0.06 * len(limit)
    return Support(
        borne_out=int(borne.sum()) / count,
        contradicted=int((near.goes_on & ~good & free).sum()) / count,
        dark=int((near.dark & ~good & free).sum()) / count,
        weakest=float((borne[large] / shown[large]).min()) if large.any() else 0.0,
        cut=1 - count / len(limit),
        arcs=fan.apex is None or int(borne[FAR : NEAR + 1].sum()) >= FEW,
        limits=int((lengths > 0.02 * len(limit)).sum()),
    )


def seen(fan: Fan, evidence: Evidence, reach: int) -> Seen:
    """Look across a fan's boundary, that many pixels to either side."""
    height, width = evidence.shape
    around = boundary(fan, height, width, _apart(fan, height, width))
    if not len(around.points):
        none = np.zeros(0, bool)
        return Seen(around, np.zeros(0), none, none, none, none)
    away = np.arange(-reach - WINDOW - DEEP, reach + WINDOW + 1, dtype=np.float32)
    points, normals = around.points.astype(np.float32), around.normals.astype(np.float32)
    levels = cv2.remap(
        evidence, points[:, :1] + away * normals[:, :1], points[:, 1:] + away * normals[:, 1:],
        cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0,
    )  # fmt: skip
    # The mean over a window that ends at each place, and over a few samples along the boundary.
    means = cv2.blur(levels, (WINDOW, 5), anchor=(WINDOW - 1, 2), borderType=cv2.BORDER_REPLICATE)
    first = DEEP + WINDOW - 1  # the last place inside of the innermost step
    within, beyond = means[:, first:-WINDOW], means[:, first + WINDOW :]
    steps = cv2.subtract(within, beyond)
    best = steps.argmax(axis=1)
    rows = np.arange(len(best))
    step, inner, outer = steps[rows, best], within[rows, best], beyond[rows, best]
    deeper = (means[rows, best + first - WINDOW] + means[rows, best + first - 2 * WINDOW]) / 2
    found = (step > STEP) & (outer < QUIET * inner)
    found &= deeper > LINE * inner  # or it is a line that the screen draws
    middle = reach
    goes_on = (within[:, middle] > ECHO) & (beyond[:, middle] > 0.75 * within[:, middle])
    dark = (within[:, middle] < 0.5) & (beyond[:, middle] < 0.5)
    x, y = (around.points + MARGIN * around.normals).T
    cut = (x < MARGIN) | (y < MARGIN) | (x > width - 1 - MARGIN) | (y > height - 1 - MARGIN)
    return Seen(around, best - middle - 0.5, found, goes_on, dark, cut)


def _on_edge(points: Points, box: Box) -> NDArray[np.bool_]:
    x, y = points[:, 0], points[:, 1]
    inward = np.minimum.reduce([x - box.x0, y - box.y0, box.x1 - 1 - x, box.y1 - 1 - y])
    return np.asarray(inward < MARGIN + 1)


def _apart(fan: Fan, height: int, width: int) -> float:
    """Pixels between samples, by the fan's size."""
    if fan.apex is None:
        corners = np.asarray(fan.corners)
        length = float(np.ptp(corners[:, 0]) + np.ptp(corners[:, 1])) * 2
    else:
        near, far = fan.radii
        length = 2 * (far - near) + (fan.angles[1] - fan.angles[0]) * (far + near)
    return max(min(length, 4.0 * (height + width)) / SAMPLES, 1.0)


def _moved(fan: Fan, near: Seen, height: int, width: int) -> Fan:
    """The fan with each limit moved to the steps that were found along it."""
    used = near.found & ~near.cut
    # A polygon's corners are its last pixels, and so half a pixel short of the step.
    shift = near.shift - (0.5 if fan.apex is None else 0.0)
    places = near.boundary.points + shift[:, None] * near.boundary.normals

    def along(limit: int) -> Points | None:
        here = used & (near.boundary.limit == limit)
        return places[here] if here.sum() >= FEW else None

    if fan.apex is None:
        moved = _polygon(fan, near.boundary, along)
    else:
        moved = _sector(fan, near.boundary, along)
    return replace(moved, clip=_clip(moved, near, along, height, width))


def _polygon(fan: Fan, around: Boundary, along: Along) -> Fan:
    corners = np.asarray(fan.corners, np.float64)
    lines = []
    for number, (a, b) in enumerate(zip(corners, np.roll(corners, -1, axis=0), strict=True)):
        step = (b - a) / max(np.hypot(*(b - a)), 1e-9)
        normal = np.array([step[1], -step[0]])
        places = along(number)
        lines.append(_line(places, normal) if places is not None else (normal, normal @ a))
    fixed = []
    for before, after in zip(lines[-1:] + lines[:-1], lines, strict=True):
        normals = np.array([before[0], after[0]])
        if abs(np.linalg.det(normals)) < 0.2:
            return fan
        fixed.append(np.linalg.solve(normals, [before[1], after[1]]))
    return replace(fan, corners=tuple((float(x), float(y)) for x, y in fixed))


def _sector(fan: Fan, around: Boundary, along: Along) -> Fan:
    spread = np.array([1.0, fan.stretch])
    apex = np.asarray(fan.apex, np.float64) * spread
    angles = list(fan.angles)
    lines = {}

    def rows_spread(limit: int) -> Points | None:
        found = along(limit)
        return None if found is None else found * spread

    for limit in (LEFT, RIGHT):
        places = rows_spread(limit)
        if places is not None:
            normal = (-1 if limit == LEFT else 1) * np.array(
                [np.cos(angles[limit]), -np.sin(angles[limit])]
            )
            lines[limit] = _line(places, normal)
    if len(lines) == 2:
        normals = np.array([lines[LEFT][0], lines[RIGHT][0]])
        if abs(np.linalg.det(normals)) > 0.02:
            apex = np.linalg.solve(normals, [lines[LEFT][1], lines[RIGHT][1]])
    elif not lines and (far := rows_spread(FAR)) is not None and fan.angles[1] - fan.angles[0] > 6:
        apex = _center(far, apex)
    for limit, (normal, _) in lines.items():
        turn = -1 if limit == LEFT else 1
        new = float(np.arctan2(-turn * normal[1], turn * normal[0]))
        angles[limit] += (new - angles[limit] + np.pi) % (2 * np.pi) - np.pi
    radii = list(fan.radii)
    for slot, limit in ((1, FAR), (0, NEAR)):
        places = rows_spread(limit)
        if places is not None:
            radii[slot] = quantile(np.hypot(*(places - apex).T), 0.5)
    if not 0 <= radii[0] < radii[1] or not 0.05 < angles[1] - angles[0] <= 2 * np.pi:
        return fan
    return replace(
        fan,
        apex=(float(apex[0]), float(apex[1]) / fan.stretch),
        radii=(radii[0], radii[1]),
        angles=(angles[0], angles[1]),
    )


def _clip(fan: Fan, near: Seen, along: Along, height: int, width: int) -> Box | None:
    """The clip's sides moved likewise; a side that limits nothing is let go."""
    if fan.clip is None:
        return None
    first = len(fan.corners) if fan.apex is None else CLIP
    sides = [fan.clip.x0, fan.clip.y0, fan.clip.x1, fan.clip.y1]
    ends = (0, 0, width, height)
    held = False
    for number in range(4):
        count = int((near.boundary.limit == first + number).sum())
        places = along(first + number)
        if count < 3:
            sides[number] = ends[number]
            continue
        held = True
        if places is not None:
            value = quantile(places[:, number % 2], 0.5)
            sides[number] = round(value + 0.5)
    return Box(*sides) if held else None


def _line(places: Points, normal: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Normal and offset of the line along most of the points, near to a normal."""
    offset = quantile(places @ normal, 0.5)
    start = normal
    for tolerance in (3.0, 1.5):
        near = places[np.abs(places @ normal - offset) < tolerance]
        if len(near) < FEW:
            break
        middle, fine = line_along(near, start)
        if fine @ start < 0.97:
            break
        normal, offset = fine, float(fine @ middle)
    return normal, offset


def _center(places: Points, fallback: Points) -> Points:
    """The center of the circle along points (Kasa's least squares)."""
    if len(places) < 3 * FEW:
        return fallback
    left = np.column_stack([2 * places, np.ones(len(places))])
    found, *_ = np.linalg.lstsq(left, (places**2).sum(axis=1), rcond=None)
    return np.asarray(found[:2])


if TYPE_CHECKING:
    from collections.abc import Callable

    Along = Callable[[int], Points | None]
