"""The chunks of a PNG, those of an animation's frames, and samples (PNG, 3rd ed., 5 and 11.3.6)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from imagecodecs import PngError, png_decode, png_encode  # now: zlib may be another's later
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = struct.Struct(">IIBBBBB")  # IHDR (11.2.1)
SEQUENCE = 4  # bytes of a number before what fcTL and fdAT say (11.3.6)
Chunk = tuple[bytes, bytes]


@dataclass(slots=True)
class PngFrame:
    """A picture in a PNG: its first chunk, its size, its coded rows, and whether it is shown, or
    only stands for an animation in programs that can't play it.
    """

    place: int
    width: int
    height: int
    shown: bool
    coded: list[bytes] = field(default_factory=list)

    @property
    def places(self) -> range:
        return range(self.place, self.place + len(self.coded))


def chunks_of(data: bytes) -> Iterator[Chunk]:
    """Names and contents, up to the end or to damage."""
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        end = data[place + 8 + length : place + 12 + length]
        if end != struct.pack(">I", zlib.crc32(name + body)):
            return
        yield name, body
        if name == b"IEND":
            return
        place += 12 + length


def whole_chunks(data: bytes) -> list[Chunk] | None:
    """All of them; None of what is damaged or ends early."""
    chunks = list(chunks_of(data))
    whole = len(chunks) > 2 and chunks[0][0] == b"IHDR" and chunks[-1] == (b"IEND", b"")
    return chunks if whole else None


def png_samples(chunks: list[Chunk]) -> NDArray[Any]:
    """Samples of a single picture, (H, W) or (H, W, channels), in all their bits.

    Raises:
        Reject: ``unreadable``. Pillow may well read it all the same, and give something else.
    """
    try:
        return np.array(png_decode(png_of(chunks)))
    except PngError:
        raise Reject(Reason.UNREADABLE, "the picture cannot be decoded (PngError)") from None


def coded_png_rows(samples: NDArray[Any]) -> bytes:
    """The coded rows of a picture, as of ``png_samples``."""
    coded = bytes(png_encode(samples, level=1))
    return b"".join(body for name, body in chunks_of(coded) if name == b"IDAT")


def frames_of(chunks: list[Chunk], width: int, height: int) -> list[PngFrame]:
    """The pictures of a file, one an animation's frame; of a picture alone that one.

    Args:
        width, height: as its header says.
    """
    found: list[PngFrame] = []
    shown = all(name != b"acTL" for name, _ in chunks)
    for place, (name, body) in enumerate(chunks):
        if name == b"fcTL":
            width, height = struct.unpack_from(">II", body, SEQUENCE)
            shown = True
        elif name in (b"IDAT", b"fdAT"):
            if not found or found[-1].places.stop != place:
                found.append(PngFrame(place, width, height, shown))
            found[-1].coded.append(body[SEQUENCE if name == b"fdAT" else 0 :])
    return found


def rewritten_png(chunks: list[Chunk], replaced: set[int], rows: dict[int, bytes]) -> bytes:
    """The file with other rows, those of a frame in the first of its chunks alone."""
    made: list[Chunk] = []
    sequence = 0
    for place, (name, body) in enumerate(chunks):
        if place in replaced and place not in rows:
            continue
        numbered = name in (b"fcTL", b"fdAT")
        body = rows.get(place, body[SEQUENCE:] if numbered else body)
        if numbered:
            body = struct.pack(">I", sequence) + body
            sequence += 1
        made.append((name, body))
    return png_of(made)


def png_of(chunks: list[Chunk]) -> bytes:
    """A file of these chunks."""
    parts = [SIGNATURE]
    for name, body in chunks:
        end = struct.pack(">I", zlib.crc32(name + body))
        parts += [struct.pack(">I", len(body)), name, body, end]
    return b"".join(parts)
