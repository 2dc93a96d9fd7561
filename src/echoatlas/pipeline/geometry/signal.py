"""Where a clip shows echoes: change over time where there is any, else texture off the background.

Scanner screens hold still while speckle moves, so a cine separates the two by itself. A still has
only levels: flat surfaces of any color are background, thin strokes are lettering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.fan import Box
    from echoatlas.schemas.records import Picture

    Mask = NDArray[np.bool_]

LEVEL = 5  # gray levels off the background; lossy coding lifts black by about 3
CHANGE = 8  # gray levels over time
GAPS = 0.7  # share of an area that is off the background, below which it is doubtful
SHARP = 100  # gray levels between neighbors


@dataclass(frozen=True, slots=True)
class Signal:
    """Echoes of a clip.

    Attributes:
        mask: (H, W) bool, lettering removed as far as it stands apart, dark tissue closed.
        echo: (H, W) bool, pixels off the screen's flat surfaces, as they are.
        gray: (H, W) uint8, the brightest that each pixel gets.
        moving: the mask comes from change over time.
        colored: a part of the pictures is in color.
    """

    mask: Mask
    echo: Mask
    gray: NDArray[np.uint8]
    moving: bool
    colored: bool

    def parts(self, boxes: Sequence[Box], most: int) -> list[Mask]:
        """The connected areas that may be panes, left to right, none much smaller than another.

        Args:
            boxes: of stated panes: areas are looked for in each, so that touching panes part.
        """
        if len(boxes) > 1:
            found = []
            for box in boxes:
                part = np.zeros_like(self.mask)
                part[box.y0 : box.y1, box.x0 : box.x1] = self.mask[box.y0 : box.y1, box.x0 : box.x1]
                found += _components(part)[:1]
        else:
            found = _components(self.mask)
            found = _stacked([part for part in found if part.sum() >= 0.1 * found[0].sum()])
            found = [part for part in found if part.sum() >= 0.3 * found[0].sum()]
        return sorted(found[:most], key=lambda part: int(np.flatnonzero(part.any(axis=0))[0]))

    def filled(self, part: Mask) -> float:
        """Share of an area's pixels that are off the background: speckle leaves few gaps."""
        return float(self.echo[part].mean())

    def lettered(self, part: Mask) -> bool:
        """Whether an area is a block of text: full of gaps, with edges that no echo has.

        On the samples speckle fills 0.83 of its area and more with steps of 70 gray levels at
        most (95th percentile, next pixels); lettering fills 0.59 at most with steps from 167.
        """
        steps = cv2.absdiff(self.gray[:, 1:], self.gray[:, :-1])[part[:, 1:]]
        sharp = steps.size == 0 or float(np.percentile(steps, 95)) > SHARP
        return sharp and self.filled(part) < GAPS

    def fills_picture(self, part: Mask) -> bool:
        """Whether the picture is nothing but the fan: echoes up to every edge."""
        edges = (part[1], part[-2], part[:, 1], part[:, -2])
        return bool(part.mean() > 0.93 and min(edge.mean() for edge in edges) > 0.75)


def signal_of(pictures: Sequence[Picture]) -> Signal:
    """The signal of a clip's pictures, (H, W) or (H, W, 3) uint8."""
    grays = [
        picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        for picture in pictures
    ]
    brightest = np.maximum.reduce(grays)
    raw = echo = _off_background(brightest)
    moving = False
    if len(grays) >= 3:
        change = cv2.subtract(brightest, np.minimum.reduce(grays))
        changing = np.asarray(change >= CHANGE)
        moving = bool(_cleaned(changing).mean() > 0.05)
        if moving:
            echo = changing
    return Signal(_cleaned(echo), raw, brightest, moving, _colored(pictures))


def _colored(pictures: Sequence[Picture]) -> bool:
    first = pictures[0]
    if first.ndim == 2:
        return False
    spread = first.max(axis=2).astype(np.int16) - first.min(axis=2)
    return bool((spread > 40).mean() > 0.02)


def _off_background(gray: NDArray[np.uint8]) -> Mask:
    """Pixels that differ from the flat surfaces of the screen."""
    kernel = np.ones((7, 7), np.uint8)
    flat = cv2.subtract(cv2.dilate(gray, kernel), cv2.erode(gray, kernel)) <= 3
    levels = np.bincount(gray[flat], minlength=256)
    share = levels / gray.size
    common = [0, *(int(level) for level in np.flatnonzero(share > 0.02) if level > LEVEL)]
    signed = gray.astype(np.int16)
    echo = np.ones(gray.shape, bool)
    for level in common:
        near = np.abs(signed - level) <= (LEVEL if level == 0 else 2)
        if level:
            near &= cv2.dilate(flat.astype(np.uint8), kernel).astype(bool)
        echo &= ~near
    return echo


def _cleaned(echo: Mask) -> Mask:
    """Speckle closed to areas, lettering and thin bars opened away."""
    height, width = echo.shape
    side = min(height, width)
    close = _disk(max(side // 50, 3))
    opened = _disk(max(side // 24, 5))
    pad = opened.shape[0] + close.shape[0]
    raw = cv2.medianBlur(echo.astype(np.uint8), 3)
    raw = cv2.copyMakeBorder(raw, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(raw, cv2.MORPH_CLOSE, close)
    solid = cv2.morphologyEx(closed, cv2.MORPH_OPEN, opened)
    return np.asarray(solid[pad:-pad, pad:-pad], bool)


def _disk(radius: int) -> NDArray[np.uint8]:
    size = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _stacked(parts: list[Mask]) -> list[Mask]:
    """Parts above each other with the same sides joined: one linear picture with a dark band."""
    joined: list[Mask] = []
    for part in parts:
        for number, other in enumerate(joined):
            if _same_sides(part, other):
                both = (part | other).astype(np.uint8)
                hull = cv2.convexHull(cv2.findNonZero(both))
                joined[number] = cv2.fillConvexPoly(both, hull, 1).astype(bool)
                break
        else:
            joined.append(part)
    return sorted(joined, key=lambda part: -int(part.sum()))


def _same_sides(one: Mask, other: Mask) -> bool:
    a, b = (np.flatnonzero(part.any(axis=0))[[0, -1]] for part in (one, other))
    return bool(np.abs(a - b).max() <= 0.02 * one.shape[1])


def _components(mask: Mask) -> list[Mask]:
    """Connected areas with their holes filled, the largest first."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for contour in sorted(contours, key=lambda one: -cv2.contourArea(one))[:8]:
        area = np.zeros(mask.shape, np.uint8)
        cv2.drawContours(area, [contour], -1, 1, cv2.FILLED)
        found.append(area.astype(bool))
    return found
