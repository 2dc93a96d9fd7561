"""What a clip's text looks like once the tissue has moved away behind it.

Text stands still while tissue moves, so the minimum over time keeps letters and dims what lies
under them. The whole clip's minimum shows what is there throughout; minima over short windows
show what comes late or goes early; what stands out of both neighboring frames is there for one
frame only, or moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


@dataclass(frozen=True, slots=True)
class Block:
    """Some consecutive frames of a clip, summed up; all pictures (H, W) or (H, W, 3) uint8.

    Attributes:
        frames: themselves.
        minima: over each window of frames.
        passing: the maximum of the minima: all that stood still for a window.
        sudden: the most by which a frame outshone both its neighbors; None for a single frame.
    """

    frames: tuple[Picture, ...]
    minima: tuple[Picture, ...]
    passing: Picture
    sudden: Picture | None

    @property
    def steady(self) -> Picture:
        """The minimum over the block."""
        return least(self.minima)


def blocks(pictures: Iterable[Picture], window: int = 4, group: int = 8) -> Iterator[Block]:
    """Sum a clip up, block by block.

    Args:
        pictures: frames of one size, in order; gray and color may alternate.
        window: frames over which a minimum is taken.
        group: windows a block.
    """
    for frames in _cut(pictures, window * group):
        minima = [least(frames[at : at + window]) for at in range(0, len(frames), window)]
        sudden = _outshining(frames) if len(frames) > 1 else None
        yield Block(tuple(frames), tuple(minima), _most(minima), sudden)


def _cut(pictures: Iterable[Picture], size: int) -> Iterator[list[Picture]]:
    block: list[Picture] = []
    for picture in pictures:
        if block and picture.ndim != block[0].ndim:
            block = [_colored(one) for one in block]
            picture = _colored(picture)
        block.append(picture)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def _colored(picture: Picture) -> Picture:
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def least(pictures: Sequence[Picture]) -> Picture:
    """The minimum of pictures of one size."""
    lowest = pictures[0]
    if any(picture.ndim != lowest.ndim for picture in pictures):
        pictures = [_colored(picture) for picture in pictures]
        lowest = pictures[0]
    for picture in pictures[1:]:
        lowest = np.asarray(cv2.min(lowest, picture), np.uint8)
    return lowest


def _most(pictures: list[Picture]) -> Picture:
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
