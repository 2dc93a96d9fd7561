"""Words burned into the fan of moving tissue, in every way that makes them hard to find.

``make_cine`` puts text where scanners put it; here it lies on speckle, small, gray, turned,
colored, for a moment or moving, and the truth is the ink of every word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from echoatlas.simulate.pictures.lettering import ink, rotated
from echoatlas.simulate.pictures.scans import make_cine

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from echoatlas.schemas.fan import Fan

    Mask = NDArray[np.bool_]

WIDTH, HEIGHT = 640, 480
FANS = ("convex", "linear", "phased", "trapezoid")
WORDS = (
    "DOE, JANE", "SMITH", "MRN 0048213", "12/04/1962", "Garcia Lopez", "ST ELSEWHERE",
    "F 63Y", "Dr Muller", "ACC 99120", "Nguyen", "17-Oct-16", "WARD 7B",
)  # fmt: skip
IDEOGRAPHS = ("王大明", "田中山", "木水平", "김이김", "太田吉日")
SEEN = 0.25  # opacity, below which letters can't be read
APART = 12  # pixels between words


@dataclass(frozen=True, slots=True)
class Kind:
    """A way in which text stands in a clip.

    Attributes:
        height: of a capital letter, pixels.
        gray: level of the letters; plate: level of a filled rectangle behind them, or none.
        color: red, green and blue of the letters; None for ``gray``.
        moment: "always", "late" (from 60 % on), "fading" (out, within the first half), or for so
            many frames "1", "5", "12" from a third on.
        speed: pixels a frame, to the right.
        edge: the fan's edge cuts the word.
    """

    name: str
    height: int = 12
    gray: int = 235
    plate: int | None = None
    color: tuple[int, int, int] | None = None
    degrees: float = 0.0
    font: str = "hershey"
    script: str = "latin"
    moment: str = "always"
    speed: float = 0.0
    edge: bool = False

    def opacity(self, index: int, frames: int) -> float:
        """How much of the letters frame ``index`` shows."""
        if self.moment == "late":
            return float(index >= frames * 0.6)
        if self.moment == "fading":
            return max(0.0, 1.0 - 2.0 * index / frames)
        if self.moment.isdigit():
            return float(0 <= index - frames // 3 < int(self.moment))
        return 1.0


KINDS = (
    Kind("plain"),
    Kind("truetype", font="freetype"),
    Kind("8 px", height=8),
    Kind("large", height=24),
    Kind("gray", gray=160),
    Kind("rotated 90", degrees=90),
    Kind("rotated -90", degrees=-90),
    Kind("rotated 20", degrees=20),
    Kind("ideographs", height=16, script="ideographs"),
    Kind("dark on light", gray=20, plate=190),
    Kind("late", moment="late"),
    Kind("one frame", moment="1"),
    Kind("five frames", moment="5"),
    Kind("twelve frames", moment="12"),
    Kind("fading", moment="fading"),
    Kind("moving", speed=1.0),
    Kind("moving fast", speed=3.0),
    Kind("blue", color=(60, 90, 255)),
    Kind("cyan", color=(0, 220, 220)),
    Kind("yellow", color=(230, 220, 0)),
    Kind("on the edge", edge=True),
)
STANDING = tuple(one for one in KINDS if one.moment == "always" and not one.speed)


@dataclass(frozen=True, slots=True)
class Burned:
    """A clip with words.

    Attributes:
        pictures: (N, H, W) uint8, (N, H, W, 3) where the letters are colored.
        words: the ink of each inside the fan, over all frames, (H, W).
    """

    pictures: NDArray[np.uint8]
    fan: Fan
    words: tuple[Mask, ...]


def kind(name: str) -> Kind:
    """The kind of that name."""
    return next(one for one in KINDS if one.name == name)


def burned(how: Kind, seed: int, frames: int = 60, words: int = 3) -> Burned:
    """A clip with at most so many words of one kind, at random places of its fan."""
    scan = make_cine(
        seed, frames=frames, burned_in=(), size=(WIDTH, HEIGHT), fan=FANS[seed % len(FANS)]
    )
    rng = np.random.default_rng([seed, 77])
    pictures = scan.pictures.copy()
    if how.color:
        pictures = np.repeat(pictures[..., None], 3, axis=3)
    fan = scan.fans[0]
    inside = fan.mask(HEIGHT, WIDTH)
    taken = np.zeros_like(inside)
    truths = []
    for _ in range(words):
        letters = _letters(how, rng)
        place = _place(letters.shape, inside, taken, how, frames, rng)
        if place is None:
            continue
        truth = np.zeros_like(inside)
        for index, picture in enumerate(pictures):
            _write(picture, truth, letters, place, how, index, frames)
        truths.append(truth & inside)
        around = np.ones((2 * APART + 1, 2 * APART + 1), np.uint8)
        taken |= cv2.dilate(truth.astype(np.uint8), around).astype(bool)
    return Burned(pictures, fan, tuple(truths))


def _letters(how: Kind, rng: Generator) -> NDArray[np.uint8]:
    """A word as (h, w) uint8 opacity."""
    text = str(rng.choice(IDEOGRAPHS if how.script == "ideographs" else WORDS))
    return rotated(ink(text, how.height, how.font), how.degrees)


def _place(
    shape: tuple[int, ...], inside: Mask, taken: Mask, how: Kind, frames: int, rng: Generator
) -> tuple[int, int] | None:
    height, width = shape[0], shape[1] + int(how.speed * frames)
    for _ in range(2000 if how.edge else 400):
        x, y = int(rng.integers(0, WIDTH - width)), int(rng.integers(0, HEIGHT - height))
        spot = (slice(y, y + height), slice(x, x + width))
        share = inside[spot].mean()
        if not taken[spot].any() and (0.4 < share < 0.8 if how.edge else share == 1.0):
            return x, y
    return None


def _write(
    picture: NDArray[Any], truth: Mask, letters: NDArray[np.uint8], place: tuple[int, int],
    how: Kind, index: int, frames: int,
) -> None:  # fmt: skip
    opacity = how.opacity(index, frames)
    if opacity <= 0:
        return
    x, y = place[0] + int(index * how.speed), place[1]
    spot = (slice(y, y + letters.shape[0]), slice(x, x + letters.shape[1]))
    if how.plate is not None:
        picture[spot] = how.plate
    alpha = letters.astype(np.float32) * np.float32(opacity / 255)
    if how.color:
        alpha = alpha[..., None]
    ground = picture[spot].astype(np.float32)
    shade = np.asarray(how.color or how.gray, np.float32)
    picture[spot] = np.round(ground + (shade - ground) * alpha).astype(np.uint8)
    if opacity > SEEN:
        truth[spot] |= letters > 100
