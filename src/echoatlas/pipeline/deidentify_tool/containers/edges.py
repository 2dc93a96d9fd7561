"""Blocks of a JPEG that the mask's edge goes through: hidden pixels black, the others as they were.

Such a block is decoded, blacked out and coded anew, alone. What is hidden is set below black, where
decoders clip it, so that what quantization does to a hard edge does not show on its dark side; and
it is set before coding, so that nothing of what it was is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BELOW = -40.0  # gray level that hidden pixels are given
MIDDLE = 128.0  # JPEG codes what is over it or under it (T.81 A.3.1)
_PLACES = np.arange(8)
# Rows are frequencies: the orthonormal DCT-II, as T.81 A.3.3 has it.
DCT = np.cos((2 * _PLACES + 1) * _PLACES[:, None] * np.pi / 16) / 2
DCT[0] = np.sqrt(1 / 8)


def blacked(
    blocks: NDArray[np.int16], table: NDArray[np.uint16], hidden: NDArray[np.bool_], most: int
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Black out some pixels of luma blocks.

    Args:
        blocks: (N, 8, 8) quantized coefficients. table: (8, 8) the quantizer's steps.
        hidden: (N, 8, 8) pixels that must not show.
        most: gray levels that a hidden pixel may have afterwards.

    Returns:
        The new coefficients, and for which blocks that can be done: (N,) bool.
    """
    steps = table.astype(np.float64)
    shown = _decoded(blocks, steps)
    wanted = np.where(hidden, BELOW - MIDDLE, shown)
    made = np.rint(DCT @ wanted @ DCT.T / steps).clip(-1024, 1023).astype(np.int16)
    left = np.where(hidden, _decoded(made, steps) + MIDDLE, 0.0)
    return made, left.max(axis=(1, 2), initial=0.0) <= most


def _decoded(blocks: NDArray[np.int16], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients to samples around 0."""
    return np.asarray(DCT.T @ (blocks * steps) @ DCT)
