"""Blocks of a JPEG that the mask's edge runs through: the hidden part black, the other kept.

A block is transformed as a whole, so what is hidden in it goes before what is kept is coded again,
with the same table: nothing of the hidden samples is in any coefficient that is written. The kept
samples change by what coding once more costs, and no other block changes at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.fft import dctn, idctn

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLACK, NEUTRAL = -128.0, 0.0  # samples of luma and chroma, shifted as T.81 A.3.1 does
LIFTED = 1.0  # gray levels by which a hidden sample may come out above black
# Gray levels below black at which the hidden part is put, until none of it rings above: what comes
# out below black is black. The least that does it disturbs what is kept least.
DEPTHS = range(0, 168, 8)
MOST = 1023  # of a coefficient, what 8-bit baseline coding can hold (T.81 F.1.2)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What of a component is hidden, in blocks.

    Attributes:
        whole: (rows, columns) bool, blocks without a sample that is kept.
        partly: (rows, columns) bool, blocks that the edge runs through.
        samples: (n, 8, 8) bool, the hidden samples of those, in order.
    """

    whole: NDArray[np.bool_]
    partly: NDArray[np.bool_]
    samples: NDArray[np.bool_]


def hidden_by(keep: NDArray[np.bool_], blocks: tuple[int, int], step: tuple[int, int]) -> Hidden:
    """The hidden samples of a component.

    A chroma sample that any hidden pixel had a part in is hidden, and so is its neighbor in the
    same block: decoders mix neighbors, and black would be tinted.

    Args:
        keep: (H, W) bool. What lies beyond it is as its edge is.
        blocks: of the component, rows and columns.
        step: luma rows and columns that a sample covers.
    """
    rows, columns = 8 * blocks[0], 8 * blocks[1]
    high, wide = rows * step[0], columns * step[1]
    cut = ~keep[:high, :wide]
    padded = np.pad(cut, ((0, high - cut.shape[0]), (0, wide - cut.shape[1])), mode="edge")
    hidden = np.asarray(padded.reshape(rows, step[0], columns, step[1]).any(axis=(1, 3)))
    wider = hidden
    if step != (1, 1):
        wider = cv2.dilate(hidden.view(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    parts, grown = _in_blocks(hidden), _in_blocks(wider)
    touched = np.asarray(parts.any(axis=(2, 3)))
    whole = touched & np.asarray(grown.all(axis=(2, 3)))
    partly = touched & ~whole
    return Hidden(whole, partly, grown[partly])


def recoded(
    coefficients: NDArray[np.int16],
    table: NDArray[np.uint16],
    hidden: NDArray[np.bool_],
    luma: bool,
) -> NDArray[np.int16] | None:
    """Blocks without what is hidden in them.

    Args:
        coefficients: (n, 8, 8), quantized.
        table: (8, 8), its steps.
        hidden: (n, 8, 8) bool.

    Returns:
        (n, 8, 8) int16; None where the table is so coarse that black can't be kept black.
    """
    steps = table.astype(np.float64)
    samples = idctn(coefficients * steps, axes=(1, 2), norm="ortho").clip(-128.0, 127.0)
    found = np.zeros_like(coefficients)
    waiting = np.arange(len(coefficients))
    for depth in DEPTHS:
        cut = np.where(hidden[waiting], BLACK - depth if luma else NEUTRAL, samples[waiting])
        made = np.rint(dctn(cut, axes=(1, 2), norm="ortho") / steps).clip(-MOST, MOST)
        found[waiting] = made.astype(np.int16)
        if not luma:
            break
        lifted = idctn(made * steps, axes=(1, 2), norm="ortho") - BLACK > LIFTED
        waiting = waiting[(lifted & hidden[waiting]).any(axis=(1, 2))]
        if not waiting.size:
            break
    return None if luma and waiting.size else found


def _in_blocks(samples: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows, columns = samples.shape
    return samples.reshape(rows // 8, 8, columns // 8, 8).swapaxes(1, 2)
