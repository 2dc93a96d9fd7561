"""Encapsulated pixel data cut into frames (PS3.5 A.4), however the writer cut it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from echoatlas.pipeline.errors import Reason, Reject

ITEM, SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
MOST_FRAGMENTS = 1 << 18
# What a codestream begins with: JPEG and JPEG-LS, JPEG 2000, its boxes, JPEG XL, its container.
STARTS = (
    b"\xff\xd8\xff",
    b"\xff\x4f\xff\x51",
    b"\x00\x00\x00\x0cjP  ",
    b"\xff\x0a",
    b"\x00\x00\x00\x0cJXL ",
)


@dataclass(frozen=True, slots=True)
class Fragments:
    """The items of an encapsulated pixel element.

    Attributes:
        offsets: of each fragment's item from the first fragment's item, bytes.
        views: the fragments' values.
        table: the basic offset table, empty if there is none.
        cut: the data ended within a fragment or before the sequence's delimiter.
    """

    offsets: tuple[int, ...]
    views: tuple[memoryview, ...]
    table: tuple[int, ...]
    cut: bool


def split(pixels: memoryview) -> Fragments:
    """Find the fragments of a pixel element of undefined length.

    Raises:
        Reject: ``no_pixels`` if there is none, ``too_large`` if there are absurdly many.
    """
    views: list[memoryview] = []
    starts: list[int] = []
    place, cut = 0, True
    while place + 8 <= len(pixels):
        group, element, length = struct.unpack_from("<HHI", pixels, place)
        tag = group << 16 | element
        if tag != ITEM:
            cut = tag != SEQUENCE_END
            break
        starts.append(place)
        views.append(pixels[place + 8 : place + 8 + length])
        place += 8 + length
        if len(views) > MOST_FRAGMENTS:
            raise Reject(Reason.TOO_LARGE, f"there are more than {MOST_FRAGMENTS} fragments")
    if place > len(pixels):
        cut = True
    if len(views) < 2:
        raise Reject(Reason.NO_PIXELS, "the pixel data hold no fragment")
    table = views[0][: len(views[0]) // 4 * 4].cast("I").tolist()
    offsets = tuple(start - starts[1] for start in starts[1:])
    return Fragments(offsets, tuple(views[1:]), tuple(table), cut)


def group(
    fragments: Fragments, frames: int, extended: tuple[int, ...] = (), *, bare: bool = False
) -> tuple[list[tuple[memoryview, ...]], bool]:
    """Put the fragments of each frame together.

    Header and offset table are believed where they agree, but for a single frame: that is also
    what is said where nobody counted. Then a table that lists more, then one fragment a frame,
    then a new frame wherever a codestream begins.

    Args:
        frames: as the header says; 1 where it does not.
        extended: ExtendedOffsetTable, empty if there is none.
        bare: frames begin with nothing that could be told, and have one fragment each (PS3.5 A.4).

    Returns:
        The fragments of each frame, maybe of more than ``frames``, and whether an offset table
        was there but wrong.
    """
    views, wrong = fragments.views, False
    begun = range(len(views)) if bare else _begun(views)
    for table in (extended, fragments.table):
        if not table:
            continue
        firsts = _firsts(fragments, table)
        agrees = firsts is not None and len(firsts) == frames
        if firsts is not None and agrees and (frames > 1 or len(begun) <= 1):
            return _cut(views, firsts), wrong
        if firsts is not None and len(firsts) > frames and set(firsts) <= set(begun):
            return _cut(views, firsts), wrong
        wrong = True
    if len(views) == frames:
        begun = range(frames)
    return _cut(views, begun), wrong


def _begun(views: tuple[memoryview, ...]) -> Sequence[int]:
    """Which fragments begin a codestream of the same kind as the first; the first in any case."""
    head = bytes(views[0][:16])
    start = next((start for start in STARTS if head.startswith(start)), None)
    if start is None:
        return (0,)
    return [number for number, view in enumerate(views) if bytes(view[: len(start)]) == start]


def _firsts(fragments: Fragments, table: tuple[int, ...]) -> Sequence[int] | None:
    """The first fragment of each frame by an offset table; None if it leads elsewhere."""
    index = {offset: number for number, offset in enumerate(fragments.offsets)}
    firsts = [index.get(offset, -1) for offset in table]
    return None if firsts[0] != 0 or any(b <= a for a, b in pairwise(firsts)) else firsts


def _cut(views: tuple[memoryview, ...], firsts: Sequence[int]) -> list[tuple[memoryview, ...]]:
    ends = [*firsts[1:], len(views)]
    return [views[first:end] for first, end in zip(firsts, ends, strict=True)]


def join(views: tuple[memoryview, ...]) -> memoryview:
    """The codestream of one frame; copied only if it is in several fragments."""
    return views[0] if len(views) == 1 else memoryview(b"".join(views))
