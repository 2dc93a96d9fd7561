"""Quantization tables of a JPEG that say nothing but how coarse it is."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# ITU-T T.81, tables K.1 and K.2, row by row.
LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, *[99] * 38,
)  # fmt: skip
# Cells in the order of the file (T.81, figure A.6): by diagonals, up and down in turn.
ZIGZAG = sorted(
    range(64), key=lambda at: (sum(divmod(at, 8)), at % 8 if sum(divmod(at, 8)) % 2 == 0 else at)
)
WORD = re.compile(rb"[A-Za-z0-9]{3}")  # what is shorter occurs by chance


def says_nothing(table: NDArray[np.uint16]) -> bool:
    """Whether a table, (8, 8), can go along: no name or number is spelled by its steps.

    It is one of the standard's, scaled as libjpeg does; or the same for all frequencies; or holds
    no letters and digits in a row, as the fine steps of most other encoders don't.
    """
    flat = table.ravel()
    if flat.max() > 255:
        return False  # 16 bits each: room for two letters
    if flat.tobytes() in _scaled() or np.ptp(flat) == 0:
        return True
    steps = bytes(flat[ZIGZAG].astype(np.uint8))
    return WORD.search(steps) is None


@cache
def _scaled() -> frozenset[bytes]:
    """The standard's tables at each quality from 1 to 100."""
    found = set()
    for quality in range(1, 101):
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        for base in (LUMINANCE, CHROMINANCE):
            steps = (np.array(base) * scale + 50) // 100
            found.add(np.clip(steps, 1, 255).astype(np.uint16).tobytes())
    return frozenset(found)
