"""Bounds on a DICOM header before anything is built of it.

A few bytes an element are enough to make a parser allocate hundreds, and a nested sequence costs
it a stack frame. This walk counts both without building anything.
"""

from __future__ import annotations

import struct

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.config import ReadConfig

UNDEFINED = 0xFFFFFFFF
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
LONG = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
# What a header may hold that the walk cannot follow: a parser's objects then stay below 200 MB.
UNCHARTED = 1 << 22


def is_implicit(data: bytes, place: int) -> bool:
    """Whether the data set or item that begins here names no value representations.

    Two capitals would stand where the length of its first element does, some 16 kB or more.
    """
    return not all(0x41 <= letter <= 0x5A for letter in data[place + 4 : place + 6])


def check_structure(
    data: bytes, start: int, config: ReadConfig, *, little: bool = True, implicit: bool = False
) -> None:
    """Walk a data set up to its pixel data, counting elements and depth.

    Args:
        implicit: no element names its representation; else an item of a sequence may be so.

    Raises:
        Reject: ``too_deep`` or ``too_large``, beyond ``config.max_depth`` or ``max_elements``.
    """
    order = "<" if little else ">"
    tag_of = struct.Struct(f"{order}HH").unpack_from
    long_of = struct.Struct(f"{order}I").unpack_from
    short_of = struct.Struct(f"{order}H").unpack_from
    end, place, count = len(data), start, 0
    levels: list[tuple[int, bool]] = []
    while place + 8 <= end:
        while levels and place >= levels[-1][0]:
            levels.pop()
        bare = levels[-1][1] if levels else implicit
        group, element = tag_of(data, place)
        tag = group << 16 | element
        if tag in PIXELS and not levels:
            return
        count += 1
        if count > config.max_elements:
            raise Reject(
                Reason.TOO_LARGE, f"the header has more than {config.max_elements} elements"
            )
        vr = bytes(data[place + 4 : place + 6])
        if group == 0xFFFE or bare:
            length, place = long_of(data, place + 4)[0], place + 8
        elif vr in LONG:
            if place + 12 > end:
                return
            length, place = long_of(data, place + 8)[0], place + 12
        elif vr.isalpha() and vr.isupper():
            length, place = short_of(data, place + 6)[0], place + 8
        else:
            length, place = long_of(data, place + 4)[0], place + 8
        if tag in (ITEM_END, SEQUENCE_END):
            if levels:
                levels.pop()
        elif length == UNDEFINED:
            levels.append((end, bare or (tag == ITEM and is_implicit(data, place))))
        elif tag == ITEM:
            levels.append((place + length, bare or is_implicit(data, place)))
        elif (vr == b"SQ" and not bare) or _holds_items(data, place, length, order):
            levels.append((place + length, bare))
        else:
            place += length
        if len(levels) > 2 * config.max_depth:
            raise Reject(Reason.TOO_DEEP, f"sequences are nested more than {config.max_depth} deep")
        if place > end and end - start > UNCHARTED:
            raise Reject(Reason.TRUNCATED, "an element of the header is longer than the file")


def _holds_items(data: bytes, place: int, length: int, order: str) -> bool:
    """Whether a value is a sequence in disguise: of VR UN, or of an implicit syntax."""
    return length >= 8 and data[place : place + 4] == struct.pack(f"{order}HH", 0xFFFE, 0xE000)
