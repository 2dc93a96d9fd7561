"""Look at masks as at pictures: two values are enough to write a name.

A mask leaves as it came, in the picture's frame but seen by nobody. What a contour or an area of
tissue is shaped like no letters are; all else is looked at, the way that written pictures are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels.check import refuse_text
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.planes import LEAST, refuse_in_planes
from echoatlas.pipeline.deidentify.pixels.recheck import look_again
from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.step import step

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW = 2  # areas in which nothing can be written, if they are
SOLID = 0.9  # of their convex hull; of letters only I, l, - and . are as solid
OPEN, CLOSE = cv2.MORPH_OPEN, cv2.MORPH_CLOSE
STROKE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))  # wider than those of small letters
SPECKS, STRAY = 8, 0.02  # pixels, and per pixel of outline, that may be thinner: corners


@step("check_masks", version=1)
def check_masks(
    masks: Sequence[NDArray[np.uint8]], stack: Sequence[int] | None, config: RedactConfig
) -> bool:
    """Whether masks of one kind show no text.

    Args:
        masks: (H, W) each, 0 and other values; of a clip one a frame, in order.
        stack: sides of the axes that frames run over, where they were cut from an array; then
            text is looked for in every plane and turn. None elsewhere.
    """
    along = stack is not None and len(masks) >= LEAST  # then words may run through time
    if not along and all(_plain(mask) for mask in masks):
        return True
    shown = np.stack([(mask > 0).astype(np.uint8) * np.uint8(255) for mask in masks])
    try:
        if stack is None:
            refuse_text(look_again(shown, config.full))
        else:
            whole = int(np.prod(stack)) == len(shown)
            sides = (*stack, *shown.shape[1:]) if whole else shown.shape
            refuse_in_planes(shown, sides, config)
    except Reject:
        return False
    return True


def _plain(mask: NDArray[np.uint8]) -> bool:
    """Whether a mask is of so few, solid and smooth areas that no word is among them."""
    drawn = (mask > 0).astype(np.uint8)
    outlines, nested = cv2.findContours(drawn, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return True
    if len(outlines) > FEW or (nested[0, :, 3] >= 0).any():  # letters may be holes in an area
        return False
    if any(cv2.contourArea(one) < SOLID * cv2.contourArea(cv2.convexHull(one)) for one in outlines):
        return False
    strokes = (cv2.morphologyEx(drawn, how, STROKE) != drawn for how in (OPEN, CLOSE))
    stray = sum(int(np.count_nonzero(one)) for one in strokes)
    return stray <= SPECKS + STRAY * sum(len(one) for one in outlines)
