"""Candidates from many frames, packed into one picture: a single run of the network sees all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.deidentify.pixels.detector import Detector, Line
from echoatlas.pipeline.deidentify.pixels.effort import spend

if TYPE_CHECKING:
    from echoatlas.schemas.fan import Box
    from echoatlas.schemas.records import Picture

WIDTH, HEIGHT = 480, 480  # pixels of a canvas, unless a candidate is larger
GAP = 8  # pixels between candidates


@dataclass(frozen=True, slots=True)
class Candidate:
    """A part of a view that may hold text.

    Attributes:
        view: (H, W) or (H, W, 3) uint8, the whole view. box: of the part.
        moment: index of the frame or window that the view shows.
    """

    view: Picture
    box: Box
    moment: int = 0

    @property
    def crop(self) -> Picture:
        box = self.box
        return self.view[box.y0 : box.y1, box.x0 : box.x1]


def find(
    candidates: Sequence[Candidate],
    detector: Detector,
    shown: Callable[[Picture], Picture] = lambda crop: crop,
) -> list[list[Line]]:
    """The lines of each candidate, in pixels of its view.

    Args:
        shown: what the detector is to see of each crop, of the crop's size.
    """
    found: list[list[Line]] = [[] for _ in candidates]
    spend("boxes", len(candidates))
    for canvas, placed in canvases(candidates, shown):
        (lines,) = detector.find([canvas])
        for line in lines:
            middle = np.mean(line.corners, axis=0)
            for index, x, y in placed:
                box = candidates[index].box
                if x <= middle[0] < x + box.width and y <= middle[1] < y + box.height:
                    found[index].append(line.scaled(1.0, box.x0 - x, box.y0 - y))
                    break
    return found


def canvases(
    candidates: Sequence[Candidate], shown: Callable[[Picture], Picture] = lambda crop: crop
) -> Iterator[tuple[Picture, list[tuple[int, int, int]]]]:
    """Candidates laid on canvases: each with (index, x, y) of those that are on it."""
    for placed in packed([(one.box.width, one.box.height) for one in candidates]):
        wide = max(x + candidates[index].box.width for index, x, _ in placed)
        high = max(y + candidates[index].box.height for index, _, y in placed)
        depth = candidates[placed[0][0]].view.shape[2:]
        canvas = np.zeros((high, wide, *depth), np.uint8)
        for index, x, y in placed:
            crop = shown(candidates[index].crop)
            canvas[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
        yield canvas, placed


def packed(sizes: Sequence[tuple[int, int]]) -> list[list[tuple[int, int, int]]]:
    """Lay (width, height) rectangles on shelves of canvases: a list of (index, x, y) for each."""
    canvases: list[list[tuple[int, int, int]]] = []
    x = y = shelf = 0
    for index in sorted(range(len(sizes)), key=lambda i: (-sizes[i][1], -sizes[i][0], i)):
        width, height = sizes[index]
        if canvases and x and x + width > WIDTH:
            x, y, shelf = 0, y + shelf + GAP, 0
        if not canvases or (y and y + height > HEIGHT):
            canvases.append([])
            x = y = shelf = 0
        canvases[-1].append((index, x, y))
        x, shelf = x + width + GAP, max(shelf, height)
    return canvases
