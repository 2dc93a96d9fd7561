"""Clips of simulated tissue with text burned into the fan, and the truth of where it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.simulate.lettering import ink, rotated
from echoatlas.pipeline.simulate.scans import make_cine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.fan import Fan

WORDS = (
    "DOE, JANE", "SMITH", "MRN 0048213", "12/04/1962", "Garcia Lopez", "ST ELSEWHERE",
    "F 63Y", "Dr Muller", "ACC 99120", "Nguyen", "17-Oct-16", "WARD 7B",
)  # fmt: skip
# Strokes of ideographs on a 12 x 12 grid, as polylines: no font that holds them is at hand.
IDEOGRAPHS = {
    "王": [[(1, 1), (11, 1)], [(2, 6), (10, 6)], [(0, 11), (12, 11)], [(6, 1), (6, 11)]],
    "田": [[(1, 1), (11, 1), (11, 11), (1, 11), (1, 1)], [(1, 6), (11, 6)], [(6, 1), (6, 11)]],
    "中": [[(1, 3), (11, 3), (11, 8), (1, 8), (1, 3)], [(6, 0), (6, 12)]],
    "山": [[(6, 0), (6, 11)], [(1, 4), (1, 11), (11, 11), (11, 4)]],
    "木": [[(0, 4), (12, 4)], [(6, 0), (6, 12)], [(6, 4), (1, 10)], [(6, 4), (11, 10)]],
    "李": [[(1, 2), (11, 2)], [(6, 0), (6, 5)], [(6, 2), (1, 5)], [(6, 2), (11, 5)],
          [(3, 6), (9, 6), (6, 8)], [(1, 9), (11, 9)], [(6, 8), (6, 12), (4, 12)]],
    "日": [[(2, 0), (10, 0), (10, 12), (2, 12), (2, 0)], [(2, 6), (10, 6)]],
    "大": [[(0, 4), (12, 4)], [(6, 0), (6, 5), (1, 12)], [(6, 5), (11, 12)]],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """A way in which text stands in a clip.

    Attributes:
        height: of a capital letter, pixels.
        gray: level of the letters; plate: level of a filled rectangle behind them, or none.
        shown: opacity of frame ``index`` of ``frames``, 0 to 1.
        speed: pixels a frame, to the right.
    """

    name: str
    height: int = 12
    gray: int = 235
    plate: int | None = None
    degrees: float = 0.0
    font: str = "hershey"
    moment: str = "always"
    speed: float = 0.0

    def opacity(self, index: int, frames: int) -> float:
        """How much of the letters frame ``index`` shows."""
        if self.moment == "late":
            return float(index >= frames * 0.6)
        if self.moment == "once":
            return float(index == frames // 3)
        if self.moment == "fading":
            return max(0.0, 1.0 - 2.0 * index / frames)
        return 1.0


KINDS = (
    Kind("plain"),
    Kind("truetype", font="freetype"),
    Kind("8 px", height=8),
    Kind("large", height=24),
    Kind("gray", gray=160),
    Kind("rotated 90", degrees=90),
    Kind("rotated 20", degrees=20),
    Kind("ideographs", height=16, font="ideographs"),
    Kind("dark on light", gray=20, plate=190),
    Kind("late", moment="late"),
    Kind("one frame", moment="once"),
    Kind("fading", moment="fading"),
    Kind("moving", speed=1.0),
    Kind("moving fast", speed=3.0),
)


@dataclass(frozen=True, slots=True)
class Burned:
    """A clip with text: (N, H, W) uint8, its fan, and the ink of each word over all frames."""

    pictures: NDArray[np.uint8]
    fan: Fan
    words: tuple[NDArray[np.bool_], ...]


def letters(text: str, kind: Kind) -> NDArray[np.uint8]:
    """A word as (h, w) uint8 opacity."""
    if kind.font != "ideographs":
        return rotated(ink(text, kind.height, kind.font), kind.degrees)
    signs = [list(IDEOGRAPHS)[ord(letter) % len(IDEOGRAPHS)] for letter in text[:4]]
    size, drawn = kind.height, np.zeros((kind.height + 2, (kind.height + 3) * len(signs)), np.uint8)
    for number, sign in enumerate(signs):
        for stroke in IDEOGRAPHS[sign]:
            line = np.array(stroke) * (size / 12) + (number * (size + 3) + 1, 0.5)
            cv2.polylines(
                drawn, [np.round(line * 16).astype(np.int32)], False, 255, 1, cv2.LINE_AA, 4
            )
    return rotated(drawn, kind.degrees)


def burned(kind: Kind, seed: int, frames: int = 60, words: int = 3, **options: object) -> Burned:
    """A clip with words of one kind at random places inside its fan."""
    scan = make_cine(seed, frames=frames, burned_in=(), size=(640, 480), **options)  # type: ignore[arg-type]
    rng = np.random.default_rng([seed, 77])
    pictures = scan.pictures.copy()
    fan = scan.fans[0]
    inside = fan.mask(480, 640)
    taken = np.zeros_like(inside)
    truths = []
    for _ in range(words):
        shape = letters(str(rng.choice(WORDS)), kind)
        place = _place(shape.shape, inside & ~taken, kind, frames, rng)
        if place is None:
            continue
        truth = np.zeros_like(inside)
        for index, picture in enumerate(pictures):
            _write(picture, truth, shape, place, kind, index, frames)
        truths.append(truth & inside)
        rows, columns = np.nonzero(truth)
        taken[
            max(rows.min() - 12, 0) : rows.max() + 12,
            max(columns.min() - 12, 0) : columns.max() + 12,
        ] = True
    return Burned(pictures, fan, tuple(truths))


def _place(
    shape: tuple[int, ...],
    free: NDArray[np.bool_],
    kind: Kind,
    frames: int,
    rng: np.random.Generator,
) -> tuple[int, int] | None:
    height, width = shape[0], shape[1] + int(kind.speed * frames)
    for _ in range(400):
        x, y = int(rng.integers(0, 640 - width)), int(rng.integers(0, 480 - height))
        if free[y : y + height, x : x + width].all():
            return x, y
    return None


def _write(
    picture: NDArray[np.uint8], truth: NDArray[np.bool_], shape: NDArray[np.uint8],
    place: tuple[int, int], kind: Kind, index: int, frames: int,
) -> None:  # fmt: skip
    opacity = kind.opacity(index, frames)
    if opacity <= 0:
        return
    x, y = place[0] + int(index * kind.speed), place[1]
    spot = (slice(y, y + shape.shape[0]), slice(x, x + shape.shape[1]))
    if kind.plate is not None:
        picture[spot] = kind.plate
    alpha = shape.astype(np.float32) * np.float32(opacity / 255)
    blended = picture[spot] + (kind.gray - picture[spot].astype(np.float32)) * alpha
    picture[spot] = np.round(blended).astype(np.uint8)
    if opacity > 0.25:  # fainter, it can't be read
        truth[spot] |= shape > 100


def clips(kinds: tuple[Kind, ...], seeds: range, frames: int) -> Iterator[tuple[Kind, Burned]]:
    """Clips of each kind, over seeds, fans and screens."""
    fans = ("convex", "linear", "phased", "trapezoid")
    for kind in kinds:
        for seed in seeds:
            yield kind, burned(kind, seed, frames, fan=fans[seed % len(fans)])
