"""Columns of many frames as arrays, none of which becomes Python's: codes, digests, groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import text_kernels

Rows = NDArray[np.int64]
States = NDArray[np.uint64]  # (N, 2): 128 bits a row, not for anybody's secrets


@dataclass(frozen=True, slots=True)
class Codes:
    """A column of codes of one length, several a row or none.

    Attributes:
        codes: (M, bytes) of all rows, one after the other.
        counts: (N,) of each row. starts: (N,) where a row's begin.
    """

    codes: NDArray[np.uint8]
    counts: Rows
    starts: Rows

    def of(self, rows: Rows) -> NDArray[np.uint8]:
        """Those of some rows, each of which has one."""
        return np.asarray(self.codes[self.starts[rows]])

    def places(self, rows: Rows) -> tuple[Rows, Rows, Rows]:
        """Of all codes of some rows: the row, the number within it, and the place in ``codes``."""
        counts = self.counts[rows]
        owners = np.repeat(rows, counts)
        number = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        return owners, number, self.starts[owners] + number


def codes_of(column: pa.ChunkedArray, size: int) -> Codes:
    """A binary column, each row of which holds a whole number of codes of ``size`` bytes."""
    parts, lengths = [np.empty((0, size), np.uint8)], [np.empty(0, np.int64)]
    for data, offsets in _buffers(column):
        lengths.append(np.diff(offsets))
        parts.append(data[offsets[0] : offsets[-1]].reshape(-1, size))
    counts = np.concatenate(lengths) // size
    codes = parts[1] if len(parts) == 2 else np.concatenate(parts)
    return Codes(codes, counts, np.cumsum(counts) - counts)


def _buffers(column: pa.ChunkedArray) -> list[tuple[NDArray[np.uint8], Rows]]:
    """Bytes and (n + 1,) offsets of each chunk of a column of text or bytes."""
    found = []
    for chunk in column.chunks:
        if not len(chunk):
            continue
        kind = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
        offsets = np.frombuffer(chunk.buffers()[1], kind)
        own = offsets[chunk.offset : chunk.offset + len(chunk) + 1].astype(np.int64)
        data = np.frombuffer(chunk.buffers()[2] or b"", np.uint8)
        found.append((data, own))
    return found


def states(count: int) -> States:
    """Digests of nothing yet, a row each."""
    return np.zeros((count, 2), np.uint64)


def add_column(into: States, column: pa.ChunkedArray) -> None:
    """Let digests depend on a column: of text, bytes or whole numbers."""
    if pa.types.is_integer(column.type):
        text_kernels.stir(into, column.to_numpy().astype(np.uint64))
        return
    start = 0
    for data, offsets in _buffers(column):
        text_kernels.stir_bytes(into[start : start + len(offsets) - 1], data, offsets)
        start += len(offsets) - 1


def hexadecimal(some: States) -> pa.Array:
    """Digests as text, 32 digits each."""
    octets = np.ascontiguousarray(some.astype(">u8")).view(np.uint8)
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.stack([digits[octets >> 4], digits[octets & 15]], axis=2)
    offsets = np.arange(len(some) + 1, dtype=np.int32) * 32
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text.tobytes())]
    return pa.Array.from_buffers(pa.string(), len(some), buffers)


def numbered(some: States) -> Rows:
    """Equal numbers, from 0, for equal digests."""
    order = np.lexsort((some[:, 1], some[:, 0]))
    new = np.ones(len(order), bool)
    new[1:] = (some[order[1:]] != some[order[:-1]]).any(axis=1)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(new) - 1
    return numbers


def smallest(texts: pa.Array, rows: Rows, groups: Rows, count: int) -> Rows:
    """The row of the smallest text of each group, (count,).

    Args:
        rows: (M,) of texts. groups: (M,) numbers below ``count``, each of which occurs.
    """
    ((data, offsets),) = _buffers(pa.chunked_array([texts]))
    longest = int(np.diff(offsets).max())
    for block in range(-(-longest // 8)):
        key = text_kernels.text_blocks(data, offsets, rows, block)
        least = np.full(count, np.iinfo(np.uint64).max, np.uint64)
        np.minimum.at(least, groups, key)
        left = key == least[groups]
        rows, groups = rows[left], groups[left]
        if len(rows) == count:
            break
    found = np.empty(count, np.int64)
    found[groups[::-1]] = rows[::-1]  # of equal texts the first
    return found
