"""Color of 16 bits a channel in PNG, of which Pillow gives the high byte alone.

8 or 12 bits that a program put into 16 are next to nothing in that byte. So they are shifted up
before Pillow sees them, and transparency, an animation's frames and how a picture is turned are
left to it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from imagecodecs import PngError, png_decode, png_encode  # now: zlib may be another's later

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.config import check_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.read.config import ReadConfig

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = struct.Struct(">IIBBBBB")  # IHDR (PNG, 3rd ed., 11.2.1)
CHANNELS, COLORS = {2: 3, 4: 2, 6: 4}, {2: 3, 4: 1, 6: 3}  # of color types; with, without alpha
SEQUENCE = 4  # bytes of a number before what fcTL and fdAT say (11.3.6)
Chunk = tuple[bytes, bytes]


@dataclass(slots=True)
class _Frame:
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


def in_all_bits(data: bytes, config: ReadConfig) -> bytes:
    """A PNG whose colors fill their 16 bits: shifted by the fewest that hold the largest, as gray
    is scaled, the same for all frames.

    Args:
        data: a PNG, whole or not.

    Returns:
        ``data`` itself of other pictures, of those that use 16 bits, and of those that end early.

    Raises:
        Reject: ``too_large``, ``unreadable``.
    """
    chunks = list(_chunks(data))
    if len(chunks) < 3 or chunks[0][0] != b"IHDR" or chunks[-1] != (b"IEND", b""):
        return data
    try:
        width, height, depth, color, *ways = HEADER.unpack(chunks[0][1])
        if depth != 16 or color not in CHANNELS:
            return data
        frames = _frames(chunks, width, height)
        for frame in frames:
            check_size(frame.height, frame.width, len(frames), config)
        bits = 8
        for frame in frames:  # decoded again below: all of a clip together may be large
            top = int(_decoded(frame, color, ways)[..., : COLORS[color]].max())
            bits = max(top.bit_length() if frame.shown else 0, bits)
            if bits == 16:
                return data
        lifted = {frame.place: _lifted(frame, color, ways, 16 - bits) for frame in frames}
    except PngError:
        # Pillow may well read it all the same, and give the high bytes alone
        raise Reject(Reason.UNREADABLE, "the picture cannot be decoded (PngError)") from None
    except (ValueError, struct.error):
        return data
    chunks[0] = (b"IHDR", HEADER.pack(width, height, depth, color, 0, 0, 0))
    return _written(chunks, {at for frame in frames for at in frame.places}, lifted)


def _chunks(data: bytes) -> Iterator[Chunk]:
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


def _frames(chunks: list[Chunk], width: int, height: int) -> list[_Frame]:
    found: list[_Frame] = []
    shown = all(name != b"acTL" for name, _ in chunks)
    for place, (name, body) in enumerate(chunks):
        if name == b"fcTL":
            width, height = struct.unpack_from(">II", body, SEQUENCE)
            shown = True
        elif name in (b"IDAT", b"fdAT"):
            if not found or found[-1].places.stop != place:
                found.append(_Frame(place, width, height, shown))
            found[-1].coded.append(body[SEQUENCE if name == b"fdAT" else 0 :])
    return found


def _decoded(frame: _Frame, color: int, ways: list[int]) -> NDArray[np.uint16]:
    """Samples, (H, W, channels).

    Raises:
        ValueError: it is something else than it was said to be.
    """
    head = HEADER.pack(frame.width, frame.height, 16, color, *ways)
    chunks = [(b"IHDR", head), (b"IDAT", b"".join(frame.coded)), (b"IEND", b"")]
    samples: NDArray[Any] = np.array(png_decode(_packed(chunks)))
    if samples.dtype != np.uint16 or samples.shape != (frame.height, frame.width, CHANNELS[color]):
        raise ValueError("not the samples that the header states")
    return samples


def _lifted(frame: _Frame, color: int, ways: list[int], lift: int) -> bytes:
    """The coded rows of a frame whose colors are so many bits larger."""
    samples = _decoded(frame, color, ways)
    samples[..., : COLORS[color]] <<= lift
    coded = bytes(png_encode(samples, level=1))
    return b"".join(body for name, body in _chunks(coded) if name == b"IDAT")


def _written(chunks: list[Chunk], replaced: set[int], rows: dict[int, bytes]) -> bytes:
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
    return _packed(made)


def _packed(chunks: list[Chunk]) -> bytes:
    parts = [SIGNATURE]
    for name, body in chunks:
        end = struct.pack(">I", zlib.crc32(name + body))
        parts += [struct.pack(">I", len(body)), name, body, end]
    return b"".join(parts)
