"""The PP-OCRv4 recognizer as a judge: how many letters it reads in a line, and how surely.

Du et al., "PP-OCR: A practical ultra lightweight OCR system", 2020. Tissue that the detector takes
for text reads as nothing. Only the number of letters and their certainty are used; where a site
keeps measurements, also what they say, to tell whether they are. It is neither stored nor logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels.effort import spend
from echoatlas.pipeline.deidentify.pixels.models import session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.pixels.detector import Line

MODEL = "ch_PP-OCRv4_rec_infer.onnx"
SHA256 = "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b"
HEIGHT = 48  # pixels, that the network was trained on
STEP = 32  # pixels; widths are rounded up to it
LONGEST = 640  # pixels; of a longer line, the first part is read
BLANK = 0  # class of "no letter here"
SURE = 0.9  # mean certainty from which on a line is taken at its word


@dataclass(frozen=True, slots=True)
class Reading:
    """How many letters were read, and the mean certainty of them, 0 to 1."""

    letters: int
    sure: float


def read(gray: NDArray[np.uint8], line: Line) -> Reading:
    """Read a line, both ways up if it stands upright.

    Args:
        gray: (H, W) uint8, the picture that the line was found on.
    """
    classes, sure = _best(gray, line)
    return Reading(sum(one != len(_alphabet()) - 1 for one in classes), sure)


def says(gray: NDArray[np.uint8], line: Line) -> str:
    """What a line says; "" if that can't be said surely. Trusted zone."""
    classes, sure = _best(gray, line)
    return "".join(_alphabet()[one] for one in classes) if sure >= SURE else ""


@cache
def _alphabet() -> tuple[str, ...]:
    """The recognizer's classes in order: nothing, its letters, and a space."""
    told = session(MODEL, SHA256).get_modelmeta().custom_metadata_map["character"]
    return ("", *told.splitlines(), " ")


def _best(gray: NDArray[np.uint8], line: Line) -> tuple[list[int], float]:
    upright, strip = straightened(gray, line)
    turned = (strip, np.ascontiguousarray(strip[::-1, ::-1])) if upright else (strip,)
    return max((_reading(one) for one in turned), key=lambda reading: reading[1])


def straightened(gray: NDArray[np.uint8], line: Line) -> tuple[bool, NDArray[np.uint8]]:
    """Whether a line runs up the picture rather than across; and it, cut out and level."""
    center, (width, height), angle = cv2.minAreaRect(np.asarray(line.corners, np.float32))
    if width < height:
        width, height, angle = height, width, angle + 90
    angle = (angle + 90) % 180 - 90
    size = max(round(width), 2), max(round(height), 2)
    turn = cv2.getRotationMatrix2D(center, angle, 1.0)
    turn[:, 2] += (width / 2 - center[0], height / 2 - center[1])
    strip = cv2.warpAffine(gray, turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return abs(angle) > 45, np.asarray(strip, np.uint8)


def _reading(strip: NDArray[np.uint8]) -> tuple[list[int], float]:
    """Classes of letters and spaces in order, and the mean certainty of the letters."""
    wide = min(max(round(strip.shape[1] * HEIGHT / strip.shape[0]), STEP), LONGEST)
    resized = cv2.resize(strip, (wide, HEIGHT), interpolation=cv2.INTER_CUBIC)
    blob = np.zeros((HEIGHT, wide + -wide % STEP), np.float32)
    blob[:, :wide] = resized / np.float32(127.5) - 1
    spend("readings")
    net = session(MODEL, SHA256)
    (found,) = net.run(None, {net.get_inputs()[0].name: np.repeat(blob[None, None], 3, axis=1)})
    classes, certain = found[0].argmax(axis=1), found[0].max(axis=1)
    new = np.ones(len(classes), bool)
    new[1:] = classes[1:] != classes[:-1]
    seen = new & (classes != BLANK)
    letters = seen & (classes != len(_alphabet()) - 1)  # the last one is a space
    sure = float(certain[letters].mean()) if letters.any() else 0.0
    return [int(one) for one in classes[seen]], sure
