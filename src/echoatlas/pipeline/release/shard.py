"""The images of a release's samples, and how its shards and columns are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.frames.clip_codec import decode_clip
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.frames.png import decode_png, encode_png
from echoatlas.schemas.index import ROLES, Role

if TYPE_CHECKING:
    from echoatlas.pipeline.frames.codec import Buffer
    from echoatlas.schemas.records import Picture

ENDINGS = {"png": "png", "zstd": "eaz", "jpeg": "jpg", "clip": "eac"}
OWN_CODECS = frozenset({"zstd", "clip"})  # which nobody else reads
META = ROLES[Role.META]
MARKS = "annotations"
PAYLOAD = "payload"
PLACES = ROLES[Role.PLACE]


def packed_image(stored: bytes, codec: str) -> bytes:
    """An image of the lake in a release's codec."""
    if codec == "zstd":
        return stored
    pixels = decode(stored)
    if codec != "jpeg":
        return encode_png(pixels)
    bgr = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not done:
        raise ValueError(f"the image could not be written as {codec}")
    return data.tobytes()


def unpacked_image(data: Buffer, codec: str, out: Picture | None = None) -> Picture:
    """The pixels of a release's image: (H, W) or (H, W, 3) RGB uint8; of a clip (N, ...).

    Args:
        data: bytes, or a view of them that is not copied: of (N,) uint8 in an array.
        out: where the pixels may be laid, if they have its shape.

    Raises:
        ValueError: the bytes are damaged.
        UsageError: as of ``decode_png``.
    """
    if codec == "zstd":
        return decode(data, out)
    if codec == "clip":
        return decode_clip(data)
    pixels = decode_png(data)
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])
