"""What a clip's text looks like once the tissue has moved away behind it.

Text stands still while tissue moves, so the minimum over time keeps letters and dims what lies
under them. The whole clip's minimum shows what is there throughout; minima over short windows
show what comes late or goes early; what stands out of both neighboring frames is there for one
frame only, or moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


@dataclass(frozen=True, slots=True)
class Summary:
    """A clip, summed up for a text detector; pictures of (H, W) or (H, W, 3) uint8.

    Attributes:
        steady: minimum over the whole clip.
        passing: for each group of windows, the maximum of the windows' minima.
        sudden: for each group, the most by which a frame outshone both its neighbors.
        frames: how many frames were seen.
    """

    steady: Picture
    passing: tuple[Picture, ...]
    sudden: tuple[Picture, ...]
    frames: int


def summed_up(pictures: Iterable[Picture], window: int = 4, group: int = 4) -> Summary | None:
    """Sum a clip up, frame by frame; None if there is no frame.

    Args:
        pictures: equally sized frames, in order.
        window: frames over which a minimum is taken.
        group: windows whose minima are joined into one picture.
    """
    steady: Picture | None = None
    passing: list[Picture] = []
    sudden: list[Picture] = []
    frames = 0
    for block in _blocks(pictures, window * group):
        frames += len(block)
        minima = [_minimum(block[at : at + window]) for at in range(0, len(block), window)]
        steady = _minimum(minima if steady is None else [*minima, steady])
        passing.append(_maximum(minima))
        if len(block) > 1:
            sudden.append(_outshining(block))
    if steady is None:
        return None
    return Summary(steady, tuple(passing) if frames > window else (), tuple(sudden), frames)


def _blocks(pictures: Iterable[Picture], size: int) -> Iterator[list[Picture]]:
    block: list[Picture] = []
    for picture in pictures:
        block.append(picture)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def _minimum(pictures: list[Picture]) -> Picture:
    least = pictures[0]
    for picture in pictures[1:]:
        least = np.asarray(cv2.min(least, picture), np.uint8)
    return least


def _maximum(pictures: list[Picture]) -> Picture:
    most = pictures[0]
    for picture in pictures[1:]:
        most = np.asarray(cv2.max(most, picture), np.uint8)
    return most


def _outshining(block: list[Picture]) -> Picture:
    most = np.zeros_like(block[0])
    last = len(block) - 1
    for index, picture in enumerate(block):
        others = cv2.max(block[max(index - 1, 0) or min(1, last)], block[min(index + 1, last)])
        if index == last:
            others = block[index - 1]
        most = np.asarray(cv2.max(most, cv2.subtract(picture, others)), np.uint8)
    return most
