"""Perceptual hashes whose bits do not change with a library: DCT hash over an owned resampler.

``phash`` equals ``imagehash.phash`` bit for bit (imagehash 4.3 with Pillow's 8-bit Lanczos, as it
resizes horizontally first). Pillow has changed the order of its passes for tall images between
versions, and the hash with it; here the order is fixed and versioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Crop = tuple[float, float, float, float]
    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]
    Band = tuple[slice, slice, Floats]  # samples taken, samples made, (made, taken) weights
    Way = tuple[int, int]  # samples of a row, and which of them is the first that is not black

HASH_VERSION = "phash-lanczos-2"
BAND = 8  # samples a way that one product makes: more are mostly zeros, fewer are slow
VIEWS: tuple[Crop, ...] = (  # as which a fan's box may be found in a copy: top, bottom, left, right
    (0.025, 0.025, 0.025, 0.025),
    (0.05, 0.05, 0.05, 0.05),
    (0.04, 0.0, 0.0, 0.0),
    (0.08, 0.0, 0.0, 0.0),
    (0.0, 0.04, 0.0, 0.0),
    (0.0, 0.0, 0.04, 0.04),
    (0.0, 0.0, 0.03, 0.0),
    (0.0, 0.0, 0.0, 0.03),
    (0.0, 0.0, 0.1, 0.0),
    (0.0, 0.0, 0.0, 0.1),
)
SIDE = 128  # pixels of a thumbnail: at half of this, little speckle is left
QUALITY = 85  # of its JPEG: takes less room than 64 x 64 raw pixels, and costs .01 of correlation
PRECISION = 22  # fractional bits of Pillow's resampling coefficients, for 8-bit pictures


@cache
def _lanczos(source: int, target: int) -> Floats:
    """(source, target) weights of Lanczos-3, as whole numbers of 2**-22."""
    scale = source / target
    stretch = max(scale, 1.0)
    support = 3.0 * stretch
    columns = np.arange(target)
    centers = (columns + 0.5) * scale
    first = np.maximum(np.trunc(centers - support + 0.5), 0).astype(np.int64)
    last = np.minimum(np.trunc(centers + support + 0.5), source).astype(np.int64)
    taps = first[:, None] + np.arange(int((last - first).max()))
    used = taps < last[:, None]
    values = np.where(used, _kernel((taps - centers[:, None] + 0.5) / stretch), 0.0)
    # Summed one after the other, as Pillow does: another order may round differently.
    exact = values / np.cumsum(values, axis=1)[:, -1:] * (1 << PRECISION)
    weights = np.zeros((source, target))
    whole = np.trunc(exact + np.where(exact < 0, -0.5, 0.5))
    weights[taps[used], np.broadcast_to(columns[:, None], taps.shape)[used]] = whole[used]
    return weights


def _kernel(x: Floats) -> Floats:
    inside = (x >= -3.0) & (x < 3.0)
    return np.asarray(np.where(inside, np.sinc(x) * np.sinc(x / 3), 0.0))


@lru_cache(maxsize=64)
def _bands(length: int, target: int, ways: tuple[Way, ...]) -> tuple[tuple[Band, ...], Places]:
    """The weights that make ``target`` samples of ``length`` ones in several ways, without most of
    their zeros: samples of all ways are made together where they lie together.

    Returns:
        Bands, whose weights are shares; and (ways, target), which of all that is made each is.
    """
    centers = [(np.arange(target) + 0.5) * source / target - start for source, start in ways]
    order = np.argsort(np.concatenate(centers), kind="stable")
    parts = [_lanczos(source, target)[start : start + length] for source, start in ways]
    weights = np.concatenate(parts, axis=1)[:, order].T * 2.0**-PRECISION
    bands = []
    for first in range(0, len(order), BAND * len(ways)):
        part = weights[first : first + BAND * len(ways)]
        seen = np.flatnonzero(part.any(axis=0))
        taken = slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0)
        made = slice(first, first + len(part))
        bands.append((taken, made, np.ascontiguousarray(part[:, taken])))
    return tuple(bands), np.argsort(order).reshape(len(ways), target)


def shrink(gray: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resample (H, W) uint8 to (size, size): Pillow's Lanczos, horizontally first."""
    height, width = gray.shape
    (across,) = _made(_columns(gray), size, ((width, 0),))
    return _down(across, size, height, 0)


def _columns(gray: NDArray[np.uint8]) -> Floats:
    """A picture's columns as rows of numbers."""
    return np.asarray(cv2.transpose(gray), np.float64)


def _made(samples: Floats, size: int, ways: tuple[Way, ...]) -> list[Floats]:
    """Resample rows, (length, N), to (size, N) whole numbers in several ways."""
    bands, places = _bands(len(samples), size, ways)
    made = np.empty((size * len(ways), samples.shape[1]))
    for taken, place, weights in bands:
        np.matmul(weights, samples[taken], out=made[place])
    # Weights are whole numbers of 2**-22, so their sums are exact, in any order of adding: this is
    # Pillow's integer rounding.
    made += 0.5
    np.floor(made, out=made)
    np.maximum(made, 0, out=made)
    np.minimum(made, 255, out=made)
    return [made] if len(ways) == 1 else [made[place] for place in places]


def _down(columns: Floats, size: int, height: int, top: int) -> NDArray[np.uint8]:
    """Resample a picture's columns to ``size`` samples; they lie at ``top`` of ``height``."""
    (made,) = _made(columns.T, size, ((height, top),))
    return made.astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A picture and its fan, small: what hashes are made of. All square, uint8.

    Attributes:
        frame32, frame64: of the whole picture.
        fan32, fan64: of the fan's box alone.
    """

    frame32: NDArray[np.uint8]
    frame64: NDArray[np.uint8]
    fan32: NDArray[np.uint8]
    fan64: NDArray[np.uint8]


def shrunk(fan: NDArray[np.uint8], shape: tuple[int, int], corner: tuple[int, int]) -> Shrunk:
    """``shrink`` a picture that is black around its fan, and the fan, sharing what is the same.

    Args:
        fan: (h, w), the part of the picture that is not black.
        shape: (height, width) of the picture.
        corner: (top, left) of the fan in it.
    """
    (height, width), (top, left) = shape, corner
    ways = ((width, left), (fan.shape[1], 0)) if width != fan.shape[1] else ((width, 0),)
    columns = _columns(fan)
    across = {size: _made(columns, size, ways) for size in (32, 64)}
    return Shrunk(
        *(_down(across[size][0], size, height, top) for size in (32, 64)),
        *(_down(across[size][-1], size, fan.shape[0], 0) for size in (32, 64)),
    )


@cache
def _cosines(size: int, kept: int) -> Floats:
    """(kept, size) of the DCT-II, unnormalized as in SciPy."""
    place = np.arange(size) + 0.5
    return 2 * np.cos(np.pi * np.arange(kept)[:, None] * place[None, :] / size)


def coefficients(small: NDArray[np.uint8], kept: int) -> Floats:
    """The (kept, kept) lowest DCT-II coefficients of a square picture."""
    base = _cosines(small.shape[0], kept)
    return base @ small.astype(np.float64) @ base.T


@cache
def _cosines_within(size: int, kept: int, first: float, last: float) -> Floats:
    """As ``_cosines``, over what is left of ``size`` samples when a share is cut off either end."""
    begin, end = first * size, (1 - last) * size
    places = np.arange(size)
    shares = np.clip(np.minimum(places + 1, end) - np.maximum(places, begin), 0, 1)
    inside = np.clip(places + 0.5, begin, end)
    turns = np.pi * np.arange(kept)[:, None] * (inside - begin)[None, :] / (end - begin)
    return np.asarray(2 * np.cos(turns) * shares)


def of_view(small: NDArray[np.uint8], kept: int, crop: Crop) -> Floats:
    """As ``coefficients``, of a part of the picture, without resampling it.

    Args:
        crop: shares cut off: top, bottom, left, right.
    """
    top, bottom, left, right = crop
    down = _cosines_within(small.shape[0], kept, top, bottom)
    across = _cosines_within(small.shape[1], kept, left, right)
    return down @ small.astype(np.float64) @ across.T


@cache
def _cosines_of_views(size: int, kept: int) -> tuple[Floats, Floats]:
    """As ``_cosines_within``, of all ``VIEWS``: down and across, (views, kept, size) each."""
    down = [_cosines_within(size, kept, top, bottom) for top, bottom, _, _ in VIEWS]
    across = [_cosines_within(size, kept, left, right) for _, _, left, right in VIEWS]
    return np.stack(down), np.stack(across)


def of_views(small: NDArray[np.uint8], kept: int) -> Floats:
    """``of_view`` of all ``VIEWS``: (views, kept, kept)."""
    down, across = _cosines_of_views(small.shape[0], kept)
    return np.asarray(down @ small.astype(np.float64) @ across.transpose(0, 2, 1))


def bits(low: Floats) -> bytes:
    """One bit a coefficient, row-major: above the median or not."""
    return np.packbits(low > median(low.ravel())).tobytes()


def bits_of_all(lows: Floats) -> list[bytes]:
    """``bits`` of each of (N, K, K), K even."""
    flat = lows.reshape(len(lows), -1)
    half = flat.shape[1] // 2
    middle = np.partition(flat, (half - 1, half), axis=1)[:, half - 1 : half + 1]
    above = flat > (middle[:, :1] + middle[:, 1:]) / 2
    return [one.tobytes() for one in np.packbits(above, axis=1)]


def median(values: Floats) -> float:
    """As ``np.median``, of at least one number, in a third of its time."""
    half = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, half)[half])
    middle = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    return float((middle[0] + middle[1]) / 2)


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


def thumbnail(fan: NDArray[np.uint8]) -> bytes:
    """A fan's box as it is kept for comparison: 128 x 128 gray levels, as JPEG.

    Args:
        fan: (h, w) gray, black where nothing may be seen.
    """
    small = cv2.resize(fan, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())


def opened(stored: bytes) -> NDArray[np.float32]:
    """A stored thumbnail's gray levels, (128, 128) float32."""
    picture = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(picture, np.float32)
