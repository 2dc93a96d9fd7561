"""How one fan's box lies in another's: the map that undoes another framing of the same picture.

Four numbers, in shares of the boxes: what lies at (x, y) of the first lies at (sx * x + tx,
sy * y + ty) of the second. Fans are neither turned nor sheared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.frames.phash import SIDE

Framing = NDArray[np.float64]  # (..., 4): sx, tx, sy, ty
Warp = NDArray[np.float32]  # (2, 3): from pixels of the first thumbnail to those of the second

SAME = np.array([1.0, 0.0, 1.0, 0.0])
AGREE = 0.06  # of the box, within which two landmarks tell the same framing
LOOKED_AT = 40  # pairs of landmarks of two clips


def of_crop(crop: tuple[float, float, float, float]) -> Framing:
    """From a picture cropped by (top, bottom, left, right) shares to the whole one."""
    top, bottom, left, right = crop
    return np.array([1 - left - right, left, 1 - top - bottom, top])


def of_places(one: Framing, other: Framing) -> Framing:
    """From the box of one landmark to that of the same one in the other picture.

    Args:
        one, other: (M, 4) center x and y, width and height, in shares of the boxes.
    """
    scale = other[:, 2:] / np.maximum(one[:, 2:], 1e-6)
    shift = other[:, :2] - scale * one[:, :2]
    return np.stack([scale[:, 0], shift[:, 0], scale[:, 1], shift[:, 1]], axis=1)


def inverse(some: Framing, mirrored: NDArray[np.bool_]) -> Framing:
    """The maps the other way round; of mirrored pairs it is always the second that is mirrored."""
    sx, tx, sy, ty = some.T
    back = np.where(mirrored, 1 - (1 - tx) / sx, -tx / sx)
    return np.stack([1 / sx, back, 1 / sy, -ty / sy], axis=1)


def consensus(some: Framing) -> Framing:
    """The one of several maps that most others agree with; of equals the first."""
    some = some[:LOOKED_AT]
    corners = np.array([[0.0, 0.0], [1.0, 1.0]])
    mapped = some[:, None, [0, 2]] * corners + some[:, None, [1, 3]]
    apart = np.abs(mapped[:, None] - mapped[None]).max(axis=(2, 3))
    size = np.maximum(some[:, [0, 2]].max(axis=1), 0.2)
    return np.asarray(some[int((apart < AGREE * size[:, None]).sum(axis=1).argmax())])


def warp(framing: Framing) -> Warp:
    """A map as it is done to thumbnails, whose pixels are squares around their centers."""
    sx, tx, sy, ty = framing
    return np.array(
        [
            [sx, 0, SIDE * tx + (sx - 1) / 2],
            [0, sy, SIDE * ty + (sy - 1) / 2],
        ],
        np.float32,
    )
