"""Palette color: look-up tables of 8 or 16 bits, whole or in segments (PS3.3 C.7.6.3.1.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echoatlas.pipeline.errors import Reason, Reject

COLORS = ("Red", "Green", "Blue")
DISCRETE, LINEAR, INDIRECT = 0, 1, 2  # kinds of segments


@dataclass(frozen=True, slots=True)
class Palette:
    """A table of colors.

    Attributes:
        first: the sample value that the first entry is for.
        colors: (entries, 3) uint8.
    """

    first: int
    colors: NDArray[np.uint8]

    def paint(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """(H, W) indexes to (H, W, 3); values outside the table take its nearest entry."""
        if self.first == 0 and len(self.colors) == 256 and samples.dtype == np.uint8:
            return np.take(self.colors, samples, axis=0)
        places = np.clip(samples.astype(np.int32) - self.first, 0, len(self.colors) - 1)
        return np.take(self.colors, places, axis=0)


def read_palette(header: Dataset, *, little: bool) -> Palette:
    """The palette of a header.

    Args:
        little: byte order of the file, which OW tables are in.

    Raises:
        Reject: ``unreadable`` without a usable table.
    """
    tables = []
    first = 0
    for color in COLORS:
        descriptor = header.get(f"{color}PaletteColorLookupTableDescriptor")
        if descriptor is None or len(descriptor) != 3:
            raise Reject(Reason.UNREADABLE, "the palette's descriptor is missing")
        entries, first, bits = (int(part) for part in descriptor)
        entries = entries % 65536 or 65536
        whole = header.get(f"{color}PaletteColorLookupTableData")
        parts = header.get(f"Segmented{color}PaletteColorLookupTableData")
        if whole:
            table = table_entries(bytes(whole), entries, little)
        elif parts:
            table = _expand(_words(bytes(parts), bits, little), entries, bits)
        else:
            raise Reject(Reason.UNREADABLE, "the palette has no table")
        tables.append(table[:entries])
    if len({len(table) for table in tables}) != 1 or not len(tables[0]):
        raise Reject(Reason.UNREADABLE, "the palette's tables differ in length")
    return Palette(first, _to_bytes(np.stack(tables, axis=-1)))


def _words(raw: bytes, bits: int, little: bool) -> NDArray[np.uint16]:
    if bits == 8:
        return np.frombuffer(raw, np.uint8).astype(np.uint16)
    return np.frombuffer(raw[: len(raw) // 2 * 2], "<u2" if little else ">u2").astype(np.uint16)


def table_entries(raw: bytes, entries: int, little: bool) -> NDArray[np.uint16]:
    """Table entries; 8-bit ones are packed two a word, or one a word against the descriptor."""
    if len(raw) >= 2 * entries:
        return _words(raw, 16, little)
    if not little:
        words = np.frombuffer(raw[: len(raw) // 2 * 2], ">u2").astype("<u2")
        raw = words.tobytes()
    return _words(raw, 8, little)


def _to_bytes(colors: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Entries as 8 bits; tables said to be of 16 bits may use the lower byte only, all three: one
    alone that does is next to nothing of its color."""
    return (colors if int(colors.max()) < 256 else colors >> 8).astype(np.uint8)


def _expand(code: NDArray[np.uint16], entries: int, bits: int) -> NDArray[np.uint16]:
    """Segments to a whole table (PS3.3 C.7.9.2): discrete, linear and indirect ones.

    Raises:
        Reject: ``unreadable`` if a segment is of no known kind, or leads elsewhere.
    """
    words: list[int] = code.tolist()
    table: list[int] = []
    starts: set[int] = set()
    place = 0
    budget = len(words) + 8 * entries + 16
    while place + 1 < len(words) and len(table) < entries and budget > 0:
        starts.add(place)
        budget -= 1
        if words[place] != INDIRECT:
            place = _segment(words, place, table)
            continue
        source = _referred(words, place + 2, starts, bits)
        for _ in range(min(words[place + 1], budget)):
            if len(table) >= entries:
                break
            if source + 1 >= len(words) or words[source] == INDIRECT:
                raise Reject(Reason.UNREADABLE, "a segment of the palette leads elsewhere")
            source = _segment(words, source, table)
            budget -= 1
        place += 4 if bits == 16 else 6
    return np.array(table[:entries], np.uint16)


def _segment(words: list[int], place: int, table: list[int]) -> int:
    """Append what a discrete or linear segment says, and go behind it."""
    kind, length = words[place], words[place + 1]
    if kind == DISCRETE:
        table += words[place + 2 : place + 2 + length]
        return place + 2 + length
    if kind != LINEAR:
        raise Reject(Reason.UNREADABLE, "the palette has an unknown segment")
    target = words[place + 2] if place + 2 < len(words) else 0
    start = table[-1] if table else 0
    steps = range(1, length + 1)
    table += [round(start + (target - start) * step / max(length, 1)) for step in steps]
    return place + 3


def _referred(words: list[int], place: int, starts: set[int], bits: int) -> int:
    """The segment that an indirect one begins to copy at: its offset, the lower part first.

    It counts bytes; some writers count entries, which shows where only that leads to a segment.
    """
    parts = words[place : place + (2 if bits == 16 else 4)]
    offset = sum(part << (bits * number) for number, part in enumerate(parts))
    found = [at for at in (offset // 2 if bits == 16 else offset, offset) if at in starts]
    if not found:
        raise Reject(Reason.UNREADABLE, "a segment of the palette leads elsewhere")
    return found[0]
