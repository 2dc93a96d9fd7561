"""Landmarks: places of a picture that are found again in a copy, wherever its fan was found.

A hash of the fan is worth nothing where the fan found in a copy is quite another: half of it, or
with the scanner's bars. So a few frames of each clip also have hashes of some places in them, each
cut out in a size that the picture itself gives, by the extrema of a scale space (Lowe, "Distinctive
image features from scale-invariant keypoints", IJCV 60, 2004), and so without any regard to the
fan. Of 1.3 million pairs of such hashes of different stills none was within 32 bits of 256, of
copies with another fan nearly all have one that is (docs/adr/0009).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.frames import phash

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.frames.area import Area

EVERY = 16  # frames of a clip
MOST = 12  # of a frame
SIDE = 128  # pixels in which they are looked for
MIN_SIZE = 4.0  # of these, of an extremum: smaller ones are speckle, and lost by any coding
WIDTH = 5.0  # of what is cut out, in sizes of the extremum
INSIDE = 0.92  # share of it that must lie in the fan, whose edge is none of the picture's
MIN_SPREAD = 4.0  # gray levels in it
CODE = 64  # bytes of a landmark: its hash, and that of its mirror
FULL = 65535  # of the fan's box


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Of a frame, the strongest first.

    Attributes:
        hashes: 2 x 256 bit each: as it is, and mirrored left to right.
        places: 4 x uint16 each, little endian: center x and y, width and height, in 1/65535 of the
            fan's box.
    """

    hashes: bytes = b""
    places: bytes = b""


def landmarks(gray: NDArray[np.uint8], area: Area) -> Landmarks:
    """Find the landmarks of a stored image.

    Args:
        gray: (H, W), black where nothing may be seen. area: where something may.
    """
    small = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    seen = cv2.resize(area.mask, (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 250
    inside = cv2.integral(seen.astype(np.uint8))
    found = [one for one in _detector().detect(small, None) if one.size >= MIN_SIZE]
    found.sort(key=lambda one: (-one.response, one.pt, one.size))
    hashes: list[bytes] = []
    places: list[tuple[float, float, float, float]] = []
    taken: set[tuple[int, int, int]] = set()
    for one in found:
        key = round(one.pt[0]), round(one.pt[1]), round(one.size)
        if key in taken or len(hashes) == MOST:  # an extremum is found once an orientation
            continue
        taken.add(key)
        patch = _cut(small, inside, one.pt, WIDTH * one.size)
        if patch is None:
            continue
        low = phash.coefficients(patch, 16)
        hashes.append(phash.bits(low) + phash.bits(phash.mirrored(low)))
        places.append(_place(one.pt, WIDTH * one.size, gray.shape, area))
    whole = np.array(places, np.float64).reshape(-1, 4)
    return Landmarks(
        b"".join(hashes), np.round(np.clip(whole, 0, 1) * FULL).astype("<u2").tobytes()
    )


@cache
def _detector() -> cv2.SIFT:
    return cv2.SIFT.create(0, 3, 0.01, 20, 1.6)


def _cut(
    small: NDArray[np.uint8], inside: NDArray[np.int32], center: tuple[float, float], width: float
) -> NDArray[np.uint8] | None:
    """A square of a picture as (32, 32), or None if it leaves the fan or shows nothing."""
    left, top = center[0] - width / 2, center[1] - width / 2
    x0, y0, x1, y1 = (round(edge) for edge in (left, top, left + width, top + width))
    if min(x0, y0) < 0 or max(x1, y1) > SIDE:
        return None
    shown = inside[y1, x1] - inside[y0, x1] - inside[y1, x0] + inside[y0, x0]
    if shown < INSIDE * (x1 - x0) * (y1 - y0):
        return None
    step = width / 32
    if step > 1:
        small = cv2.GaussianBlur(small, (0, 0), step / 2)
    first = step / 2 - 0.5
    warp = np.array([[step, 0, left + first], [0, step, top + first]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = np.asarray(cv2.warpAffine(small, warp, (32, 32), flags=flags), np.uint8)
    return patch if patch.std() >= MIN_SPREAD else None


def _place(
    center: tuple[float, float], width: float, shape: tuple[int, ...], area: Area
) -> tuple[float, float, float, float]:
    """Center and sides of a square of the small picture, in shares of the fan's box."""
    rows, columns = area.box
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    x = (center[0] + 0.5) / SIDE * shape[1] - columns.start
    y = (center[1] + 0.5) / SIDE * shape[0] - rows.start
    return x / wide, y / tall, width / SIDE * shape[1] / wide, width / SIDE * shape[0] / tall
