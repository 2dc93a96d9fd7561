"""Encapsulated pixel data cut into frames (PS3.5 A.4), however the writer cut it."""

from __future__ import annotations

import struct
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
    fragments: Fragments, frames: int, extended: tuple[int, ...] = ()
) -> tuple[list[tuple[memoryview, ...]], bool]:
    """Put the fragments of each frame together.

    The offset table is believed if every offset is a fragment's; else one fragment a frame, one
    frame in all, or a new frame wherever a codestream begins.

    Args:
        frames: as the header says.
        extended: ExtendedOffsetTable, empty if there is none.

    Returns:
        The fragments of each frame, and whether an offset table was there but wrong.
    """
    wrong = False
    for table in (extended, fragments.table):
        if not table:
            continue
        found = _by_offsets(fragments, table)
        if found is not None and len(found) == frames:
            return found, wrong
        wrong = True
    views = fragments.views
    if len(views) == frames:
        return [(view,) for view in views], wrong
    if frames == 1:
        return [views], wrong
    return _by_content(views), wrong


def _by_offsets(
    fragments: Fragments, table: tuple[int, ...]
) -> list[tuple[memoryview, ...]] | None:
    index = {offset: number for number, offset in enumerate(fragments.offsets)}
    firsts = [index.get(offset, -1) for offset in table]
    if firsts[0] != 0 or any(b <= a for a, b in pairwise(firsts)):
        return None
    ends = [*firsts[1:], len(fragments.views)]
    return [fragments.views[a:b] for a, b in zip(firsts, ends, strict=True)]


def _by_content(views: tuple[memoryview, ...]) -> list[tuple[memoryview, ...]]:
    frames: list[list[memoryview]] = []
    for view in views:
        if not frames or bytes(view[:8]).startswith(STARTS):
            frames.append([])
        frames[-1].append(view)
    return [tuple(frame) for frame in frames]


def join(views: tuple[memoryview, ...]) -> memoryview:
    """The codestream of one frame; copied only if it is in several fragments."""
    return views[0] if len(views) == 1 else memoryview(b"".join(views))
