"""Whether two frames show the same, asked of their thumbnails: the second opinion on a hash."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 64  # pixels of a thumbnail
PAIRS_AT_ONCE = 2048
SPECKLE_SIGMA = 2.0  # pixels; what a blur this wide takes away is fine structure


def alike(
    thumbnails: Sequence[bytes],
    pairs: NDArray[np.int64],
    mirrored: NDArray[np.bool_],
    likeness: float,
    speckle: float,
) -> NDArray[np.bool_]:
    """Which pairs correlate, both as pictures and in their fine structure.

    Anatomy makes different patients' pictures correlate; speckle is a fingerprint of one moment.

    Args:
        thumbnails: 64 x 64 gray levels each, raw.
        pairs: (M, 2) places in ``thumbnails``; sorted ones are faster.
        mirrored: (M,) true where the second is to be looked at in a mirror.
        likeness, speckle: least correlations, -1 to 1.

    Returns:
        (M,) bool.
    """
    same = np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        ids, places = np.unique(pairs[part], return_inverse=True)
        first, second = places.reshape(-1, 2).T
        whole, fine = _views([thumbnails[one] for one in ids])
        same[part] = (_correlation(whole, first, second, mirrored[part]) >= likeness) & (
            _correlation(fine, first, second, mirrored[part]) >= speckle
        )
    return same


def _views(thumbnails: Sequence[bytes]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The pictures and their fine structure, each with mean 0 and norm 1."""
    pictures = np.frombuffer(b"".join(thumbnails), np.uint8).astype(np.float32)
    pictures = pictures.reshape(-1, SIDE, SIDE)
    fine = np.stack([one - cv2.GaussianBlur(one, (0, 0), SPECKLE_SIGMA) for one in pictures])
    return _unit(pictures), _unit(fine)


def _unit(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    centered = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    norms = np.sqrt(np.einsum("nyx,nyx->n", centered, centered))
    unit: NDArray[np.float32] = centered / np.maximum(norms, 1e-6)[:, None, None]
    return unit


def _correlation(
    views: NDArray[np.float32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    mirrored: NDArray[np.bool_],
) -> NDArray[np.float32]:
    other = views[second]
    other[mirrored] = other[mirrored][:, :, ::-1]
    found: NDArray[np.float32] = np.einsum("nyx,nyx->n", views[first], other)
    return found
