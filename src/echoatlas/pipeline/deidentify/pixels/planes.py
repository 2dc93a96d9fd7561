"""Look at the same values along other axes: an array's pictures may lie where nobody looked.

Which axes of an array are its pictures is often a guess. If it is wrong, letters are torn apart
into rows through time, where no detector finds them, and stand there in full for whoever turns
the array round. So what is to leave is looked at in every plane of it, and whichever way it is
turned or mirrored; and a fan that shows better in another plane says that this one is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.deidentify.pixels.check import refuse_text
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.recheck import look_again
from echoatlas.pipeline.deidentify.pixels.temporal import gray_of
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.geometry.candidates import Thresholds, chosen
from echoatlas.pipeline.geometry.signal import signal_of
from echoatlas.pipeline.step import step
from echoatlas.schemas.fan import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture, Redaction

LEAST = 6  # pixels; lower pictures have no room for letters
SCANNED = 32  # pixels, from which a plane can show a fan
SPREAD = 16  # pictures that a fan is looked for in
MOST = 1 << 30  # pixels of all pictures together


@step("check_planes", version=2)
def check_planes(
    pictures: Iterable[Picture],
    redactions: Sequence[Redaction],
    stack: Sequence[int] | None,
    config: RedactConfig,
) -> None:
    """Demand that an array's values show no text and no better fan in another plane or turn.

    Args:
        pictures: as given to ``redact``; read once.
        redactions: what of them is kept.
        stack: sides of the axes that frames run over, as of ``Scan``; None for formats whose
            pictures are pictures: they are not looked at.

    Raises:
        Reject: ``residual_text`` if text is there, ``axes_unclear`` if another plane shows a fan
            where this one doesn't, ``too_large`` if they can't be held in memory.
    """
    if stack is None:
        return
    keep = np.logical_or.reduce([one.keep for one in redactions])
    left = [one.left for one in redactions if one.left is not None]
    hidden = ~keep if not left else ~keep | np.logical_or.reduce(left)
    whole = _whole(pictures)
    sides = (*stack, *whole.shape[1:])
    if int(np.prod(sides, dtype=object)) != whole.size:
        sides = whole.shape  # frames were lost: which ones of which axis is not asked
    _demand_best_fan(whole.reshape(sides))
    whole[:, hidden] = 0
    refuse_in_planes(whole, sides, config)


def refuse_in_planes(
    pictures: NDArray[np.uint8], sides: Sequence[int], config: RedactConfig
) -> None:
    """Refuse text in any plane and turn of an array.

    Args:
        pictures: (N, H, W). sides: of the array that they were cut from, in the same order.

    Raises:
        Reject: ``residual_text``.
    """
    refuse_text(look_again(pictures, config.full, every_way=True))
    for plane in _planes(pictures.reshape(sides), LEAST):
        refuse_text(look_again(plane, config.full, every_way=True))


def _whole(pictures: Iterable[Picture]) -> NDArray[np.uint8]:
    """All pictures, (N, H, W), the brightest channel of each."""
    grays, size = [], 0
    for picture in pictures:
        grays.append(gray_of(picture))
        size += grays[-1].size
        if size > MOST:
            raise Reject(Reason.TOO_LARGE, "the array is too large to be looked at in all planes")
    if not grays:
        raise Reject(Reason.NO_PIXELS)
    return np.stack(grays)


def _planes(values: NDArray[np.uint8], least: int) -> Iterator[NDArray[np.uint8]]:
    """The pictures, (N, H, W), of every plane but the last two axes'."""
    for plane in combinations(range(values.ndim), 2):
        shape = tuple(values.shape[axis] for axis in plane)
        if plane == (values.ndim - 2, values.ndim - 1) or min(shape) < least:
            continue
        rest = [axis for axis in range(values.ndim) if axis not in plane]
        turned = values.transpose(*rest, *plane)
        yield np.ascontiguousarray(turned.reshape(-1, *shape))


def _demand_best_fan(values: NDArray[np.uint8]) -> None:
    own: int | None = None
    for plane in _planes(values, SCANNED):
        there = _standing(plane)
        if there < 2:
            continue
        if own is None:
            own = _standing(values.reshape(-1, *values.shape[-2:]))
        if there > own and (there == 3 or own == 0):
            raise Reject(Reason.AXES_UNCLEAR)


def _standing(pictures: NDArray[np.uint8]) -> int:
    """How surely pictures show a fan: 3 one with beams, 2 one within the picture, 1 any, 0 none."""
    places = np.unique(np.linspace(0, len(pictures) - 1, SPREAD).astype(int))
    height, width = pictures.shape[1:]
    try:
        fans = chosen(signal_of(list(pictures[places])), [], Thresholds())
    except Reject:
        return 0
    best = 0
    for fan in fans:
        if fan.verdict is not Verdict.ACCEPT:
            continue
        box = fan.bounding_box(height, width)
        within = box.x0 > 0 and box.x1 < width and box.y0 > 0 and box.y1 < height
        best = max(best, 3 if fan.apex is not None else 2 if within else 1)
    return best
