"""Tissue in time: it shifts, beats and decorrelates, frame by frame, in beam space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.simulate.pictures.speckle import Psf, complex_field, compress, envelope
from echoatlas.simulate.pictures.tissue import echogenicity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.simulate.pictures.fans import Beams

DECORRELATION = 0.06  # radians a frame between two independent speckle fields
BEATING = ("thorax/heart", "thorax/heart/model", "fetus/fetal_heart", "head_neck/carotid_artery")


def tissue(
    beams: Beams, anatomy: str, frames: int, rng: np.random.Generator, *, fresh: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Gray levels in beam space, (samples, lines) uint8 a frame.

    Two independent speckle fields are mixed at a turning angle: their mixture stays fully
    developed speckle, and its correlation falls with the angle between two frames.

    Args:
        fresh: draw new fields for each frame, as of tissue that leaves the plane: no frame's
            speckle is like another's.
    """
    level = echogenicity(anatomy, beams.x, beams.y, rng)
    amplitude = np.power(np.float32(10), level / np.float32(20))
    fields = [complex_field(rng, level.shape, Psf()) for _ in range(2)]
    rows, columns = np.mgrid[: level.shape[0], : level.shape[1]].astype(np.float32)
    middle = np.float32(level.shape[0] / 2), np.float32(level.shape[1] / 2)
    beating = np.float32(0.08 if anatomy in BEATING else 0.015)
    for number in range(frames):
        turn = DECORRELATION * number
        mixed = fields[0] * np.float32(np.cos(turn)) + fields[1] * np.float32(np.sin(turn))
        if number == 0:
            yield compress(envelope(mixed, amplitude))
            continue
        if fresh:
            mixed = complex_field(rng, level.shape, Psf())
        shift = np.float32(4 * np.sin(number / 5))
        beat = 1 + beating * np.float32(np.sin(number / 3))
        moved = cv2.remap(
            np.dstack([mixed, amplitude]),
            (columns - middle[1]) * beat + middle[1] + shift,
            (rows - middle[0]) * beat + middle[0] + shift / 2,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        yield compress(envelope(moved[..., :2], moved[..., 2]))
