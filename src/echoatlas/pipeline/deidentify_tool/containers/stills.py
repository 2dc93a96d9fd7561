"""Clean pictures: PNG, animated PNG, TIFF of several pages. No text, EXIF, ICC or dates."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.frames.png import encode_png

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture

MOST = (1 << 16) - 1


def png(picture: Picture, aspect: tuple[int, int] = (1, 1)) -> bytes:
    """A picture, (H, W) or (H, W, 3) RGB uint8, as PNG with its critical chunks alone.

    Args:
        aspect: how wide a pixel is to how high; said in one chunk more if it is no square.
    """
    return shaped(critical_chunks(encode_png(picture)), aspect)


def shaped(data: bytes, aspect: tuple[int, int]) -> bytes:
    """A PNG that says the shape of its pixels, if they are no squares (11.3.4.3)."""
    if aspect == (1, 1):
        return data
    end = 8 + 25  # of the header: as many pixels more lie in a row as they are less wide
    body = struct.pack(">IIB", aspect[1], aspect[0], 0)
    return data[:end] + _chunk(b"pHYs", body) + data[end:]


def critical_chunks(data: bytes) -> bytes:
    """A PNG without its ancillary chunks and without what follows its end (PNG 3rd ed., 5.4)."""
    return data[:8] + b"".join(_chunk(kind, body) for kind, body in _critical(data))


def _critical(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            yield kind, data[at + 8 : at + 8 + length]
        if kind == b"IEND":
            break
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def animation(pictures: Iterable[Picture], times: Sequence[float]) -> bytes:
    """Pictures as an animated PNG of whole frames (PNG 3rd ed., 5.3 and 11.3.5).

    Args:
        pictures: equally sized, all (H, W) or all (H, W, 3) RGB uint8.
        times: milliseconds from the first, one a picture; the last is shown as long as the one
            before it.
    """
    shown = [*np.diff(np.asarray(times)), times[-1] - times[-2]]
    parts: list[bytes] = []
    number = 0
    for picture, milliseconds in zip(pictures, shown, strict=True):
        whole = png(picture)
        height, width = picture.shape[:2]
        delay = _delay(float(milliseconds))
        control = struct.pack(">IIIIIHHBB", number, width, height, 0, 0, *delay, 0, 0)
        number += 1
        first = not parts
        for kind, body in _critical(whole):
            if kind == b"IHDR" and first:
                parts += [_chunk(kind, body), _chunk(b"acTL", struct.pack(">II", len(shown), 0))]
            if kind == b"IHDR":
                parts.append(_chunk(b"fcTL", control))
            if kind == b"IDAT" and first:
                parts.append(_chunk(kind, body))
            elif kind == b"IDAT":
                parts.append(_chunk(b"fdAT", struct.pack(">I", number) + body))
                number += 1
    return b"".join([whole[:8], *parts, _chunk(b"IEND", b"")])


def _delay(milliseconds: float) -> tuple[int, int]:
    """Seconds as numerator and denominator, of 16 bits each: pictures may be minutes apart, as in a
    series over time, or parts of a millisecond."""
    seconds = Fraction(round(milliseconds * 1000), 1_000_000)
    near = seconds.limit_denominator(max(MOST // max(ceil(seconds), 1), 1))
    return min(near.numerator, MOST), near.denominator


def tiff(pictures: Iterable[Picture], aspect: tuple[int, int] = (1, 1)) -> bytes:
    """Pictures as pages of a TIFF, Deflate, without description, software or time.

    Args:
        aspect: how wide a pixel is to how high.
    """
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
                resolution=aspect[::-1],
                resolutionunit=1,
            )
    return buffer.getvalue()
