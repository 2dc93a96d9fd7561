"""Speckle as physics makes it: a complex Gaussian field seen through a point-spread function.

The magnitude of such a field is Rayleigh distributed, with mean / standard deviation = 1.91
(Wagner et al., Statistics of speckle in ultrasound B-scans, IEEE Trans. Sonics Ultrason. 1983).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Psf:
    """Width of the imaging system's response, as standard deviations in beam-space samples."""

    axial: float = 1.4
    lateral: float = 1.7


def complex_field(rng: np.random.Generator, shape: tuple[int, int], psf: Psf) -> Floats:
    """A fully developed speckle field of unit mean power.

    Returns:
        (samples, lines, 2) float32, real and imaginary part.
    """
    field = rng.standard_normal((*shape, 2), dtype=np.float32)
    seen: Floats = cv2.sepFilter2D(
        field, -1, _kernel(psf.lateral), _kernel(psf.axial), borderType=cv2.BORDER_REFLECT
    )
    return seen


def _kernel(sigma: float) -> Floats:
    """A Gaussian whose squares add up to one half, so that filtered white noise keeps its power."""
    taps = np.arange(-np.ceil(3 * sigma), np.ceil(3 * sigma) + 1)
    weights = np.exp(-0.5 * (taps / sigma) ** 2)
    return np.asarray(weights / np.sqrt((weights**2).sum()) * 0.5**0.25, np.float32)


def envelope(field: Floats, amplitude: Floats) -> Floats:
    """The echo's magnitude: the field scaled by the square root of the tissue's echogenicity."""
    # Not cv2.magnitude: its last bit depends on where the result happens to lie in memory.
    real, imaginary = field[..., 0], field[..., 1]
    return np.asarray(np.sqrt(real * real + imaginary * imaginary) * amplitude, np.float32)


def compress(echo: Floats, dynamic_range: float = 60.0, gain: float = 0.0) -> NDArray[np.uint8]:
    """Log-compress an envelope to gray levels.

    Args:
        echo: envelope, any unit; 1.0 is 12 dB below white.
        dynamic_range: decibels between black and white.
        gain: decibels.
    """
    decibels = cv2.log(np.maximum(echo, np.float32(1e-6))) * np.float32(20 / np.log(10))
    level = (decibels + np.float32(dynamic_range - 12 + gain)) * np.float32(255 / dynamic_range)
    return np.asarray(np.clip(level, 0, 255), np.uint8)
