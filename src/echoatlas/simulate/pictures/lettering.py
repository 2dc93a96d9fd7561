"""Letters on pictures, and the box of pixels that they really cover.

Fonts are those that come with the libraries: OpenCV's Hershey strokes ("hershey", what scanners
with vector fonts look like) and the TrueType face bundled with Pillow ("freetype"). Neither has
accents, so marks are drawn onto the plain letter; ideographs are drawn by strokes; a letter of
another script becomes "?".
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from echoatlas.schemas.fan import Box
from echoatlas.simulate.pictures import ideographs

if TYPE_CHECKING:
    from numpy.typing import NDArray

Color = tuple[int, int, int]
PLAIN = {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ß": "ss", "æ": "ae", "Æ": "AE", "đ": "d"}
ACUTE, GRAVE, CIRCUMFLEX, TILDE, DIAERESIS, RING, CEDILLA, DOT, CARON = (
    "\u0301\u0300\u0302\u0303\u0308\u030a\u0327\u0307\u030c"
)


@lru_cache(1024)
def ink(text: str, height: int, font: str = "hershey", weight: int = 1) -> NDArray[np.uint8]:
    """A line of text as (h, w) uint8 opacity, cropped to its ink.

    Args:
        height: of a capital letter, pixels.
        weight: stroke width, pixels (Hershey only).
    """
    advance, canvas = 2, np.zeros((height * 3, (len(text) + 2) * height * 2), np.uint8)
    base = height * 2
    for letter in unicodedata.normalize("NFC", text):
        if letter in ideographs.STROKES:
            advance += ideographs.draw(canvas, letter, advance, base, height, weight)
            continue
        parts = unicodedata.normalize("NFD", letter)
        plain = PLAIN.get(parts[0], parts[0])
        plain = plain if plain.isascii() else "?"
        width = _put(canvas, plain, advance, base, height, font, weight)
        for mark in parts[1:]:
            _accent(canvas, mark, advance, advance + width, base, height, weight, parts[0])
        advance += width
    found = np.argwhere(canvas)
    if not len(found):
        return np.zeros((1, 1), np.uint8)
    (top, left), (bottom, right) = found.min(axis=0), found.max(axis=0) + 1
    return np.ascontiguousarray(canvas[top:bottom, left:right])


def _put(
    canvas: NDArray[np.uint8], text: str, x: int, base: int, height: int, font: str, weight: int
) -> int:
    if font == "hershey":
        scale = height / 21.0
        cv2.putText(
            canvas, text, (x, base), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, weight, cv2.LINE_AA
        )
        return max(1, int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, weight)[0][0]))
    face = _face(round(height * 1.4))
    picture = Image.fromarray(canvas)
    ImageDraw.Draw(picture).text((x, base), text, font=face, fill=255, anchor="ls")
    canvas[:] = np.asarray(picture)
    return max(1, round(face.getlength(text)))


@cache
def _face(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _accent(
    canvas: NDArray[np.uint8],
    mark: str,
    x0: int,
    x1: int,
    base: int,
    height: int,
    weight: int,
    letter: str,
) -> None:
    """Draw a combining mark over (or under) the letter between ``x0`` and ``x1``."""
    middle, unit = (x0 + x1) / 2, height / 6
    top = base - (height if letter.isupper() else height * 0.72) - unit * 1.2
    shapes: dict[str, list[tuple[float, float]]] = {
        ACUTE: [(-0.6, 0.7), (0.8, -0.7)],
        GRAVE: [(-0.8, -0.7), (0.6, 0.7)],
        CIRCUMFLEX: [(-1, 0.6), (0, -0.7), (1, 0.6)],
        CARON: [(-1, -0.6), (0, 0.7), (1, -0.6)],
        TILDE: [(-1.3, 0.4), (-0.5, -0.4), (0.5, 0.4), (1.3, -0.4)],
    }
    points = shapes.get(mark)
    if points:
        line = np.array([(middle + dx * unit, top + dy * unit) for dx, dy in points])
        drawn = np.round(line * 16).astype(np.int32)
        cv2.polylines(canvas, [drawn], False, 255, weight, cv2.LINE_AA, 4)
        return
    dots = {
        DIAERESIS: [(-0.9, 0.0), (0.9, 0.0)],
        DOT: [(0.0, 0.0)],
        RING: [(0.0, 0.0)],
        CEDILLA: [(0.0, (height + unit * 2.4) / unit)],
    }.get(mark, [])
    for dx, dy in dots:
        center = (round(middle + dx * unit), round(top + dy * unit))
        size = max(1, round(unit * (0.9 if mark == RING else 0.5)))
        cv2.circle(canvas, center, size, 255, 1 if mark == RING else -1, cv2.LINE_AA)


def rotated(letters: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Opacity turned counterclockwise, cropped to its ink anew."""
    if not degrees:
        return letters
    height, width = letters.shape
    side = int(np.hypot(height, width)) + 4
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turn[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
    turned = cv2.warpAffine(letters, turn, (side, side))
    found = np.argwhere(turned > 8)
    (top, left), (bottom, right) = found.min(axis=0), found.max(axis=0) + 1
    return np.ascontiguousarray(turned[top:bottom, left:right])


def stamp(
    picture: NDArray[np.uint8],
    letters: NDArray[np.uint8],
    at: tuple[int, int],
    color: Color = (255, 255, 255),
    plate: Color | None = None,
    opacity: float = 1.0,
) -> Box:
    """Blend letters into an RGB picture with their top left corner at ``at``, moved to fit.

    Args:
        plate: color of a filled rectangle behind the letters, None for none.

    Returns:
        The box of the letters' ink.
    """
    high, wide = picture.shape[:2]
    letters = letters[:high, :wide]
    height, width = letters.shape
    x = int(np.clip(at[0], 0, wide - width))
    y = int(np.clip(at[1], 0, high - height))
    if plate is not None:
        around = Box(x - 3, y - 3, x + width + 3, y + height + 3).clipped(wide, high)
        picture[around.y0 : around.y1, around.x0 : around.x1] = plate
    alpha = letters[..., None].astype(np.float32) * np.float32(opacity / 255)
    spot = picture[y : y + height, x : x + width]
    spot[:] = np.round(spot + (np.array(color, np.float32) - spot) * alpha).astype(np.uint8)
    return Box(x, y, x + width, y + height)
