"""All pairs of 256-bit codes within a Hamming radius: exact, by multi-index hashing.

Two codes that differ in at most 31 of 256 bits differ in at most one bit of some 16-bit piece
(pigeonhole; Norouzi, Punjani and Fleet, "Fast exact search in Hamming space with multi-index
hashing", 2014). Each piece is an index; candidates come from equal pieces and from pieces one bit
apart, and are checked in full.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

MOST_RADIUS = 31
PIECES = 16
PAIRS_AT_ONCE = 1 << 22


def pairs_within(codes: NDArray[np.uint8], radius: int) -> NDArray[np.int64]:
    """Pairs of rows that differ in at most ``radius`` bits.

    Args:
        codes: (N, 32) uint8.
        radius: 0 to 31 bits.

    Returns:
        (M, 3) int64: lower row, higher row, distance in bits; sorted, each pair once.
    """
    if not 0 <= radius <= MOST_RADIUS:
        raise ValueError(f"the radius must be 0 to {MOST_RADIUS} bits")
    if len(codes) < 2:
        return np.empty((0, 3), np.int64)
    words = np.ascontiguousarray(codes).view(np.uint64)
    pieces = np.ascontiguousarray(codes).view(np.uint16)
    found = [
        _checked(words, first, second, radius)
        for piece in range(PIECES)
        for first, second in _candidates(pieces[:, piece])
    ]
    pairs = np.concatenate([np.empty((0, 3), np.int64), *found])
    return np.unique(pairs, axis=0)


def _candidates(values: NDArray[np.uint16]) -> Iterator[tuple[NDArray[np.int64], ...]]:
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    for mask in (0, *(1 << bit for bit in range(16))):
        wanted = ordered ^ np.uint16(mask)
        start = np.searchsorted(ordered, wanted, "left")
        stop = np.searchsorted(ordered, wanted, "right")
        if mask == 0:  # only later rows of the same bucket
            start = np.maximum(start, np.arange(len(ordered)) + 1)
        else:  # each pair of buckets from its lower side only
            stop = np.where(wanted > ordered, stop, start)
        counts = np.maximum(stop - start, 0)
        ends = np.cumsum(counts)
        low = 0
        while low < len(counts):
            base = ends[low - 1] if low else 0
            high = max(int(np.searchsorted(ends, base + PAIRS_AT_ONCE, "right")), low + 1)
            part = counts[low:high]
            total = int(part.sum())
            if total:
                left = np.repeat(np.arange(low, high), part)
                skipped = np.repeat(np.cumsum(part) - part, part)
                right = np.repeat(start[low:high], part) + np.arange(total) - skipped
                yield order[left], order[right]
            low = high


def _checked(
    words: NDArray[np.uint64], first: NDArray[np.int64], second: NDArray[np.int64], radius: int
) -> NDArray[np.int64]:
    distance = np.bitwise_count(words[first] ^ words[second]).sum(axis=1, dtype=np.int64)
    near = distance <= radius
    low = np.minimum(first[near], second[near])
    high = np.maximum(first[near], second[near])
    return np.stack([low, high, distance[near]], axis=1)
