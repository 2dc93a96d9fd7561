"""COCO's run-length encoding of masks, as strings: what pycocotools and its kin decode.

Runs go down the columns, the first is of background, and a run is written as the difference to
the one before the last, five bits a character, from "0" on (cocoapi, common/maskApi.c).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from echoatlas.pipeline.frames.png import decode_png

if TYPE_CHECKING:
    from numpy.typing import NDArray


def inside(mask: bytes) -> NDArray[np.bool_]:
    """(H, W), where a mask that came as PNG is not 0: others take each level for another mask."""
    return np.asarray(decode_png(mask, cv2.IMREAD_GRAYSCALE) != 0)


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask, (H, W), as ``{"size": [H, W], "counts": str}``; an empty one is whole background."""
    return {"size": [int(side) for side in mask.shape], "counts": _written(runs(mask))}


def runs(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of background and foreground in turn, down the columns."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = [0, *edges.tolist(), flat.size]
    lengths = [after - before for before, after in pairwise(ends)]
    return [0, *lengths] if flat.size and flat[0] else lengths


def _written(counts: list[int]) -> str:
    text = []
    for at, count in enumerate(counts):
        rest = count - counts[at - 2] if at > 2 else count
        while True:
            bits, rest = rest & 0x1F, rest >> 5
            ends = rest == (-1 if bits & 0x10 else 0)
            text.append(chr(48 + (bits if ends else bits | 0x20)))
            if ends:
                break
    return "".join(text)


def mask_box(mask: NDArray[np.bool_]) -> list[float]:
    """[x, y, width, height] of what is inside; zeros if nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return [0.0, 0.0, 0.0, 0.0]
    left, top = int(columns[0]), int(rows[0])
    sides = [int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]
    return [float(one) for one in (left, top, *sides)]
