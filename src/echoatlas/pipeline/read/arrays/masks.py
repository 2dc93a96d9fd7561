"""Masks that lie in the same file as their pictures, laid as those were.

A mask is of a picture's size, and of one frame or of each; which frame it is about is told by its
shape, or by the number in its name where pictures have one. What can't be told is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read.arrays.axes import laid_alike
from echoatlas.pipeline.read.arrays.variables import siblings
from echoatlas.schemas.records import InnerMask

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from echoatlas.pipeline.read.arrays.variables import Choice, Variable
    from echoatlas.pipeline.read.config import ReadConfig
    from echoatlas.schemas.records import Scan

UNREADABLE, MISMATCH = "mask_unreadable", "mask_mismatch"
Loaded = list[tuple["Variable", "NDArray[Any] | None"]]


def loaded(choice: Choice, errors: tuple[type[Exception], ...], config: ReadConfig) -> Loaded:
    """The values of a choice's masks, None for what can't be read: a picture is worth more.

    Args:
        errors: that a library raises for what is damaged.
    """
    found: Loaded = []
    room = config.max_inflated
    for one in choice.masks:
        room -= one.size
        values = None
        with suppress(Reject, *errors):
            values = np.asarray(one.load()) if room >= 0 else None
        found.append((one, values))
    return found


def masked_scan(scan: Scan, choice: Choice, shape: Sequence[int], masks: Loaded) -> Scan:
    """A scan with the masks that are about its pictures.

    Args:
        choice: what was taken for the pictures, and what for masks.
        shape: of the array that became the scan, before it was laid.
        masks: as ``loaded``.

    Returns:
        The scan; flagged "mask_unreadable", or "mask_mismatch" for a mask of another size, or of
        which it can't be told which picture it is about.
    """
    found: list[InnerMask] = []
    flags: set[str] = set()
    places = _places(choice, scan.declared_frames)
    for one, values in masks:
        if values is None:
            flags.add(UNREADABLE)
            continue
        laid, frame = laid_alike(values, shape, scan.lay), places.get(one.name)
        if laid is None or (len(laid) == 1 < scan.declared_frames and frame is None):
            flags.add(MISMATCH)
            continue
        at = frame if len(laid) == 1 else None
        found.append(InnerMask(one.name, laid, at, one.numbered))
    return replace(scan, masks=tuple(found), flags=(*scan.flags, *sorted(flags)))


def _places(choice: Choice, frames: int) -> Mapping[str, int]:
    """Name of a mask to the frame that it is about, where numbers tell.

    Pictures that are numbered give their numbers; to a clip in one array belong as many masks as
    it has frames, in order.
    """
    if choice.stacked:
        listed = [_numbers(one.name) for one in choice.variables]
        at = next(place for place, same in enumerate(zip(*listed, strict=True)) if len({*same}) > 1)
        index = {numbers[at]: frame for frame, numbers in enumerate(listed)}
        told = {one.name: _numbers(one.name) for one in choice.masks}
        told = {
            name: numbers[at : at + 1] if len(numbers) == len(listed[0]) else numbers
            for name, numbers in told.items()
        }
        return {
            name: index[numbers[0]]
            for name, numbers in told.items()
            if len(numbers) == 1 and numbers[0] in index
        }
    if frames > 1 and len(choice.masks) == frames and (ordered := siblings(choice.masks)):
        return {one.name: frame for frame, one in enumerate(ordered)}
    return {}


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]
