"""Where strokes gather through time: moments to look at, and the way of moving text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels.detector import Line
from echoatlas.pipeline.deidentify.pixels.strokes import CELL, box_of, regions, spread
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.pixels.strokes import Cells

    Mask = NDArray[np.bool_]

PATIENCE = 3  # frames in which moving text may not be seen before it counts as gone
AROUND = np.ones((3, 3), np.uint8)
SWOLLEN = 2.5  # times its area, from which what is followed is more than the text


def places(
    counts: Sequence[Cells], hot: Sequence[Mask], looks: int, apart: int
) -> list[list[tuple[int, Mask]]]:
    """Where strokes gather: of each place, the moments that show most, and its cells in each."""
    found = []
    for region in regions(np.logical_or.reduce(hot)):
        scores = [
            float(one[region].sum()) if now[region].any() else 0.0
            for one, now in zip(counts, hot, strict=True)
        ]
        picks = spread(scores, looks, apart, 1.0)
        found.append([(moment, hot[moment] & region) for moment in picks])
    return found


class Trails:
    """The ways of what moves through frames; each is walked once, however many lines lie on it.

    Attributes:
        hot: of each frame, cells around which strokes gather; counts: strokes of each cell.
    """

    def __init__(self, hot: Sequence[Mask], counts: Sequence[Cells]) -> None:
        self._hot, self._counts = hot, counts
        self._labels: dict[int, NDArray[np.int32]] = {}
        self._walked: dict[tuple[int, int, bytes], float] = {}

    def followed(self, box: Box, moment: int, step: int) -> Iterator[Box]:
        """The boxes through which text moves, from one frame on in one direction of time.

        What was walked before, from another line and as far or farther, is not told again.

        Args:
            box: of the text in frame ``moment``, pixels.
            step: 1 onwards, -1 backwards.
        """
        height, width = self._hot[0].shape
        most = SWOLLEN * (box.width + 2 * CELL) * (box.height + 2 * CELL)
        here = np.zeros((height, width), np.uint8)
        here[box.y0 // CELL : -(-box.y1 // CELL), box.x0 // CELL : -(-box.x1 // CELL)] = 1
        lost = 0
        moment += step
        while 0 <= moment < len(self._hot) and lost <= PATIENCE:
            labels = self._labeled(moment)
            met = np.unique(labels[(cv2.dilate(here, AROUND) > 0) & (labels > 0)])
            if met.size:
                key = moment, step, met.tobytes()
                if self._walked.get(key, 0.0) >= most:
                    return
                self._walked[key] = most
                chosen = np.zeros(int(labels.max()) + 1, bool)
                chosen[met] = True
                gathered_here = np.asarray(chosen[labels])
                inked = gathered_here & (self._counts[moment] >= 1)
                inked = inked if inked.any() else gathered_here
                reached = box_of(inked, (height * CELL, width * CELL), CELL // 2)
                if reached.area > most:
                    return
                yield reached
                here, lost = inked.astype(np.uint8), 0
            else:
                lost += 1
            moment += step

    def _labeled(self, moment: int) -> NDArray[np.int32]:
        if moment not in self._labels:
            _, found = cv2.connectedComponents(self._hot[moment].astype(np.uint8))
            self._labels[moment] = np.asarray(found, np.int32)
        return self._labels[moment]


def as_line(box: Box, score: float) -> Line:
    corners = ((box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1))
    return Line(tuple((float(x), float(y)) for x, y in corners), score)
