"""The lake's image codec: left differences, compressed by Zstandard. Lossless, self-describing.

Speckle is noise: its neighbors' difference is nearly all that any lossless coder can use, so a
one-line predictor and a fast entropy coder reach JPEG XL's size at a fraction of its time
(docs/adr/0002). Needs nothing beyond the trainers' install.
"""

from __future__ import annotations

import struct
import threading
from typing import TYPE_CHECKING

import cv2
import numpy as np
import zstandard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

    Buffer = bytes | NDArray[np.uint8]

IMAGE_CODEC = "zstd-left-1"
HEADER = struct.Struct("<4sHHB")  # magic, height, width, channels
MAGIC = b"EAz1"
LEVEL = 1
MOST_PIXELS = 1 << 28


class _Contexts(threading.local):
    """Zstandard's contexts, one set a thread: shared ones corrupt what they decode."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self.decompressor = zstandard.ZstdDecompressor()


_CONTEXTS = _Contexts()


def contexts() -> _Contexts:
    """Zstandard's contexts of this thread."""
    return _CONTEXTS


def encode(pixels: Picture) -> bytes:
    """Encode a picture, losslessly; the same pixels give the same bytes.

    Args:
        pixels: (H, W) or (H, W, 3) uint8, sides up to 65,535.

    Raises:
        ValueError: any other shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(f"not a picture: {pixels.dtype} of shape {pixels.shape}")
    if max(pixels.shape[:2]) > 0xFFFF or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"not a picture: {pixels.dtype} of shape {pixels.shape}")
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else 3
    planes = pixels[None] if channels == 1 else decorrelated(pixels)
    differences = planes.copy()
    differences[:, :, 1:] -= planes[:, :, :-1]
    return HEADER.pack(MAGIC, height, width, channels) + _CONTEXTS.compressor.compress(
        differences.tobytes()
    )


def encode_mask(mask: NDArray[np.bool_]) -> bytes:
    """Encode (H, W) bool as a picture of 0 and 1; nothing at all if none is true."""
    return encode(mask.view(np.uint8)) if mask.any() else b""


def decode(data: Buffer, out: Picture | None = None) -> Picture:
    """The pixels that ``encode`` was given.

    Args:
        data: bytes, or a view of them that is not copied: of (N,) uint8 in an array.
        out: where a gray picture of its shape is laid; elsewhere if it has another.

    Returns:
        (H, W) or (H, W, 3) uint8.

    Raises:
        ValueError: the bytes are not of this codec, or damaged (a checksum covers the pixels).
    """
    if len(data) < HEADER.size:
        raise ValueError("the image is truncated")
    view = data.data if isinstance(data, np.ndarray) else memoryview(data)
    magic, height, width, channels = HEADER.unpack_from(view)
    count = height * width * channels
    if magic != MAGIC or channels not in (1, 3) or not 0 < count <= MOST_PIXELS:
        raise ValueError("the image is not of the lake's codec")
    try:
        packed = view[HEADER.size :]
        if zstandard.frame_content_size(packed) != count:
            raise ValueError("the image is damaged")
        raw = _CONTEXTS.decompressor.decompress(packed)
    except zstandard.ZstdError as error:
        raise ValueError("the image is damaged") from error
    fits = channels == 1 and out is not None and out.shape == (height, width)
    planes = row_sums(
        np.frombuffer(raw, np.uint8).reshape(channels * height, width), out if fits else None
    )
    if channels == 1:
        return planes
    return correlated(planes.reshape(channels, height, width))


def row_sums(
    differences: NDArray[np.uint8], out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Sums along rows, modulo 256.

    By way of OpenCV's sums over rectangles, which are vectorized: a quarter of the time of
    ``np.cumsum``. They wrap modulo 2**32, so the sums of rows are right whatever the size.
    """
    sums = cv2.integral(differences, sdepth=cv2.CV_32S)
    rows = np.empty(differences.shape, np.uint8) if out is None else out
    np.subtract(sums[1:, 1:], sums[:-1, 1:], out=rows, casting="unsafe")
    return rows


def decorrelated(pixels: Picture) -> NDArray[np.uint8]:
    """Green, and red and blue less green: most color pictures are mostly gray."""
    red, green, blue = cv2.split(pixels)
    return np.stack([green, red - green, blue - green])


def correlated(planes: NDArray[np.uint8]) -> Picture:
    """What ``decorrelated`` was given."""
    green = planes[0]
    return np.asarray(cv2.merge([planes[1] + green, green, planes[2] + green]), np.uint8)
