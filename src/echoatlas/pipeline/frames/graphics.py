"""What is drawn over tissue inside the fan: calipers, body marks, color bars, other graphics.

Drawn by the scanner or its user on the finished picture, so it is sharper and brighter than any
echo, or has a color where echoes are gray. It is told apart by form alone; letters are the
business of ``deidentify``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

    Mask = NDArray[np.bool_]

STANDS_OUT = 130  # gray levels by which thin graphics stand out of what is around them
BRIGHT = 190  # gray level of thin graphics without color
THIN = np.ones((5, 5), np.uint8)
LEAST_INK = 12  # pixels; specks of fewer are echoes
ARMS = (5, 25)  # pixels, sides of a caliper's cross
MOST = 400  # graphics that are looked at
BAR = (2, 40)  # pixels, width of a color bar


def drawn(gray: Picture, tinted: Mask | None = None) -> Mask | None:
    """Where graphics lie in a picture that is black outside the fan, or None if there are none.

    Args:
        gray: (H, W) uint8 in source pixels, before it is resized.
        tinted: where it has color, if color is none of the scan's own (as flow is).
    """
    hat = cv2.morphologyEx(gray, cv2.MORPH_TOPHAT, THIN)
    found = tinted
    if cv2.minMaxLoc(hat)[1] > STANDS_OUT:
        found = (hat > STANDS_OUT) & (gray > BRIGHT)
        if tinted is not None:
            found |= tinted
    if found is None or cv2.countNonZero(found.view(np.uint8)) < LEAST_INK:
        return None
    return found


def kinds(found: Mask) -> tuple[str, ...]:
    """What graphics are, as codes: "calipers", "color_bar", "body_mark", else "marks"."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found.view(np.uint8), connectivity=8)
    names = set()
    crosses = 0
    for number in range(1, min(count, MOST)):
        x, y, width, height, ink = (int(value) for value in stats[number])
        shape = labels[y : y + height, x : x + width] == number
        if _is_cross(shape):
            crosses += 1
        elif _is_bar(width, height, ink):
            names.add("color_bar")
        elif min(width, height) >= ARMS[1] and ink < 0.35 * width * height and _is_closed(shape):
            names.add("body_mark")
        elif ink >= LEAST_INK:
            names.add("marks")
    if crosses:
        names.add("calipers")
    return tuple(sorted(names)) or ("marks",)


def without_bars(tinted: Mask) -> Mask:
    """Color less the bars that only say what the colors mean."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(tinted.view(np.uint8))
    bars = [n for n in range(1, count) if _is_bar(*(int(value) for value in stats[n][2:]))]
    return tinted & ~np.isin(labels, bars) if bars else tinted


def _is_bar(width: int, height: int, ink: int) -> bool:
    return BAR[0] <= width <= BAR[1] and height >= 4 * width and ink > 0.8 * width * height


def _is_cross(shape: Mask) -> bool:
    """Two thin strokes that meet at right angles: upright (+) or on the diagonals (x)."""
    height, width = shape.shape
    if not (ARMS[0] <= min(shape.shape) and max(shape.shape) <= ARMS[1]):
        return False
    if max(shape.shape) > 1.5 * min(shape.shape):
        return False
    down = (np.arange(height)[:, None] + 0.5) / height * 2 - 1
    across = (np.arange(width)[None, :] + 0.5) / width * 2 - 1
    near = 3.1 / min(shape.shape)  # of a stroke, three pixels wide at most
    for first, second in ((down, across), (down - across, down + across)):
        strokes = (np.abs(first) < near) | (np.abs(second) < near)
        on = shape & strokes
        ends = [
            (on & (np.abs(one) < near) & (sign * other > 0.6)).any()
            for one, other in ((first, second), (second, first))
            for sign in (-1, 1)
        ]
        if all(ends) and on.sum() >= 0.8 * shape.sum():
            return True
    return False


def _is_closed(shape: Mask) -> bool:
    """Whether an outline encloses a good part of its box."""
    padded = np.pad(shape.astype(np.uint8), 1)
    cv2.floodFill(padded, None, (0, 0), 2)
    return bool((padded == 0).mean() > 0.25)


def painted_over(picture: Picture, found: Mask) -> Picture:
    """The picture with graphics filled from their surroundings (Telea, J. Graphics Tools 2004).

    It invents tissue: what it fills must stay marked.
    """
    wide = cv2.dilate(found.view(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(cv2.inpaint(picture, wide, 3, cv2.INPAINT_TELEA), np.uint8)
