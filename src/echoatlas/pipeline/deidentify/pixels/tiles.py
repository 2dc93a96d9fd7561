"""Large pictures in parts: a network sees no more at once, and few shapes of them.

What a network needs grows with what it sees, and an arena keeps the most that it ever needed. So
pictures beyond a size are cut into parts that overlap, of each of which the middle is used, and
the sides of all are rounded up: what a worker holds does not depend on what it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

    Map = NDArray[np.float32]

SIDE = 960  # pixels, the most that a network sees at once, both ways
GRID = 32  # pixels, by which parts begin: what networks halve is halved at the same places
OVERLAP = 64  # pixels on each side of a part that another part has as well


def in_tiles(picture: Picture, network: Callable[[Picture], Map], stride: int, by: int = 1) -> Map:
    """A network's map of a picture of any size: (ceil(H / by), ceil(W / by)) float32.

    Edges are repeated up to the network's stride, so that nothing is resampled.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        network: gives the map of a part whose sides are multiples of ``stride``.
        stride: pixels; divides ``GRID``.
        by: pixels of the picture to one of the map; divides ``stride``.
    """
    height, width = picture.shape[:2]
    found = np.zeros((-(-height // by), -(-width // by)), np.float32)
    for top, first, last in _cuts(height):
        for left, begin, end in _cuts(width):
            part = picture[top : top + SIDE, left : left + SIDE]
            bottom, right = -part.shape[0] % stride, -part.shape[1] % stride
            padded = cv2.copyMakeBorder(part, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
            seen = network(np.asarray(padded, np.uint8))
            rows, columns = slice(first // by, -(-last // by)), slice(begin // by, -(-end // by))
            found[rows, columns] = seen[
                rows.start - top // by : rows.stop - top // by,
                columns.start - left // by : columns.stop - left // by,
            ]
    return found


def _cuts(length: int) -> list[tuple[int, int, int]]:
    """Where parts begin, and from where to where each is used."""
    if length <= SIDE:
        return [(0, 0, length)]
    step = SIDE - 2 * OVERLAP
    starts = [*range(0, length - SIDE, step), length - SIDE]
    starts[-1] += -starts[-1] % GRID
    edges = [0, *(start + OVERLAP for start in starts[1:]), length]
    return list(zip(starts, edges, edges[1:], strict=False))
