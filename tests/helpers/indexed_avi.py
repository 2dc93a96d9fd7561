"""Uncompressed AVI of 8 bits, as frame grabbers write it: an index a pixel, and a palette."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def indexed_avi(indexes: Bytes, palette: Bytes, rate: int = 25) -> bytes:
    """A clip of (T, H, W) indexes into (256, 3) colors, ``rate`` frames a second."""
    frames, height, width = indexes.shape
    stored = np.pad(indexes[:, ::-1], ((0, 0), (0, 0), (0, -width % 4)))
    size = stored[0].nbytes
    main = (1_000_000 // rate, size * rate, 0, 0x10, frames, 0, 1, size, width, height, 0, 0, 0, 0)
    stream = (0, 0, 0, 0, 1, rate, 0, frames, size, 0xFFFFFFFF, 0, 0, 0, width, height)
    bitmap = (40, width, height, 1, 8, 0, size, 0, 0, 256, 0)
    colors = np.pad(palette[:, ::-1], ((0, 0), (0, 1))).tobytes()  # blue, green, red, 0
    head = _list(
        b"hdrl",
        _chunk(b"avih", struct.pack("<14I", *main)),
        _list(
            b"strl",
            _chunk(b"strh", b"vidsDIB " + struct.pack("<IHHIIIIIIIIhhhh", *stream)),
            _chunk(b"strf", struct.pack("<IiiHHIIiiII", *bitmap) + colors),
        ),
    )
    movie = _list(b"movi", *(_chunk(b"00db", frame.tobytes()) for frame in stored))
    places = (struct.pack("<III", 0x10, 4 + at * (size + 8), size) for at in range(frames))
    index = _chunk(b"idx1", b"".join(b"00db" + place for place in places))
    return _chunk(b"RIFF", b"AVI " + head + movie + index)


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _list(name: bytes, *parts: bytes) -> bytes:
    return _chunk(b"LIST", name + b"".join(parts))
