"""Measure a normalized frame: quality, fingerprints, where it is informative. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.frames import phash
from echoatlas.pipeline.frames.area import BANDS, Area, patches, windows
from echoatlas.pipeline.frames.color import chroma
from echoatlas.pipeline.frames.identity import pixel_hash
from echoatlas.pipeline.frames.landmarks import Landmarks, landmarks
from echoatlas.pipeline.step import setting, step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Normalized, Picture

PEAK = 0.995  # share of pixels that are not brighter
LIT = 20  # gray levels off black and white between which compressed speckle keeps its statistics
LEVELS = np.arange(256, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class MeasureConfig:
    """Levels that measuring depends on.

    Attributes:
        dark, saturated: below the first is dark, from the second on saturated.
        min_spread: standard deviation inside the fan below which a frame is too flat to hash:
            hashes of flat frames are noise, and all black frames would be one duplicate.
        dynamic_range: what 256 gray levels stand for, to undo the scanner's log compression.
        lit: mean gray level from which a band of depth counts as showing echoes.
    """

    dark: int = setting(12, 0, 255, "gray levels")
    saturated: int = setting(250, 1, 255, "gray levels")
    min_spread: float = setting(4.0, 0, 128, "gray levels", was="least_spread")
    dynamic_range: float = setting(60.0, 1, 200, "dB")
    lit: int = setting(12, 0, 255, "gray levels")


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
    view_phash256: bytes
    landmark_phash256: bytes
    landmark_places: bytes
    thumbnail: bytes
    blur: float
    entropy: float
    mean: float
    peak: int
    saturation: float
    dark: float
    fan_fill: float
    speckle_snr: float
    text_share: float
    color_share: float
    motion: float | None
    still: float | None
    reach: float
    layering: float
    patch_map: bytes


@step("measure", version=5)
def measure(
    normalized: Normalized,
    area: Area,
    previous: Normalized | None = None,
    config: MeasureConfig = MeasureConfig(),
    *,
    landmarked: bool = True,
) -> Measures:
    """Measure one frame.

    Args:
        area: where it may be seen, as ``FramePlan`` has it for all frames of a pane.
        previous: the frame kept before it of the same clip and pane, or None.
        landmarked: whether to look for landmarks, which takes as long as all else and is done of
            some frames of a clip; where there are none, other framings are hashed in their place.
    """
    pixels = normalized.pixels
    gray = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    gray = cv2.bitwise_and(gray, area.mask)
    fan = cv2.countNonZero((normalized.overlay | normalized.valid).view(np.uint8))
    levels = _levels(gray[area.box[0]], area.seen)
    mean = float(levels @ LEVELS)
    spread = max(float(levels @ LEVELS**2) - mean**2, 0.0) ** 0.5
    likely = levels[levels > 0]
    values = gray.astype(np.float32)
    sums = windows(values)
    reach, layering = _layers(sums, area, config)
    moved, still = _motion(normalized, previous, area)
    flat = spread < config.min_spread
    marks = landmarks(gray, area) if landmarked and not flat else Landmarks()
    small = phash.shrunk(gray[area.box], gray.shape, (area.box[0].start, area.box[1].start))
    return Measures(
        pixel_hash=pixel_hash(pixels),
        **_hashes(small, flat=flat, views=landmarked and not marks.hashes),
        hash_version=phash.HASH_VERSION,
        landmark_phash256=marks.hashes,
        landmark_places=marks.places,
        thumbnail=phash.thumbnail(gray[area.box]),
        blur=_blur(gray, area),
        entropy=float(-(likely @ np.log2(likely))),
        mean=mean,
        peak=int(np.searchsorted(np.cumsum(levels), PEAK)),
        saturation=float(levels[config.saturated :].sum()),
        dark=float(levels[: config.dark].sum()),
        fan_fill=fan / gray.size,
        speckle_snr=_speckle_snr(gray, sums, area, config),
        text_share=cv2.countNonZero(normalized.overlay.view(np.uint8)) / fan,
        color_share=_color_share(pixels, normalized.valid, area),
        motion=moved,
        still=still,
        reach=reach,
        layering=layering,
        patch_map=_patch_map(sums, windows(values * values), area),
    )


def _hashes(small: phash.Shrunk, *, flat: bool, views: bool) -> dict[str, bytes]:
    names = (
        "frame_phash64",
        "frame_phash256",
        "fan_phash64",
        "fan_phash256",
        "mirror_phash256",
        "view_phash256",
    )
    if flat:
        return dict.fromkeys(names, b"")
    low = phash.coefficients(small.fan64, 16)
    lows = np.stack([phash.coefficients(small.frame64, 16), low, phash.mirrored(low)])
    if views:
        lows = np.concatenate([lows, phash.of_views(small.fan64, 16)])
    frame, fan, mirror, *others = phash.bits_of_all(lows)
    small_frame, small_fan = phash.bits_of_all(
        np.stack([phash.coefficients(small.frame32, 8), phash.coefficients(small.fan32, 8)])
    )
    values = (small_frame, frame, small_fan, fan, mirror, b"".join(others))
    return dict(zip(names, values, strict=True))


def _levels(gray: NDArray[np.uint8], seen: int) -> NDArray[np.float64]:
    """Share of each gray level among the pixels that may be seen; all others of some are black."""
    counts = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    counts[0] -= gray.size - seen
    return np.asarray(counts / seen)


def _blur(gray: NDArray[np.uint8], area: Area) -> float:
    """Variance of the Laplacian away from the fan's edges (Pech-Pacheco et al., ICPR 2000)."""
    edges = cv2.bitwise_and(cv2.Laplacian(gray, cv2.CV_16S), area.inner)
    # Of all pixels, then of the inner ones alone: a masked deviation takes eight times as long.
    mean, deviation = (float(part[0, 0]) for part in cv2.meanStdDev(edges))
    scale = gray.size / max(area.inside, 1)
    return max((deviation**2 + mean**2) * scale - (mean * scale) ** 2, 0.0)


def _speckle_snr(
    gray: NDArray[np.uint8], sums: NDArray[np.float64], area: Area, config: MeasureConfig
) -> float:
    """Median of mean/std of the echo's amplitude over windows of the fan that are not dark.

    Fully developed speckle has 1.91 (Wagner et al., IEEE Trans. Sonics Ultrason. 30, 1983).
    """
    use = area.whole & (sums >= LIT * area.window) & (sums <= (255 - LIT) * area.window)
    if not use.any():
        return 0.0
    amplitude = cv2.LUT(gray, _amplitudes(config.dynamic_range))
    mean = windows(amplitude)[use] / area.window
    square = windows(amplitude * amplitude)[use] / area.window
    deviation = np.sqrt(np.maximum(square - mean**2, 1e-6))
    return phash.median(mean / deviation)


@cache
def _amplitudes(decibels: float) -> NDArray[np.float32]:
    """Gray level to amplitude: the scanner's log compression undone."""
    return np.asarray(10.0 ** (np.arange(256) / 255 * decibels / 20), np.float32)


def _layers(sums: NDArray[np.float64], area: Area, config: MeasureConfig) -> tuple[float, float]:
    """How deep echoes reach, and how far gray levels depend on depth alone.

    A probe in air shows its own reverberation: bright bands along its face, and nothing below.

    Returns:
        The share of the depth down to the last of 16 bands that is lit; and the share of the
        windows' variance that lies between the bands (the correlation ratio), 0 if there is none.
    """
    values = sums[area.whole] / area.window
    if not len(values):
        return 0.0, 0.0
    means = np.bincount(area.bands, values, BANDS) / np.maximum(area.layers, 1)
    lit = np.flatnonzero((area.layers > 0) & (means >= config.lit))
    reach = (int(lit[-1]) + 1) / BANDS if len(lit) else 0.0
    mean = float(values.mean())
    whole = float(((values - mean) ** 2).sum())
    between = float(area.layers @ (means - mean) ** 2)
    return reach, min(between / whole, 1.0) if whole > len(values) else 0.0


def _motion(
    now: Normalized, before: Normalized | None, area: Area
) -> tuple[float | None, float | None]:
    """Mean absolute change since the frame before, and the share of samples without any."""
    if before is None or before.pixels.shape != now.pixels.shape:
        return None, None
    mask, seen = area.mask, area.seen
    if before.valid is not now.valid:
        mask = cv2.bitwise_and(mask, before.valid.view(np.uint8) * np.uint8(255))
        seen = cv2.countNonZero(mask)
    change = cv2.absdiff(now.pixels, before.pixels)
    if change.ndim == 3:
        mask, seen = cv2.merge([mask] * 3), 3 * seen
    change = cv2.bitwise_and(change, mask)
    seen = max(seen, 1)
    changed = cv2.countNonZero(change.reshape(len(change), -1))
    return float(sum(cv2.sumElems(change))) / seen, 1 - changed / seen


def _color_share(pixels: Picture, valid: NDArray[np.bool_], area: Area) -> float:
    if pixels.ndim == 2:
        return 0.0
    return cv2.countNonZero((chroma(pixels) & valid).view(np.uint8)) / area.seen


def _patch_map(sums: NDArray[np.float64], squares: NDArray[np.float64], area: Area) -> bytes:
    """Where a frame is informative: 16 x 16 bytes, row-major, patches of 2 x 2 windows.

    Twice the standard deviation of gray in the patch's part of the fan, which is what a masked
    reconstruction has to explain there. 1 is the least inside the fan, 0 is outside of it (less
    than a quarter of the patch), so ``patch > 0`` is the background mask.
    """
    mean = patches(sums) / area.patches
    deviation = np.sqrt(np.maximum(patches(squares) / area.patches - mean**2, 0))
    values = np.minimum(np.maximum(np.round(2 * deviation), 1), 255)
    return np.where(area.patches >= area.window, values, 0).astype(np.uint8).tobytes()
