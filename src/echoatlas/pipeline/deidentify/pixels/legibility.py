"""Whether what the network takes for text is made of letters.

The network takes some tissue for text: bands and specks that it never saw in training. Letters are
drawn, so their edges rise within a pixel by nearly all that lies between ink and ground; tissue
seen through a beam of finite width does not do that. What is clearly crisp is text, what is clearly
smooth is not, and what lies between is text if letters can be read in it.

Measured on 530 lines of 64 real pictures, 9 kinds of text burned in: see ``benchmarks``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels.detector import Line, drawn
from echoatlas.pipeline.deidentify.pixels.ocr import read
from echoatlas.pipeline.step import setting

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEEP = 92  # percentile: a line of text is about a tenth edge
SQUAT = 2.0
MOST_THICK = 60.0  # pixels, of the line's rectangle


@dataclass(frozen=True, slots=True)
class Edges:
    """How a line's edges rise.

    Attributes:
        step: gray levels between neighboring pixels, at the 92nd percentile.
        gap: gray levels between ink and ground.
    """

    step: float
    gap: float

    @property
    def crisp(self) -> float:
        """The share of the way from ground to ink that a pixel's step makes."""
        return self.step / max(self.gap, 1.0)


class Verdict(Enum):
    """What the judge says of a line. Doubt is neither: to be treated as text, and told of."""

    TEXT = "text"
    DOUBT = "doubt"
    TISSUE = "tissue"


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """What counts as letters.

    Attributes:
        score: of the network, from which crisp lines are text without being read.
        step, crisp: of edges, from which lines are text without being read.
        long: times its thickness, that a line must be long for that: calipers are as crisp. A
            shorter one has to read surely.
        blunt_step, blunt: below which lines are no text, without being read.
        strokes_step, strokes: the same of a line of strokes, which no network found.
        letters, sure: that must be read in the others, and how surely.
        strokes_sure: the same in a line of strokes.
        squat_sure: in strokes, and in what is not ``long``, that are less than ``SQUAT`` times as
            long as thick: specks of tissue are.
        doubtful: how surely any letter must be read for a line of the network that is not text
            by all this to be in doubt; above 1, nothing is.
    """

    score: float = setting(0.7, 0, 2)
    step: float = setting(60.0, 0, 256, "gray levels")
    crisp: float = setting(0.95, 0, 256)
    long: float = setting(0.0, 0, 100, "times")
    blunt_step: float = setting(14.0, 0, 256, "gray levels")
    blunt: float = setting(0.3, 0, 256)
    strokes_step: float = setting(36.0, 0, 256, "gray levels")
    strokes: float = setting(0.55, 0, 256)
    letters: int = setting(2, 1, 100, "letters")
    sure: float = setting(0.6, 0, 2)
    strokes_sure: float = setting(0.6, 0, 2)
    squat_sure: float = setting(0.9, 0, 2)
    doubtful: float = setting(0.5, 0, 2)


def edges(gray: NDArray[np.uint8], line: Line) -> Edges | None:
    """Edges inside a line on an (H, W) uint8 picture; None if it has no inside."""
    box = line.grown(2).box(*gray.shape)
    if box.area == 0:
        return None
    crop = gray[box.y0 : box.y1, box.x0 : box.x1]
    shrunk = line.grown(-0.1 * line.thickness).scaled(1.0, -box.x0, -box.y0)
    core = drawn([shrunk], box.height, box.width)
    inside = crop[core]
    if inside.size < 10:
        return None
    level, _ = cv2.threshold(inside[:, None], 0, 255, cv2.THRESH_OTSU)
    ink, ground = inside[inside > level], inside[inside <= level]
    if not ink.size or not ground.size:
        return None
    return Edges(float(np.percentile(steps(crop)[core], STEEP)), float(ink.mean() - ground.mean()))


def steps(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """How far each pixel is from its left and upper neighbors: (H, W) uint8 gray levels."""
    rise = np.zeros_like(gray)
    rise[:, 1:] = cv2.absdiff(gray[:, 1:], gray[:, :-1])
    rise[1:] = cv2.max(rise[1:], cv2.absdiff(gray[1:], gray[:-1]))
    return rise


def weighed(gray: NDArray[np.uint8], line: Line, config: JudgeConfig = JudgeConfig()) -> Verdict:
    """Whether a line on an (H, W) uint8 picture holds letters."""
    if line.thickness > MOST_THICK:
        return Verdict.TISSUE
    found = edges(gray, line)
    step, crisp = (
        (config.blunt_step, config.blunt) if line.score else (config.strokes_step, config.strokes)
    )
    if found is None or found.step < step or found.crisp < crisp:
        return Verdict.TISSUE
    sharp = found.step >= config.step and found.crisp >= config.crisp
    if sharp and line.score >= config.score and line.length >= config.long * line.thickness:
        return Verdict.TEXT
    reading = read(gray, line.grown(1))
    sure = config.sure if line.score else config.strokes_sure
    doubtful = not line.score or line.length < config.long * line.thickness
    if doubtful and line.length < SQUAT * line.thickness:
        sure = config.squat_sure
    if reading.letters >= config.letters and reading.sure >= sure:
        return Verdict.TEXT
    unsure = line.score and reading.letters and reading.sure >= config.doubtful
    return Verdict.DOUBT if unsure else Verdict.TISSUE
