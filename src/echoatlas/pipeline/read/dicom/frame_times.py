"""When each frame was taken, as far as the header says; never a guess."""

from __future__ import annotations

import math

from pydicom.dataset import Dataset

from echoatlas.pipeline.precision import since
from echoatlas.pipeline.read.dicom.values import each, read_value

POINTER, STEP, STEPS = 0x00280009, 0x00181063, 0x00181065


def frame_times(header: Dataset, frames: int) -> tuple[float, ...] | None:
    """Milliseconds from the first frame (PS3.3 C.7.6.5).

    FrameTimeVector holds the time from the frame before, the first being 0; FrameTime one step
    for all, and where both are there FrameIncrementPointer says which is meant. Display rates are
    asked last: they say how it is to be shown, which for ultrasound is how it was taken unless the
    header says otherwise.

    Returns:
        One time a frame, or None if nothing in the header tells.
    """
    if frames < 2:
        return None
    steps = [] if _is_even(header) else _numbers(header, "FrameTimeVector")
    if len(steps) == frames and all(step >= 0 for step in steps) and sum(steps) > 0:
        total, times = 0.0, []
        for index, step in enumerate(steps):
            total += step if index else 0.0
            times.append(since(total))
        return tuple(times)
    for keyword, per_second in (
        ("FrameTime", False),
        ("ActualFrameDuration", False),
        ("RecommendedDisplayFrameRate", True),
        ("CineRate", True),
    ):
        value = next(iter(_numbers(header, keyword)), 0.0)
        if value > 0:
            step = 1000.0 / value if per_second else value
            return tuple(since(index * step) for index in range(frames))
    return None


def _is_even(header: Dataset) -> bool:
    """Whether the header points to one step for all frames."""
    pointed = {int(one) for one in each(read_value(header, POINTER)) if isinstance(one, int)}
    step = next(iter(_numbers(header, "FrameTime")), 0.0)
    return step > 0 and STEP in pointed and STEPS not in pointed


def _numbers(header: Dataset, keyword: str) -> list[float]:
    value = header.get(keyword)
    if value is None or value == "":
        return []
    parts = [value] if isinstance(value, (str, int, float)) else list(value)
    try:
        found = [float(part) for part in parts]
    except (TypeError, ValueError):
        return []
    return found if all(math.isfinite(part) for part in found) else []
