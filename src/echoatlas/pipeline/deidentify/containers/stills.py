"""Clean stills: PNG, and TIFF for several pages. Pixels only: no text, EXIF, ICC or times."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


def png(picture: Picture) -> bytes:
    """A picture, (H, W) or (H, W, 3) RGB uint8, as PNG with its critical chunks alone."""
    shown = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".png", shown)
    return critical_chunks(encoded.tobytes())


def critical_chunks(data: bytes) -> bytes:
    """A PNG without its ancillary chunks and without what follows its end (PNG 3rd ed., 5.4)."""
    clean, at = [data[:8]], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            crc = struct.pack(">I", zlib.crc32(kind + body))
            clean.append(struct.pack(">I", length) + kind + body + crc)
        if kind == b"IEND":
            break
        at += 12 + length
    return b"".join(clean)


def tiff(pictures: Iterable[Picture]) -> bytes:
    """Pictures as pages of a TIFF, Deflate, without description, software or time."""
    import tifffile

    buffer = BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for picture in pictures:
            file.write(
                np.ascontiguousarray(picture),
                photometric="minisblack" if picture.ndim == 2 else "rgb",
                compression="zlib",
                metadata=None,
                description=None,
                software=False,
                datetime=None,
                contiguous=False,
            )
    return buffer.getvalue()
