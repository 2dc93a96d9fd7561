"""Values as they were before a program scaled them, or left more range than scanners show."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.read.arrays.scan import DECIBELS, MOST_DECIBELS
from echoatlas.pipeline.read.arrays.uff import is_decibels

COARSEST = 0.5  # slope up to which values near whole numbers are no chance


def within_range(values: NDArray[Any]) -> NDArray[Any]:
    """Decibels within the range that is shown; other values as they are.

    The range is theirs, from the brightest down to the darkest, for it was cut when they were
    made. Where it was not, what is nothing (minus infinity) or next to nothing would leave all
    else bright, and be what is seen first by whatever looks for outlines.
    """
    if not is_decibels(values):
        return values
    told = values[np.isfinite(values)]
    high, low = float(told.max()), float(told.min())
    floor = low if low >= high - MOST_DECIBELS else high - DECIBELS
    known = np.nan_to_num(values, nan=floor, posinf=high, neginf=floor)
    return np.asarray(np.clip(known, floor, high))


def before_scaling(values: NDArray[Any], stored: np.dtype[Any], slope: float) -> NDArray[Any]:
    """Whole numbers, where whole numbers were scaled to be stored; other values as they are.

    nibabel spreads values that it is given as reals over all the integers of the header's type:
    labels 1 and 2 come back as 0.9999999998 and 1.9999999995 (``findings/labels_of_a_mask.sh``).

    Args:
        values: as scaled back by the header.
        stored: type of the integers that lie in the file.
        slope: from one of them to the next.
    """
    if stored.kind not in "ui" or values.dtype.kind != "f" or not 0 < abs(slope) <= COARSEST:
        return values
    whole = np.rint(values)
    least = 1e-6 * max(float(np.abs(whole).max(initial=0)), 1.0)  # of the header's short reals
    near = np.abs(values - whole).max(initial=0) <= abs(slope) / 2 + least
    return whole if near else values


def negative(values: NDArray[Any]) -> NDArray[Any]:
    """Values of which zero is white, so that it is black, on the scale that they have."""
    told = values[np.isfinite(values)]
    low, high = (float(told.min()), float(told.max())) if told.size else (0.0, 0.0)
    bits = max(int(high).bit_length(), 8) if low >= 0 and bool(np.all(told == np.rint(told))) else 0
    turned: NDArray[Any] = (1 << bits) - 1 - values if bits else low + high - values
    return turned
