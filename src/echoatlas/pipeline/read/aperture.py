"""What of a video's pictures is shown, where its container says that it is not all of them.

A clean aperture (``clap``, ISO/IEC 14496-12, 12.1.4) in MP4 and QuickTime, crops of pixels in
Matroska (RFC 9559, 5.1.4.1.28.8 to .11). Edges that a capture card filled lie outside, as of analog
video. FFmpeg's libraries leave them in, its program and players do not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture

FIRST = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
MOST = 100_000  # boxes and elements side by side that are looked at
ENTRY, EXTENSIONS = 8, 78  # bytes before the first sample entry, and of one before its boxes
TRACK_ID = {0: 12, 1: 20}  # where it stands in ``tkhd``, by its version
SEGMENT, TRACKS, TRACK, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0xE0
NUMBER, KIND, MOVING = 0xD7, 0x83, 1
SIDES = (0x54BB, 0x54AA, 0x54CC, 0x54DD)  # top, bottom, left, right
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Crop:
    """Pixels at the edges of a coded picture that are not shown."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def of(self, picture: Picture) -> Picture:
        """What is shown of a picture, (H, W) or (H, W, 3)."""
        height, width = picture.shape[:2]
        return picture[self.top : height - self.bottom, self.left : width - self.right]


WHOLE = Crop()


def crop_of(data: bytes, number: int, height: int, width: int) -> Crop:
    """What a container says of a video's edges.

    Args:
        data: a file of any format.
        number: of the track, as the container has it.
        height, width: of the coded picture; what leaves nothing of it says nothing.
    """
    try:
        found = _matroska(data, number) if data[:4] == b"\x1aE\xdf\xa3" else None
        found = found or _aperture(data, number, height, width)
    except (LookupError, ValueError, ZeroDivisionError, struct.error):
        return WHOLE
    sides = (found.top, found.bottom, found.left, found.right)
    few = found.top + found.bottom < height and found.left + found.right < width
    return found if min(sides) >= 0 and few else WHOLE


def _boxes(data: bytes, span: Span) -> Iterator[tuple[bytes, Span]]:
    place, end = span
    for _ in range(MOST):
        if place + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, place)
        body = place + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        stop = end if size == 0 else place + size
        if not body <= stop <= end:
            return
        yield kind, (body, stop)
        place = stop


def _box(data: bytes, span: Span, *path: bytes) -> Span:
    """The first box on a path; an empty one where there is none."""
    for name in path:
        span = next((body for kind, body in _boxes(data, span) if kind == name), (0, 0))
    return span


def _aperture(data: bytes, number: int, height: int, width: int) -> Crop:
    """Of the track of this number; fractions of pixels are shown."""
    if data[4:8] not in FIRST:
        return WHOLE
    for kind, track in _boxes(data, _box(data, (0, len(data)), b"moov")):
        head = _box(data, track, b"tkhd")[0]
        if kind != b"trak" or not head:
            continue
        (one,) = struct.unpack_from(">I", data, head + TRACK_ID[data[head]])
        table = _box(data, track, b"mdia", b"minf", b"stbl", b"stsd")
        if one != number or not table[0]:
            continue
        for _, entry in _boxes(data, (table[0] + ENTRY, table[1])):
            place = _box(data, (entry[0] + EXTENSIONS, entry[1]), b"clap")[0]
            return _clean(struct.unpack_from(">8i", data, place), height, width) if place else WHOLE
    return WHOLE


def _clean(numbers: tuple[int, ...], height: int, width: int) -> Crop:
    across, down, right, below = (
        Fraction(numbers[at], numbers[at + 1]) for at in range(0, len(numbers), 2)
    )
    left, top = (width - across) / 2 + right, (height - down) / 2 + below
    return Crop(floor(top), height - ceil(top + down), floor(left), width - ceil(left + across))


def _elements(data: bytes, span: Span) -> Iterator[tuple[int, Span]]:
    place, end = span
    for _ in range(MOST):
        if place >= end:
            return
        name, place = _number(data, place, marked=True)
        size, place = _number(data, place, marked=False)
        stop = end if size < 0 else place + size
        if stop > end:
            return
        yield name, (place, stop)
        place = stop


def _number(data: bytes, place: int, *, marked: bool) -> tuple[int, int]:
    """A number of EBML and the place behind it; -1 for a size that is not known."""
    length = 9 - data[place].bit_length()
    if length > 8:
        raise ValueError("no number of EBML begins so")
    value = int.from_bytes(data[place : place + length], "big")
    if not marked:
        value &= (1 << 7 * length) - 1
        value = -1 if value == (1 << 7 * length) - 1 else value
    return value, place + length


def _matroska(data: bytes, number: int) -> Crop:
    tracks = [
        dict(_elements(data, track))
        for name, segment in _elements(data, (0, len(data)))
        if name == SEGMENT
        for name, all_tracks in _elements(data, segment)
        if name == TRACKS
        for name, track in _elements(data, all_tracks)
        if name == TRACK
    ]
    videos = [one for one in tracks if _whole(data, one.get(KIND)) == MOVING and VIDEO in one]
    mine = [one for one in videos if _whole(data, one.get(NUMBER)) == number] or videos
    if len(mine) != 1:
        return WHOLE
    said = dict(_elements(data, mine[0][VIDEO]))
    return Crop(*(_whole(data, said.get(side)) for side in SIDES))


def _whole(data: bytes, span: Span | None) -> int:
    return int.from_bytes(data[slice(*span)], "big") if span else 0
