"""AVI as frame grabbers write it: a chunk a tick, empty where no new picture came in time.

Microsoft, AVI RIFF file reference: an empty chunk shows the picture before it once more.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

RATE = 25


def _chunk(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _list(kind: bytes, *parts: bytes) -> bytes:
    return _chunk(b"LIST", kind, *parts)


def avi(
    frames: Sequence[bytes], size: tuple[int, int], codec: bytes = b"MJPG", index: bool = True
) -> bytes:
    """Coded pictures of (width, height) as AVI; empty bytes where nothing new came."""
    width, height = size
    count, most = len(frames), max(map(len, frames))
    head = struct.pack(
        "<14I", 1_000_000 // RATE, 0, 0, 0x10 if index else 0, count, 0, 1, most, width, height,
        *[0] * 4,
    )  # fmt: skip
    stream = struct.pack(
        "<4s4sIHHIIIIIIII4H", b"vids", codec, 0, 0, 0, 0, 1, RATE, 0, count, most, 0xFFFFFFFF, 0,
        0, 0, width, height,
    )  # fmt: skip
    form = struct.pack(
        "<IiiHH4sIiiII", 40, width, height, 1, 24, codec, width * height * 3, 0, 0, 0, 0
    )
    tracks = _list(b"strl", _chunk(b"strh", stream), _chunk(b"strf", form))
    body, entries, place = b"", b"", 4
    for data in frames:
        chunk = _chunk(b"00dc", data)
        entries += struct.pack("<4sIII", b"00dc", 0x10, place, len(data))
        place += len(chunk)
        body += chunk
    parts = [_list(b"hdrl", _chunk(b"avih", head), tracks), _list(b"movi", body)]
    if index:
        parts.append(_chunk(b"idx1", entries))
    return _chunk(b"RIFF", b"AVI ", *parts)
