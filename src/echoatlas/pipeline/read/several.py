"""JPEG files of more than one picture: motion JPEG without a container, and MPO.

A JPEG ends where its own end marker says so. What comes after it is another picture, or something
that a phone put there; neither may be taken for the whole, nor left out unsaid.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read.codestream import STANDALONE, probe

START, END = b"\xff\xd8\xff", 0xD9
MARKER = re.compile(rb"\xff+([^\x00\xff])")  # in entropy-coded data: neither stuffed nor filled
# CIPA DC-007 5.2.3.3: types of individual images that are pictures of their own.
PICTURES, KIND = 0x020000, 0xFF0000
MOST = 1_000_000  # segments of a picture: a bound on the time


@dataclass(frozen=True, slots=True)
class Parts:
    """What lies in a JPEG file one after the other.

    Attributes:
        places: (start, end) of each picture that is a frame of its own.
        left: more pictures are there, which are none: previews, gain maps, other sizes.
    """

    places: tuple[tuple[int, int], ...]
    left: bool = False


def parts_of(data: bytes, most: int) -> Parts:
    """The pictures of a file that begins as a JPEG.

    Pictures of one size follow each other in motion JPEG, and in stereo and panorama pictures;
    others are copies of the first or say something about it.

    Args:
        most: pictures that are looked for.
    """
    first = end_of(data, 0)
    listed = _listed(data, first)
    if listed:
        others = [place for kind, place in listed[1:] if kind & KIND == PICTURES]
        return Parts((listed[0][1], *others), left=len(others) + 1 < len(listed))
    places = [(0, first)]
    size = size_of(data, 0)
    while len(places) <= most:
        start = _next(data, places[-1][1])
        if start < 0:
            return Parts(tuple(places))
        if size_of(data, start) != size:
            return Parts(tuple(places), left=True)
        places.append((start, end_of(data, start)))
    return Parts(tuple(places))


def end_of(data: bytes, start: int) -> int:
    """Where a JPEG ends that begins at ``start``; the file's end if no marker says so."""
    place = start + 2
    for _ in range(MOST):
        found = MARKER.search(data, place)
        if found is None or found.group(1)[0] == END:
            return found.end() if found else len(data)
        place = found.end()
        if found.group(1)[0] not in STANDALONE:
            place += int.from_bytes(data[place : place + 2], "big")
    return len(data)


def _next(data: bytes, place: int) -> int:
    """Where the next JPEG begins, behind padding; -1 if something else or nothing is there."""
    while data[place : place + 1] in (b"\x00", b"\xff") and data[place : place + 3] != START:
        place += 1
    return place if data.startswith(START, place) else -1


def size_of(data: bytes, start: int) -> tuple[int, int, int] | None:
    """Height, width and components of the JPEG at a place, None if none can be made out."""
    try:
        head = probe(memoryview(data)[start:])
    except Reject:
        return None
    return head.height, head.width, head.components


def _listed(data: bytes, first: int) -> list[tuple[int, tuple[int, int]]]:
    """Type and place of each picture that an MP index names (CIPA DC-007 5.2.3); none without."""
    base = data.find(b"MPF\0", 0, first) + 4
    if base < 8 or data[base - 8 : base - 6] != b"\xff\xe2":
        return []
    if data[base : base + 4] not in (b"II*\0", b"MM\0*"):
        return []
    order = "<" if data[base : base + 2] == b"II" else ">"
    try:
        (ifd,) = struct.unpack_from(f"{order}I", data, base + 4)
        (count,) = struct.unpack_from(f"{order}H", data, base + ifd)
        for entry in range(min(count, 64)):
            tag, _, size, place = struct.unpack_from(
                f"{order}HHII", data, base + ifd + 2 + 12 * entry
            )
            if tag == 0xB002:
                return [
                    _entry(data, base, order, base + place + 16 * number)
                    for number in range(min(size // 16, 256))
                ]
    except struct.error:
        return []
    return []


def _entry(data: bytes, base: int, order: str, place: int) -> tuple[int, tuple[int, int]]:
    kind, size, offset = struct.unpack_from(f"{order}III", data, place)
    start = base + offset if offset else 0
    return kind, (start, min(start + size, len(data)))
