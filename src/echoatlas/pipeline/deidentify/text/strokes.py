"""Letters as thin bright strokes that stand out of the tissue: a top-hat, and how strokes gather.

Finds what the network misses on bright speckle: short words, wide gaps, and letters smeared by
moving. It asks for strokes far above the picture's own noise, so it says nothing where tissue is
as sharp as letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.text.detector import Line
from echoatlas.pipeline.deidentify.text.letters import gray_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

SIGMA = 1.4826  # of a normal distribution, in median absolute deviations


@dataclass(frozen=True, slots=True)
class StrokeDetector:
    """Top-hat strokes, gathered to lines.

    Attributes:
        width: of the widest stroke, pixels.
        least: gray levels by which a stroke outshines its surroundings.
        noise: the same, in standard deviations of the picture's top-hat.
        gap: pixels between the letters of a line.
        ink: pixels of stroke that make a line.
        thick: of the highest line, pixels.
    """

    width: int = 7
    least: float = 45.0
    noise: float = 7.0
    gap: int = 9
    ink: int = 36
    thick: int = 48
    scale: float = 1.0
    id: str = "strokes"
    weights: str = ""

    def find(self, pictures: Sequence[Picture]) -> list[list[Line]]:
        """The lines of each picture."""
        return [self._lines(gray_of(picture)) for picture in pictures]

    def _lines(self, gray: NDArray[np.uint8]) -> list[Line]:
        strokes = self._strokes(gray)
        reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (self.gap, self.gap))
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(cv2.dilate(strokes, reach))
        found = []
        for index in range(1, count):
            x, y, width, height, _ = (int(value) for value in boxes[index])
            window = (slice(y, y + height), slice(x, x + width))
            inside = (labels[window] == index) & (strokes[window] > 0)
            if int(inside.sum()) < self.ink:
                continue
            points = (np.argwhere(inside)[:, ::-1] + np.array([x, y])).astype(np.float32)
            center, size, angle = cv2.minAreaRect(points)
            if not 5 <= min(size) <= self.thick or max(size) < 10:
                continue
            corners = cv2.boxPoints((center, (size[0] + 4, size[1] + 4), angle))
            found.append(Line(tuple((float(a), float(b)) for a, b in corners), 0.5))
        return found

    def _strokes(self, gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pixels of strokes: (H, W) uint8, 0 or 1."""
        element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (self.width, self.width))
        raised = cv2.morphologyEx(gray, cv2.MORPH_TOPHAT, element)
        seen = raised[::2, ::2][gray[::2, ::2] > 0]
        if seen.size < 100:
            return np.asarray(raised > self.least, np.uint8)
        middle = float(np.median(seen))
        spread = SIGMA * float(np.median(np.abs(seen - middle)))
        level = max(self.least, middle + self.noise * spread)
        return np.asarray(raised > level, np.uint8)
