"""What a clip's text looks like once the tissue has moved away behind it.

Text stands still while tissue moves, so the minimum over time keeps letters and dims what lies
under them. The whole block's minimum shows what is there throughout. What comes late, goes early,
fades, flashes or moves is in the minimum of a window of frames and outshines the maximum of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.fan import Box
    from echoatlas.schemas.records import Picture

    Gray = NDArray[np.uint8]
    Extreme = Callable[[Sequence[Picture]], Gray]

# Windows of so many frames, and how many windows away they are compared: text that is shown for up
# to 2, 3 to 9, 7 to 18 and 15 or more frames stands out in at least one of them.
SPANS = ((1, 2), (2, 3), (4, 3), (8, 0))


@dataclass(frozen=True, slots=True)
class Block:
    """Some consecutive frames of a clip.

    Attributes:
        frames: (H, W) uint8, the brightest channel of each.
        steady: the minimum of all, (H, W) or (H, W, 3) uint8.
    """

    frames: tuple[Gray, ...]
    steady: Picture
    _kept: dict[tuple[Extreme, int], tuple[Gray, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def minima(self, span: int) -> tuple[Gray, ...]:
        """The minimum of each window of ``span`` frames; the last may have fewer."""
        return self._extremes(least, span)

    def maxima(self, span: int) -> tuple[Gray, ...]:
        """The maximum of each, the same way."""
        return self._extremes(most, span)

    def cropped(self, box: Box) -> Block:
        """A part of all frames; what was taken of them already is not taken again."""
        kept = {key: tuple(one[box.pixels] for one in some) for key, some in self._kept.items()}
        return Block(tuple(one[box.pixels] for one in self.frames), self.steady[box.pixels], kept)

    def _extremes(self, extreme: Extreme, span: int) -> tuple[Gray, ...]:
        if span == 1:
            return self.frames
        key = extreme, span
        if key not in self._kept:  # of twice as many of half the length, where there are such
            parts, size = (
                (self.frames, span) if span % 2 else (self._extremes(extreme, span // 2), 2)
            )
            self._kept[key] = tuple(
                extreme(parts[at : at + size]) for at in range(0, len(parts), size)
            )
        return self._kept[key]


def transients(block: Block, span: int, lag: int) -> Iterator[tuple[Gray, Gray]]:
    """The minimum of each window, and by how much all of the window outshines other windows.

    Args:
        span: frames of a window.
        lag: compared with the maxima of the windows so many before and after (at the ends of a
            block, of one of them), as text that moves or flashes has left; 0 compares with the
            window that is darkest at its brightest, as text has not come yet, or gone.
    """
    minima, maxima = block.minima(span), block.maxima(span)
    if len(minima) < 2:
        return
    ground = least(maxima) if not lag else minima[0]
    last = len(minima) - 1
    lag = min(lag, last)
    for index, minimum in enumerate(minima):
        if lag:
            before = maxima[index - lag if index >= lag else min(index + lag, last)]
            after = maxima[index + lag if index + lag <= last else max(index - lag, 0)]
            ground = np.asarray(cv2.max(before, after), np.uint8)
        yield minimum, np.asarray(cv2.subtract(minimum, ground), np.uint8)


def nearly_steady(block: Block, span: int) -> tuple[Gray, Gray] | None:
    """What stands but for two windows, and by how much it outshines what always stands.

    Returns:
        The third lowest of the windows' minima, and its difference to the lowest; None for a block
        of few windows.
    """
    minima = block.minima(span)[: len(block.frames) // span]
    if len(minima) < 6:
        return None
    first = second = third = np.full_like(minima[0], 255)
    for one in minima:
        third = cv2.min(third, cv2.max(second, one))
        second = cv2.min(second, cv2.max(first, one))
        first = cv2.min(first, one)
    return np.asarray(third, np.uint8), np.asarray(cv2.subtract(third, first), np.uint8)


def blocks(pictures: Iterable[Picture], frames: int = 64) -> Iterator[Block]:
    """Cut a clip into blocks.

    Args:
        pictures: frames of one size, in order; gray and color may alternate.
        frames: of a block.
    """
    for cut in _cut(pictures, frames):
        grays = tuple(gray_of(picture) for picture in cut)
        yield Block(grays, least(grays) if cut[0].ndim == 2 else least(cut))


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


def gray_of(picture: Picture) -> Gray:
    """The brightest of a picture's channels, so that letters of any color are bright."""
    if picture.ndim == 2:
        return picture
    red, green, blue = cv2.split(picture)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def least(pictures: Sequence[Picture]) -> Picture:
    """The minimum of pictures of one size and kind."""
    lowest = pictures[0]
    for picture in pictures[1:]:
        lowest = np.asarray(cv2.min(lowest, picture), np.uint8)
    return lowest


def most(pictures: Sequence[Picture]) -> Picture:
    """The maximum of pictures of one size and kind."""
    highest = pictures[0]
    for picture in pictures[1:]:
        highest = np.asarray(cv2.max(highest, picture), np.uint8)
    return highest
