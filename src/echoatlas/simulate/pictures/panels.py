"""Panels beside a fan that are no pictures of tissue: M-mode, spectral Doppler, ECG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.schemas.fan import Box
from echoatlas.simulate.pictures.speckle import Psf, complex_field, compress, envelope

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel as SequenceOfUltrasoundRegions describes it (PS3.3 C.8.5.5)."""

    box: Box
    kind: str

    @property
    def codes(self) -> tuple[int, int, int, int]:
        """Spatial format, data type, and the units of x and y."""
        return {"m_mode": (2, 1, 4, 3), "spectral": (3, 3, 4, 7), "ecg": (4, 10, 4, 0)}[self.kind]


def m_mode(box: Box, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One beam over time: (h, w) layers that move with the heart."""
    time = np.arange(box.width, dtype=np.float32)[None, :]
    depth = np.linspace(0, 1, box.height, dtype=np.float32)[:, None]
    beat = np.abs(np.sin(time / box.width * 4 * np.pi)) ** 3 * np.float32(0.06)
    level = np.full((box.height, box.width), -18, np.float32)
    for place, thick, decibels, share in (
        (0.15, 0.03, 0, 0.2), (0.4, 0.12, -50, 0.6), (0.58, 0.05, -2, 1.0), (0.8, 0.04, 2, -0.8),
    ):  # fmt: skip
        level[np.abs(depth - place - beat * np.float32(share)) < thick] = decibels
    field = complex_field(rng, level.shape, Psf(1.3, 3.0))
    return compress(envelope(field, np.power(np.float32(10), level / 20)))


def spectral(box: Box, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Velocities over time: (h, w) pulses above a baseline."""
    time = np.arange(box.width, dtype=np.float32)[None, :]
    above = np.linspace(1, -0.35, box.height, dtype=np.float32)[:, None]
    beat = (time / box.width * 5) % 1.0
    peak = 0.25 + 0.6 * np.exp(-(((beat - 0.2) / 0.1) ** 2))
    filled = np.where((above > 0.04) & (above < peak), -6 - 20 * (peak - above), -60)
    field = complex_field(rng, (box.height, box.width), Psf(1.2, 1.5))
    trace = compress(envelope(field, np.power(10, filled / 20).astype(np.float32)))
    cv2.line(trace, (0, int(box.height / 1.35)), (box.width, int(box.height / 1.35)), 150, 1)
    return trace
