"""A picture as PNG: one way to write it, which says so if it can't."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


def encode_png(picture: Picture) -> bytes:
    """A picture, (H, W) gray or (H, W, 3) RGB uint8, as PNG.

    Raises:
        ValueError: it can't be written, as one with a side of more than a million pixels.
    """
    shown = picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])
    done, data = cv2.imencode(".png", shown)
    if not done:
        raise ValueError(f"a picture of {' x '.join(map(str, picture.shape))} cannot be written")
    return data.tobytes()


def small_png(levels: Picture, bits: int = 8) -> bytes:
    """A picture of few levels, (H, W) uint8, as PNG: half as large as ``encode_png`` makes it.

    Its rows are compressed as they are, for a filter hides that they repeat each other. OpenCV
    can't be told so before 4.12.

    Args:
        bits: a pixel, 8 or 1; with 1, whatever is not 0 comes back as 255.
    """
    height, width = levels.shape
    rows = np.packbits(levels != 0, axis=1) if bits == 1 else levels
    plain = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)
    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(plain.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_url(pixels: Picture) -> str:
    """A picture as a PNG that stands in the page itself.

    Raises:
        ValueError: it can't be written.
    """
    return "data:image/png;base64," + base64.b64encode(encode_png(pixels)).decode()
