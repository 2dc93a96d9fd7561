"""Words in many hands: fonts of strokes, of outlines and of dots, four scripts, any size."""

from __future__ import annotations

import string
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from echoatlas.simulate.pictures import ideographs

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Ink = NDArray[np.uint8]

FACES = Path("/usr/share/fonts/truetype/dejavu")  # Debian's fonts-dejavu, for Greek and Cyrillic
HERSHEY = (0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7)  # OpenCV's numbers, the plain ones more often
GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω"
CYRILLIC = "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЭЮЯабвгдежзиклмнопрстуфхцчшщъыьэюя"
MARKED = "ÄÖÜÅÉÈÑÇØŠŽäöüåéèñçøšžß"
SMALLEST, LARGEST = 6, 46  # pixels, of a capital letter


def text(rng: Generator, letters: str = string.ascii_letters) -> str:
    """Names, numbers, dates and times: random letters, in the forms that these have."""

    def name(least: int = 2, most: int = 9) -> str:
        word = "".join(rng.choice(list(letters), rng.integers(least, most + 1)))
        case = rng.integers(3)
        return word.upper() if case == 0 else word.capitalize() if case == 1 else word.lower()

    def digits(least: int, most: int) -> str:
        return "".join(rng.choice(list(string.digits), rng.integers(least, most + 1)))

    forms = (
        lambda: name(3),
        lambda: f"{name()} {name()}",
        lambda: f"{name()}, {name()}",
        lambda: f"{name(1, 3)} {digits(2, 8)}",
        lambda: digits(3, 10),
        lambda: str(rng.choice(list("/-."))).join((digits(1, 2), digits(2, 2), digits(2, 4))),
        lambda: f"{digits(2, 2)}-{name(3, 3)}-{digits(2, 4)}",
        lambda: ":".join((digits(2, 2), digits(2, 2), digits(2, 2))),
        lambda: f"{name(1, 2)} {digits(1, 2)}{name(1, 1)}",
        lambda: f"{name(2, 5)} {name(2, 7)} {digits(1, 5)}",
        lambda: f"{name(1, 6)}: {digits(1, 2)}.{digits(1, 2)} {name(1, 3)}",
    )
    return forms[rng.integers(len(forms))]()


def height(rng: Generator) -> int:
    """Of a capital letter, pixels: small ones more often."""
    if rng.random() < 0.2:
        return int(rng.integers(18, LARGEST + 1))
    return round(float(np.exp(rng.uniform(np.log(SMALLEST), np.log(20)))))


def word(rng: Generator) -> Ink:
    """A line of text as (h, w) uint8 opacity, cropped to its ink."""
    size = height(rng)
    hand = rng.random()
    if hand < 0.45:
        drawn = _hershey(text(rng), size, rng)
    elif hand < 0.75:
        letters = string.ascii_letters + (MARKED if rng.random() < 0.2 else "")
        script = rng.random()
        if FACES.is_dir() and script < 0.35:
            letters = GREEK if script < 0.15 else CYRILLIC
            drawn = _outlined(text(rng, letters), size, rng, plain=False)
        else:
            drawn = _outlined(text(rng, letters), size, rng)
    elif hand < 0.85:
        drawn = _dotted(text(rng), size)
    else:
        drawn = _ideographs(max(size, 10), rng)
    return cropped(drawn)


def cropped(drawn: Ink) -> Ink:
    """Without what is empty around it."""
    found = np.argwhere(drawn > 8)
    if not len(found):
        return np.zeros((1, 1), np.uint8)
    (top, left), (bottom, right) = found.min(axis=0), found.max(axis=0) + 1
    return np.ascontiguousarray(drawn[top:bottom, left:right])


def _hershey(said: str, size: int, rng: Generator) -> Ink:
    font = int(rng.choice(HERSHEY))
    scale = size / cv2.getTextSize("H", font, 1.0, 1)[0][1]
    weight = int(rng.integers(1, max(2, size // 7 + 1)))
    kind = cv2.LINE_AA if rng.random() < 0.75 else cv2.LINE_8
    wide = cv2.getTextSize(said, font, scale, weight)[0][0]
    canvas = np.zeros((size * 3, wide + 4 * size), np.uint8)
    cv2.putText(canvas, said, (size, size * 2), font, scale, 255, weight, kind)
    return canvas


@cache
def _face(path: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


@cache
def _faces() -> tuple[str, ...]:
    return tuple(sorted(str(path) for path in FACES.glob("*.ttf"))) if FACES.is_dir() else ()


def _outlined(said: str, size: int, rng: Generator, *, plain: bool = True) -> Ink:
    ours = rng.random() < 0.5 and plain
    path = "" if ours or not _faces() else str(rng.choice(_faces()))
    face = _face(path, round(size * 1.4))
    picture = Image.new("L", (int(face.getlength(said)) + 4 * size, size * 3))
    pen = ImageDraw.Draw(picture)
    pen.fontmode = "L" if rng.random() < 0.75 else "1"
    pen.text((size, size * 2), said, font=face, fill=255, anchor="ls")
    return np.asarray(picture, np.uint8)


def _dotted(said: str, size: int) -> Ink:
    """In dots, as scanners of old wrote."""
    face = ImageFont.load_default_imagefont()
    picture = Image.new("1", (8 * len(said) + 16, 16))
    ImageDraw.Draw(picture).text((2, 2), said, font=face, fill=1)
    letters = np.asarray(picture, np.uint8) * 255
    by = max(1, round(size / 8))
    return np.repeat(np.repeat(letters, by, axis=0), by, axis=1)


def _ideographs(size: int, rng: Generator) -> Ink:
    """Known ones, and more that nobody knows: it is their texture that is learned."""
    count = int(rng.integers(2, 7))
    canvas = np.zeros((size * 2, round(size * 1.6 * (count + 1))), np.uint8)
    weight = int(rng.integers(1, max(2, size // 9 + 1)))
    known = rng.random() < 0.5
    x = float(size // 3)
    for _ in range(count):
        strokes = (
            list(ideographs.STROKES.values())[rng.integers(len(ideographs.STROKES))]
            if known
            else [_stroke(rng) for _ in range(rng.integers(3, 9))]
        )
        for stroke in strokes:
            points = np.array(stroke) / 12 * size + (x, size * 0.4)
            drawn = np.round(points * 16).astype(np.int32)
            cv2.polylines(canvas, [drawn], False, 255, weight, cv2.LINE_AA, 4)
        x += size * rng.uniform(1.1, 1.3)
    return canvas


def _stroke(rng: Generator) -> list[tuple[int, int]]:
    a, b, c, d = (int(one) for one in rng.integers(0, 13, 4))
    kind = rng.random()
    if kind < 0.4:
        return [(min(a, b), c), (max(a, b), c)]
    if kind < 0.75:
        return [(c, min(a, b)), (c, max(a, b))]
    return [(a, b), (c, d)]
