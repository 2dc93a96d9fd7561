"""Palette color: look-up tables of 8 or 16 bits, whole or in segments (PS3.3 C.7.6.3.1.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echoatlas.pipeline.errors import Reason, Reject

COLORS = ("Red", "Green", "Blue")


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
            table = _entries(bytes(whole), entries, bits, little)
        elif parts:
            table = _expand(_words(bytes(parts), bits, little), entries)
        else:
            raise Reject(Reason.UNREADABLE, "the palette has no table")
        tables.append(_to_bytes(table[:entries], bits))
    if len({len(table) for table in tables}) != 1 or not len(tables[0]):
        raise Reject(Reason.UNREADABLE, "the palette's tables differ in length")
    return Palette(first, np.stack(tables, axis=-1))


def _words(raw: bytes, bits: int, little: bool) -> NDArray[np.uint16]:
    if bits == 8:
        return np.frombuffer(raw, np.uint8).astype(np.uint16)
    return np.frombuffer(raw[: len(raw) // 2 * 2], "<u2" if little else ">u2").astype(np.uint16)


def _entries(raw: bytes, entries: int, bits: int, little: bool) -> NDArray[np.uint16]:
    """Table entries; 8-bit ones are packed two a word, or one a word against the descriptor."""
    if len(raw) >= 2 * entries:
        return _words(raw, 16, little)
    if not little:
        words = np.frombuffer(raw[: len(raw) // 2 * 2], ">u2").astype("<u2")
        raw = words.tobytes()
    return _words(raw, 8, little)


def _to_bytes(table: NDArray[np.uint16], bits: int) -> NDArray[np.uint8]:
    """Entries as 8 bits; tables said to be of 16 bits may use the lower byte only."""
    if not table.size or int(table.max()) < 256:
        return table.astype(np.uint8)
    return (table >> 8).astype(np.uint8)


def _expand(code: NDArray[np.uint16], entries: int) -> NDArray[np.uint16]:
    """Segments to a whole table (PS3.3 C.7.9.2): discrete, linear and indirect ones."""
    table: list[int] = []
    place = 0
    words = code.tolist()
    budget = len(words) + 8 * entries + 16
    while place + 1 < len(words) and len(table) < entries and budget > 0:
        kind, length = words[place], words[place + 1]
        budget -= 1 + (length if kind == 0 else 0)
        if kind == 0:
            table += words[place + 2 : place + 2 + length]
            place += 2 + length
        elif kind == 1:
            target = words[place + 2] if place + 2 < len(words) else 0
            start = table[-1] if table else 0
            steps = range(1, length + 1)
            table += [round(start + (target - start) * step / max(length, 1)) for step in steps]
            place += 3
        else:
            raise Reject(Reason.UNREADABLE, "the palette has an unknown segment")
    return np.array(table[:entries], np.uint16)
