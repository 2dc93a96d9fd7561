"""Columns of many frames as arrays, none of which becomes Python's: codes, digests, groups."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import text_kernels

Rows = NDArray[np.int64]
States = NDArray[np.uint64]  # (N, 2): 128 bits a row, not for anybody's secrets


def sizes_of(column: pa.ChunkedArray) -> Rows:
    """(N,) bytes of each row of a binary column."""
    sizes = [np.diff(offsets) for _, offsets in _buffers(column)]
    return np.concatenate([np.empty(0, np.int64), *sizes])


def codes_at(
    column: pa.ChunkedArray,
    size: int,
    rows: Rows,
    counts: Rows | None = None,
    into: NDArray[np.uint8] | None = None,
    part: slice = slice(None),
) -> NDArray[np.uint8]:
    """Codes of some rows of a binary column, the first of each row; no copy is made but these.

    Args:
        size: bytes of a code. rows: (n,) places, in any order.
        counts: (n,) how many of each; one if not given.
        into: (sum of counts, bytes of the part) where they go; a new array if not given.
        part: the bytes of each code that are wanted.
    """
    each = np.ones(len(rows), np.int64) if counts is None else counts
    places = np.cumsum(each) - each
    if into is None:
        into = np.empty((int(each.sum()), len(range(size)[part])), np.uint8)
    order = np.argsort(rows, kind="stable")
    ordered, begun = rows[order], 0
    for data, offsets in _buffers(column):
        end = begun + len(offsets) - 1
        own = order[slice(*np.searchsorted(ordered, (begun, end)))]
        many = each[own]
        number = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        first = (offsets[rows[own] - begun] - offsets[0]) // size
        codes = data[offsets[0] : offsets[-1]].reshape(-1, size)[:, part]
        into[np.repeat(places[own], many) + number] = codes[np.repeat(first, many) + number]
        begun = end
    return into


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
