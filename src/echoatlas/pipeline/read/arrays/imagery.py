"""Whether numbers are a picture: channel data, embeddings, weights and noise are not.

A picture's neighbors are alike along both of its axes, and its values are brightness. Samples of a
wave swing about zero; rows of a table have nothing to do with one another. A rule for arrays, whose
format says nothing of what they hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject

FRAMES, SIDE = 8, 512  # of an array that are looked at: so many pictures, so many pixels a side
ALIKE = 0.15  # least correlation of neighbors; a scan of every eighth pixel has .2, noise none
FAR, STILL_ALIKE = 16, 0.25  # pixels up to which a standardized picture is like itself, and how
SYMMETRIC = 0.15  # of the range of most values, that their middle is off zero in a wave at most
BALANCED = 0.25  # least share, of values that are not zero, on either side of it


def demand_picture(values: NDArray[Any]) -> None:
    """Refuse numbers that are no picture.

    Args:
        values: (frames, H, W) or (frames, H, W, color), any number type.

    Raises:
        Reject: ``not_an_image`` for waves and what is like them, two values, and unlike neighbors.
    """
    some = _sample(values)
    if values.dtype.kind == "b" or _is_two_valued(some, values):
        raise Reject(
            Reason.NOT_AN_IMAGE, "the values are two, as in a mask: send the picture beside it"
        )
    far = [(axis, lag) for axis in (1, 2) for lag in range(1, FAR + 1)]
    if (
        values.dtype.kind in "if"
        and _swings(some)
        and min(_alike(some, axis, lag) for axis, lag in far) < STILL_ALIKE
    ):
        raise Reject(
            Reason.NOT_AN_IMAGE,
            "the values swing about zero, as channel data, embeddings and weights do: send the "
            "scan-converted picture",
        )
    if min(_alike(some, axis) for axis in (1, 2)) < ALIKE:
        raise Reject(
            Reason.NOT_AN_IMAGE,
            "neighbors are unlike one another, as in a table of numbers: send the picture",
        )


def is_picture(values: NDArray[Any]) -> bool:
    """Whether ``demand_picture`` lets numbers pass."""
    try:
        demand_picture(values)
    except Reject:
        return False
    return True


def _sample(values: NDArray[Any]) -> NDArray[np.float64]:
    """Some frames, their middles, of the first color, without what is not a number."""
    count, height, width = values.shape[:3]
    frames = np.unique(np.linspace(0, count - 1, min(count, FRAMES)).astype(int))
    top, left = max((height - SIDE) // 2, 0), max((width - SIDE) // 2, 0)
    part = values[frames, top : top + SIDE, left : left + SIDE]
    if part.ndim == 4:
        part = part[..., 0]
    return np.nan_to_num(part.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _is_two_valued(some: NDArray[np.float64], values: NDArray[Any]) -> bool:
    """Two values and no more, in the sample and then everywhere; one alone says nothing."""
    low, high = some.min(), some.max()
    if low == high or not ((some == low) | (some == high)).all():
        return False
    return bool(((values == low) | (values == high)).all())


def _swings(some: NDArray[np.float64]) -> bool:
    """Whether values lie about zero as those of a wave do, as much of them below as above."""
    told = some[some != 0]
    if not told.size:
        return False
    below = float((told < 0).mean())
    low, middle, high = np.quantile(told, (0.02, 0.5, 0.98))
    if not BALANCED <= below <= 1 - BALANCED or low >= 0 or high <= 0:
        return False
    return bool(max(abs(low + high), 2 * abs(middle)) <= SYMMETRIC * (high - low))


def _alike(some: NDArray[np.float64], axis: int, lag: int = 1) -> float:
    """Correlation of values so far apart along an axis, over all frames; 1 where none changes."""
    side = some.shape[axis]
    lag = min(lag, side // 2)
    one = some.take(range(side - lag), axis).ravel()
    other = some.take(range(lag, side), axis).ravel()
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale > 0 else 1.0
