"""Measure a normalized frame: quality, fingerprints, where it is informative. Decides nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline import hashing
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.normalize import chroma
from echoatlas.pipeline.step import step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Normalized, Picture

GRID = 16  # patches of the informativeness map, both axes
WINDOW = 8  # pixels, side of the windows over which speckle is measured
THUMBNAIL = 64


@dataclass(frozen=True, slots=True)
class MeasureConfig:
    """Levels that measuring depends on.

    Attributes:
        dark, saturated: gray levels; below the first is dark, from the second on saturated.
        least_spread: standard deviation inside the fan below which a frame is too flat to hash:
            hashes of flat frames are noise, and all black frames would be one duplicate.
        dynamic_range: dB that 256 gray levels stand for, to undo the scanner's log compression.
    """

    dark: int = 12
    saturated: int = 250
    least_spread: float = 4.0
    dynamic_range: float = 60.0


@dataclass(frozen=True, slots=True)
class Measures:
    """The measuring columns of ``MeasureRow``, which describes each.

    Perceptual hashes are empty (``b""``) where the frame is too flat to have one: such a frame is
    nobody's near duplicate.
    """

    pixel_hash: str
    frame_phash64: bytes
    frame_phash256: bytes
    fan_phash64: bytes
    fan_phash256: bytes
    mirror_phash256: bytes
    hash_version: str
    thumbnail: bytes
    blur: float
    entropy: float
    mean: float
    saturation: float
    dark: float
    fan_fill: float
    speckle_snr: float
    text_share: float
    color_share: float
    motion: float | None
    patch_map: bytes


@step("measure", version=1)
def measure(
    normalized: Normalized,
    previous: Normalized | None = None,
    config: MeasureConfig = MeasureConfig(),
) -> Measures:
    """Measure one frame.

    Args:
        previous: the frame kept before it of the same clip and pane, or None.

    Raises:
        Reject: ``fan_too_small`` if nothing of the fan may be seen.
    """
    pixels, valid = normalized.pixels, normalized.valid
    gray = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    mask = valid.astype(np.uint8)
    seen = int(mask.sum())
    if not seen:
        raise Reject(Reason.FAN_TOO_SMALL, "nothing of the fan may be seen")
    fan = seen + int((normalized.overlay & ~valid).sum())
    histogram = cv2.calcHist([gray], [0], mask, [256], [0, 256]).ravel().astype(np.float64) / seen
    mean = float(histogram @ np.arange(256))
    spread = float(np.sqrt(max(histogram @ np.arange(256) ** 2.0 - mean**2, 0)))
    likely = histogram[histogram > 0]
    inner = cv2.erode(mask, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT)
    edges = cv2.Laplacian(gray, cv2.CV_16S)
    box = _box(valid)
    small = hashing.shrink(np.ascontiguousarray(gray[box]), THUMBNAIL)
    return Measures(
        pixel_hash=pixel_hash(pixels),
        **_hashes(gray, gray[box], small, flat=spread < config.least_spread),
        hash_version=hashing.HASH_VERSION,
        thumbnail=small.tobytes(),
        blur=float(cv2.meanStdDev(edges, mask=inner)[1][0, 0] ** 2),
        entropy=float(-(likely @ np.log2(likely))),
        mean=mean,
        saturation=float(histogram[config.saturated :].sum()),
        dark=float(histogram[: config.dark].sum()),
        fan_fill=fan / valid.size,
        speckle_snr=_speckle_snr(gray, mask, config.dynamic_range),
        text_share=int(normalized.overlay.sum()) / fan,
        color_share=float((chroma(pixels) & valid).sum() / seen) if pixels.ndim == 3 else 0.0,
        motion=_motion(normalized, previous),
        patch_map=_patch_map(gray, mask),
    )


def pixel_hash(pixels: Picture) -> str:
    """BLAKE2b-128 of shape and pixels: equal exactly for equal images."""
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _hashes(
    whole: NDArray[np.uint8], fan: NDArray[np.uint8], small: NDArray[np.uint8], *, flat: bool
) -> dict[str, bytes]:
    names = ("frame_phash64", "frame_phash256", "fan_phash64", "fan_phash256", "mirror_phash256")
    if flat:
        return dict.fromkeys(names, b"")
    low = hashing.coefficients(small, 16)
    values = (
        hashing.phash(whole, 8),
        hashing.phash(whole, 16),
        hashing.phash(fan, 8),
        hashing.bits(low),
        hashing.bits(hashing.mirrored(low)),
    )
    return dict(zip(names, values, strict=True))


def _box(valid: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(valid.any(axis=1)), np.flatnonzero(valid.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _speckle_snr(gray: NDArray[np.uint8], mask: NDArray[np.uint8], decibels: float) -> float:
    """Median of mean/std of the echo's amplitude over windows of the fan that are not dark."""
    height, width = (side // WINDOW for side in gray.shape)
    levels = np.arange(256) / 255 * decibels / 20
    amplitude = cv2.LUT(gray, (10.0**levels).astype(np.float32))
    first = cv2.resize(amplitude, (width, height), interpolation=cv2.INTER_AREA)
    second = cv2.resize(amplitude * amplitude, (width, height), interpolation=cv2.INTER_AREA)
    covered = cv2.resize(mask * np.uint8(255), (width, height), interpolation=cv2.INTER_AREA)
    lit = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
    use = (covered == 255) & (lit >= 20) & (lit <= 235)
    if not use.any():
        return 0.0
    deviation = np.sqrt(np.maximum(second[use] - first[use] ** 2, 1e-6))
    return float(np.median(first[use] / deviation))


def _motion(now: Normalized, before: Normalized | None) -> float | None:
    if before is None or before.pixels.shape != now.pixels.shape:
        return None
    change = cv2.absdiff(now.pixels, before.pixels)
    both = (now.valid & before.valid).astype(np.uint8)
    return float(np.mean(cv2.mean(change, mask=both)[: 1 if change.ndim == 2 else 3]))


def _patch_map(gray: NDArray[np.uint8], mask: NDArray[np.uint8]) -> bytes:
    """16 x 16 bytes: twice the standard deviation of gray in the patch's part of the fan.

    1 is the least inside the fan, 0 is outside it (less than a quarter of the patch).
    """
    size = (GRID, GRID)
    values = gray.astype(np.float32)
    share = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    whole = np.maximum(share, 1e-3)
    first = cv2.resize(values, size, interpolation=cv2.INTER_AREA) / whole
    second = cv2.resize(values * values, size, interpolation=cv2.INTER_AREA) / whole
    deviation = np.sqrt(np.maximum(second - first**2, 0))
    patches = np.clip(np.round(2 * deviation), 1, 255)
    return np.where(share >= 0.25, patches, 0).astype(np.uint8).tobytes()
