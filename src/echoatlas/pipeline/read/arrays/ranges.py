"""The range of values that is shown, where a program left more of it than scanners show."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.read.arrays.scan import DECIBELS, MOST_DECIBELS
from echoatlas.pipeline.read.arrays.uff import is_decibels


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
