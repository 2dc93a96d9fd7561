"""Perceptual hashes whose bits do not change with a library: DCT hash over an owned resampler.

``phash`` equals ``imagehash.phash`` bit for bit (imagehash 4.3 with Pillow's 8-bit Lanczos, as it
resizes horizontally first). Pillow has changed the order of its passes for tall images between
versions, and the hash with it; here the order is fixed and versioned.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HASH_VERSION = "phash-lanczos-1"
PRECISION = 22  # fractional bits of Pillow's resampling coefficients, for 8-bit pictures


@cache
def _lanczos(source: int, target: int) -> Floats:
    """(source, target) weights of Lanczos-3, as whole numbers of 2**-22."""
    scale = source / target
    stretch = max(scale, 1.0)
    support = 3.0 * stretch
    weights = np.zeros((source, target))
    for column in range(target):
        center = (column + 0.5) * scale
        first = max(int(center - support + 0.5), 0)
        last = min(int(center + support + 0.5), source)
        taps = [_kernel((tap - center + 0.5) / stretch) for tap in range(first, last)]
        total = sum(taps)
        for tap, weight in enumerate(taps, first):
            exact = weight / total * (1 << PRECISION)
            weights[tap, column] = int(exact - 0.5) if exact < 0 else int(exact + 0.5)
    return weights


def _kernel(x: float) -> float:
    if not -3.0 <= x < 3.0:
        return 0.0
    return float(np.sinc(x) * np.sinc(x / 3))


def shrink(gray: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resample (H, W) uint8 to (size, size): Pillow's Lanczos, horizontally first."""
    height, width = gray.shape
    across = _rounded(gray.astype(np.float64) @ _lanczos(width, size))
    return _rounded(_lanczos(height, size).T @ across).astype(np.uint8)


def _rounded(sums: Floats) -> Floats:
    # Sums of whole numbers below 2**53 are exact in float64, so this is Pillow's integer rounding.
    sums += 1 << (PRECISION - 1)
    sums *= 2.0**-PRECISION
    np.floor(sums, out=sums)
    return np.clip(sums, 0, 255, out=sums)


@cache
def _cosines(size: int, kept: int) -> Floats:
    """(kept, size) of the DCT-II, unnormalized as in SciPy."""
    place = np.arange(size) + 0.5
    return 2 * np.cos(np.pi * np.arange(kept)[:, None] * place[None, :] / size)


def coefficients(small: NDArray[np.uint8], kept: int) -> Floats:
    """The (kept, kept) lowest DCT-II coefficients of a square picture."""
    base = _cosines(small.shape[0], kept)
    return base @ small.astype(np.float64) @ base.T


def bits(low: Floats) -> bytes:
    """One bit a coefficient, row-major: above the median or not."""
    return np.packbits(low > np.median(low)).tobytes()


def mirrored(low: Floats) -> Floats:
    """The coefficients of the left-right mirror: odd columns change their sign."""
    flipped = low.copy()
    flipped[:, 1::2] *= -1
    return flipped


def phash(gray: NDArray[np.uint8], side: int = 8) -> bytes:
    """Perceptual hash of (H, W) uint8: side * side bits, packed row-major.

    Args:
        side: 8 for 64 bits, 16 for 256.
    """
    return bits(coefficients(shrink(gray, 4 * side), side))
