"""Shapes that probes scan, fitted to the outline of an area: as many as it leaves open.

Dark tissue bites into an area, so its outline shows parts of the fan's boundary only. Straight
sides are therefore sought as lines that touch the outline in many points and leave none beyond,
and a side in the dark is taken to mirror the other.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.geometry.boundary import boundary, outside
from echoatlas.pipeline.geometry.outline import (
    NEAR,
    Guess,
    Line,
    Outline,
    far_of,
    guessed,
    outline_of,
    quantile,
    sides,
    touching,
)
from echoatlas.pipeline.geometry.sectors import PARALLEL, disks, mirrored, sectors
from echoatlas.schemas.fan import Box, Fan, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echoatlas.pipeline.geometry.segments import Part

PAIRS = 7  # of sides
CLEAR = 0.75  # quick agreement from which a guess is worth a look ahead of the others
BEHIND = 0.6  # by which a quick agreement falls short of the best one's, to be left out
FAR_BEHIND = 0.45  # likewise, of the agreement both ways


def guesses(part: Part, most: int, square: bool) -> Iterator[Guess]:
    """The shapes that agree best with a part's outline, best first.

    Ahead of all comes what the clearest two sides alone say, if it agrees well: whoever finds it
    borne out by the picture need not ask for the others, which take most of the time.

    Args:
        most: ring sectors; rectangles and trapezoids come with them, the best of each.
        square: pixels are known to be as wide as high.
    """
    look = outline_of(part)
    if len(look.free) < 12:
        yield Guess(_rectangle(part.box), 0.0)
        return
    lines = {up: [sides(look, sign, up) for sign in (-1, 1)] for up in (False, True)}
    pairs = sorted(
        ((left, right, up) for up, (lefts, rights) in lines.items()
         for left, right in product(lefts, rights)),
        key=lambda pair: -pair[0].support - pair[1].support,
    )[:PAIRS]  # fmt: skip
    rings, polygons = disks(look), [] if part.solid else _boxes(look)
    rings += [ring for pair in pairs[:1] for ring in sectors(look, *pair, square)]
    clear = max(rings + polygons, key=lambda one: one.agreement, default=None)
    if clear is not None and clear.agreement > CLEAR:
        yield clear
    for left, right, _ in pairs if not part.solid else ():
        polygons += _trapezoids(look, left, right)
    for pair in pairs[1:]:
        rings += sectors(look, *pair, square)
    for up, (lefts, rights) in lines.items():
        far = far_of(look, up) if lefts or rights else look.hull[:0]
        for line in lefts[:1] + rights[:1]:
            rings += mirrored(look, line, far, up)
    likely = _unlike(rings, most + 3)
    for shape in (Shape.LINEAR, Shape.TRAPEZOID):
        likely += _unlike([one for one in polygons if one.fan.shape is shape], 2)
    top = max((one.agreement for one in likely), default=0.0) - BEHIND
    scored = [Guess(one.fan, _agreement(one.fan, look)) for one in likely if one.agreement >= top]
    scored.sort(key=lambda guess: -guess.agreement)
    scored = [one for one in scored if one.agreement > scored[0].agreement - FAR_BEHIND]
    found = [guess for guess in scored if guess.fan.apex is not None][:most]
    for shape in (Shape.LINEAR, Shape.TRAPEZOID):
        found += [guess for guess in scored if guess.fan.shape is shape][:1]
    yield from sorted(found, key=lambda guess: -guess.agreement)


def hull_of(part: Part) -> Fan:
    """The convex outline of a part: all that can be said where no probe's shape fits."""
    hull = cv2.convexHull(part.outline.astype(np.int32))
    corners = cv2.approxPolyDP(hull, 0.002 * cv2.arcLength(hull, True), True)[:, 0, :]
    shape = Shape.TRAPEZOID if len(corners) == 4 else Shape.CONVEX
    places = tuple((float(x), float(y)) for x, y in corners)
    return Fan(shape, corners=places, found_by="outline")


def scaled(fan: Fan, factor: float) -> Fan:
    """A fan on its picture enlarged by a factor."""

    def place(value: float) -> float:
        return (value + 0.5) * factor - 0.5

    box = fan.clip
    return replace(
        fan,
        apex=fan.apex and (place(fan.apex[0]), place(fan.apex[1])),
        radii=(fan.radii[0] * factor, fan.radii[1] * factor),
        corners=tuple((place(x), place(y)) for x, y in fan.corners),
        clip=box and Box(*(round(side * factor) for side in (box.x0, box.y0, box.x1, box.y1))),
    )


def rounded(fan: Fan) -> Fan:
    """A fan to a hundredth of a pixel, in plain numbers, so that it can be written as text."""
    return replace(
        fan,
        apex=fan.apex and (round(float(fan.apex[0]), 2), round(float(fan.apex[1]), 2)),
        radii=(round(float(fan.radii[0]), 2), round(float(fan.radii[1]), 2)),
        angles=(round(float(fan.angles[0]), 5), round(float(fan.angles[1]), 5)),
        corners=tuple((round(float(x), 2), round(float(y), 2)) for x, y in fan.corners),
        stretch=round(float(fan.stretch), 4),
        clip=fan.clip and Box(*map(int, (fan.clip.x0, fan.clip.y0, fan.clip.x1, fan.clip.y1))),
    )


def _unlike(found: list[Guess], most: int) -> list[Guess]:
    """The best guesses, best first, without those that become one with a better one."""
    kept: list[Guess] = []
    for guess in sorted(found, key=lambda one: -one.agreement):
        if len(kept) == most:
            break
        if not any(alike(guess.fan, one.fan) for one in kept):
            kept.append(guess)
    return kept


def alike(one: Fan, other: Fan, factor: int = 1) -> bool:
    """Whether two ring sectors become one when their limits are moved to the picture's edges.

    Args:
        factor: pixels of their picture to one of the reduced picture's.
    """
    if one.apex is None or other.apex is None or one.stretch != other.stretch:
        return False
    most = 3 * NEAR * factor
    (x, y), (near, far) = one.apex, one.radii
    return (
        abs(x - other.apex[0]) < most
        and abs(y - other.apex[1]) < most
        and abs(far - other.radii[1]) < most
        and abs(near - other.radii[0]) < most
        and one.clip == other.clip
    )


def _agreement(fan: Fan, look: Outline) -> float:
    """Shares of the outline on the fan's boundary and of the boundary on the outline, summed."""
    height, width = look.part.mask.shape
    on, beyond = touching(outside(fan, look.some).max(axis=0))
    edge = len(boundary(fan, height, width, 4.0).points) * 4.0
    return on + min(on * len(look.free) / max(edge, 1.0), 1.0) - 3 * beyond


def _boxes(look: Outline) -> list[Guess]:
    """Rectangles: rows and columns that are filled at least half as well as the best ones."""
    part = look.part
    rows, columns = part.mask.sum(axis=1), part.mask.sum(axis=0)
    y = np.flatnonzero(rows > 0.5 * quantile(rows[rows > 0], 0.9))
    x = np.flatnonzero(columns > 0.5 * quantile(columns[columns > 0], 0.9))
    tight = Box(int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1)
    boxes = sorted({part.box, tight}, key=lambda box: -box.area)
    return [guessed(_rectangle(one), look) for one in boxes]


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
    return [guessed(Fan(Shape.TRAPEZOID, corners=corners, clip=box), look)]
