"""Tracked ultrasound: sequences of PLUS, SlicerIGT and SUPRA, with fields for each frame.

They are MetaImage or NRRD whose header goes on for a dozen lines a frame: where the probe was,
when, and whether it was seen (PLUS Toolkit, "Sequence file"). Poses are not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.precision import since
from echoatlas.pipeline.read.arrays.layouts import raw

KIND, TOWARD = "UltrasoundImageType", "UltrasoundImageOrientation"
STAMP = re.compile(r"Seq_Frame(\d+)_Timestamp")
RADIO = "RF"  # RF_REAL, RF_IQ_LINE, RF_I_LINE_Q_LINE


def check_type(fields: Mapping[str, str]) -> None:
    """Refuse radio-frequency data.

    Raises:
        Reject: ``not_an_image``.
    """
    if fields.get(KIND, "").upper().startswith(RADIO):
        raise raw("tracked, radio frequency")


def toward_far(fields: Mapping[str, str], values: NDArray[Any], row: int) -> NDArray[Any]:
    """Turn pictures to where PLUS itself has them: x to the marked side, y away from the probe.

    Args:
        row: the axis along a row, x; its columns lie one axis before.
    """
    toward = fields.get(TOWARD, "").upper()
    if not re.fullmatch("[UM][FN][AD]?", toward) or values.ndim < 2:
        return values
    if toward[0] == "U":
        values = np.flip(values, row)
    return np.flip(values, row - 1) if toward[1] == "N" else values


def frame_stamps(fields: Mapping[str, str]) -> tuple[float, ...] | None:
    """Times from the first frame, milliseconds; None unless they are later and later."""
    stamps: dict[int, float] = {}
    for key, value in fields.items():
        if found := STAMP.fullmatch(key):
            try:
                stamps[int(found.group(1))] = float(value)
            except ValueError:
                return None
    seconds = [stamps[number] for number in sorted(stamps)]
    if len(seconds) < 2 or not np.isfinite(seconds).all():
        return None
    if any(later <= earlier for earlier, later in pairwise(seconds)):
        return None
    return tuple(since((one - seconds[0]) * 1000) for one in seconds)
