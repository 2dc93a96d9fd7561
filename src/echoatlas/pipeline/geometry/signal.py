"""How far each pixel of a clip is off its screen's flat surfaces: all that says "echo" of it.

Screens are painted in a few flat colors, and so are the surrounds of fans. How far a pixel must
be off them to be an echo depends on the coding: by one level where black is stored exactly, by
more where lossy coding lifts it. So no threshold is set here; areas are looked for at several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

    Mask = NDArray[np.bool_]
    Levels = NDArray[np.uint8]

LEVEL = 5  # gray levels off the background; lossy coding lifts black by about 3
GAPS = 0.7  # share of an area that is off the background, below which it is doubtful
NO_GAPS = 0.9  # share of it that no lettering covers
SHARP = 100  # gray levels between a pixel and the next but one
TEXT = 0.05  # share of an area's pixels at such steps
FLAT = 3  # gray levels within 7 x 7 pixels of a flat surface
DARK = 24  # gray level below which only what is flat to a level is a surface
COMMON = 0.02  # share of the picture from which a flat color is a surface of the screen
CLOSE_TO = 8  # gray levels from black in which the surround's exact level is looked for


@dataclass(frozen=True, slots=True)
class Signal:
    """Echoes of a clip.

    Attributes:
        gray: (H, W) uint8, the brightest that each pixel gets.
        off: (H, W) uint8, gray levels off the nearest flat surface of the screen.
        change: (H, W) uint8, gray levels between its darkest and its brightest; None for a still.
        solid: (H, W) uint8, gray levels off black alone, where flat colors may fill a fan; None
            where nothing but black is flat.
        colored: a part of the pictures is in color.
    """

    gray: Levels
    off: Levels
    change: Levels | None
    solid: Levels | None
    colored: bool

    def evidence(self) -> NDArray[np.float32]:
        """(H, W) float32: log2 of one plus the levels off the screen, or over time if more."""
        levels = self.off if self.change is None else cv2.max(self.off, self.change)
        return _logarithm(levels)

    def solid_evidence(self) -> NDArray[np.float32] | None:
        """``evidence`` by black alone."""
        return None if self.solid is None else _logarithm(self.solid)

    def filled(self, part: Mask) -> float:
        """Share of an area's pixels that are off the background: speckle leaves few gaps."""
        return float((self.off[part] > LEVEL).mean()) if part.any() else 0.0

    def lettered(self, part: Mask) -> bool:
        """Whether an area is a block of text: edges that no echo has, and gaps.

        On the real samples at most 0.02 of a fan's pixels are a sharp step from the next but one,
        measurements and color boxes included; of pages of text it is 0.03 to 0.25.
        """
        filled = self.filled(part)
        if filled > NO_GAPS:
            return False
        steps = cv2.absdiff(self.gray[:, 2:], self.gray[:, :-2])[part[:, 2:]]
        sharp = float((steps > SHARP).mean()) if steps.size else 1.0
        return sharp > TEXT or (sharp > TEXT / 2 and filled < GAPS)


def signal_of(pictures: Sequence[Picture]) -> Signal:
    """The signal of a clip's pictures, (H, W) or (H, W, 3) uint8, all of one size."""
    brightest = darkest = gray_of(pictures[0])
    for picture in pictures[1:]:
        gray = gray_of(picture)
        brightest, darkest = cv2.max(brightest, gray), cv2.min(darkest, gray)
    surfaces = _surfaces(brightest)
    change = cv2.subtract(brightest, darkest) if len(pictures) > 2 else None
    return Signal(
        brightest,
        cv2.LUT(brightest, _distances(surfaces)),
        change,
        cv2.LUT(brightest, _distances(surfaces[:1])) if len(surfaces) > 1 else None,
        _colored(pictures[0]),
    )


def gray_of(picture: Picture) -> Levels:
    """The luma of a picture."""
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def _logarithm(levels: Levels) -> NDArray[np.float32]:
    table = np.log2(1 + np.arange(256, dtype=np.float32))
    return np.asarray(cv2.LUT(levels, table))


def _colored(picture: Picture) -> bool:
    if picture.ndim == 2:
        return False
    red, green, blue = cv2.split(picture)
    spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    return bool((spread > 40).mean() > 0.02)


def _surfaces(gray: Levels) -> list[int]:
    """The flat colors of a screen: the surround's black first, then all that cover much."""
    kernel = np.ones((7, 7), np.uint8)
    spread = cv2.subtract(cv2.dilate(gray, kernel), cv2.erode(gray, kernel))
    flat = spread <= np.where(gray < DARK, 1, FLAT)  # dark speckle is nearly flat
    share = np.bincount(gray[flat], minlength=256) / gray.size
    dark = share[: CLOSE_TO + 1]
    # Where two levels of black are common, the darker one is the surround and the other a fan
    # that is all but empty.
    black = int(np.flatnonzero(dark > 0.25 * dark.max())[0]) if dark.max() > 0 else 0
    return [black, *(int(level) for level in np.flatnonzero(share > COMMON) if level > CLOSE_TO)]


def _distances(surfaces: Sequence[int]) -> Levels:
    """Gray level to its distance from the nearest surface; nothing is darker than black."""
    levels = np.arange(256)[:, None] - np.asarray(surfaces)[None, :]
    levels[:, 0] = np.maximum(levels[:, 0], 0)
    away = np.abs(levels)
    away[:, 1:] = np.where(away[:, 1:] <= 2, 0, away[:, 1:])
    return np.asarray(away.min(axis=1), np.uint8)
