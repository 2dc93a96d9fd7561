"""All pairs of 256-bit codes within a Hamming radius: exact, by multi-index hashing.

Codes are cut into pieces. Two codes within radius r agree, up to a few bits, in at least one piece
(the general pigeonhole principle: allowances t of m pieces with sum r - m + 1 miss nothing). Each
piece is an index whose buckets are joined with the buckets at most t bits away; what comes out is
checked in full. After Norouzi, Punjani and Fleet, "Fast exact search in Hamming space with
multi-index hashing" (2014) and Qin et al., "GPH" (2018).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from math import comb

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Rows = NDArray[np.int64]
Keep = Callable[[Rows, Rows], NDArray[np.bool_]]
Piece = tuple[int, int, int]  # first bit, number of bits, bits that may differ

BITS = 256
NUMBERS = range(11, 33)  # of pieces: 8 to 24 bits, so that every key has a place in a table
PAIRS_AT_ONCE = 1 << 18  # candidates in memory
LOOKUP = 0.2  # what looking at a bucket costs, in candidates


def pairs_within(codes: NDArray[np.uint8], radius: int, keep: Keep | None = None) -> Rows:
    """Pairs of rows that differ in at most ``radius`` bits.

    Memory is that of the codes, of the pairs found, and of a bounded number of candidates.

    Args:
        codes: (N, 32) uint8.
        radius: 0 to 63 bits.
        keep: given lower and higher rows, tells which pairs are of interest; the others take no
            memory.

    Returns:
        (M, 3) int64: lower row, higher row, distance in bits; sorted, each pair once.
    """
    if not 0 <= radius <= 63:
        raise ValueError("the radius must be 0 to 63 bits")
    if codes.ndim != 2 or codes.shape[1] != BITS // 8:
        raise ValueError("codes are rows of 32 bytes")
    words = np.ascontiguousarray(codes).view(np.uint64)
    pieces = cut(len(words), radius)
    found = [np.empty((0, 3), np.int64)]
    for number in range(len(pieces)):
        found += _join(words, pieces, number, radius, keep)
    pairs = np.concatenate(found)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


@cache
def cut(count: int, radius: int) -> tuple[Piece, ...]:
    """The pieces that cost least for so many codes, were their bits random."""
    return min((_pieces(m, radius) for m in NUMBERS), key=lambda p: _cost(p, count))


def _pieces(number: int, radius: int) -> tuple[Piece, ...]:
    edges = [BITS * piece // number for piece in range(number + 1)]
    least, more = divmod(radius + 1, number)
    allowed = [least - 1 + (i < more) for i in range(number)]
    cuts = ((edges[i], edges[i + 1] - edges[i], allowed[i]) for i in range(number))
    return tuple(piece for piece in cuts if piece[2] >= 0)


def _cost(pieces: tuple[Piece, ...], count: int) -> float:
    cost = 0.0
    for _, bits, allowed in pieces:
        reached = sum(comb(bits, t) for t in range(allowed + 1))
        cost += reached * (count * count / 2 / 2.0**bits + LOOKUP * 2.0**bits)
    return cost


def _key(words: Words, piece: Piece) -> Words:
    """The bits of a piece, of each code."""
    first, bits, _ = piece
    word, shift = divmod(first, 64)
    key: Words = words[:, word] >> np.uint64(shift)
    if shift and shift + bits > 64:
        key |= words[:, word + 1] << np.uint64(64 - shift)
    return key & np.uint64((1 << bits) - 1)


def _masks(bits: int, allowed: int) -> Iterator[int]:
    """All masks of at most ``allowed`` bits."""

    def below(top: int, left: int) -> Iterator[int]:
        yield 0
        if left:
            for bit in range(top):
                for rest in below(bit, left - 1):
                    yield 1 << bit | rest

    return below(bits, allowed)


def _join(
    words: Words, pieces: tuple[Piece, ...], number: int, radius: int, keep: Keep | None
) -> Iterator[Rows]:
    key = _key(words, pieces[number])
    order = np.argsort(key, kind="stable")
    here = words[order]  # neighbors in a bucket are neighbors in memory
    sizes = np.bincount(key.view(np.int64), minlength=1 << pieces[number][1])
    for mask in _masks(*pieces[number][1:]):
        for left, right in _candidates(sizes, mask):
            bits = _weight(here[left] ^ here[right])
            near = np.flatnonzero(bits <= radius)
            low, high, bits = order[left[near]], order[right[near]], bits[near]
            low, high = np.minimum(low, high), np.maximum(low, high)
            if keep is not None:
                kept = np.flatnonzero(keep(low, high))
                low, high, bits = low[kept], high[kept], bits[kept]
            new = ~_met_before(words, low, high, pieces[:number])
            yield np.stack([low[new], high[new], bits[new]], axis=1)


def _weight(words: Words) -> NDArray[np.uint32]:
    """Ones in each row of four words: ``bitwise_count(words).sum(1)``, at a third of its time."""
    counts = np.bitwise_count(words).view(np.uint32)[:, 0]
    pairs = (counts & 0x00FF00FF) + (counts >> 8 & 0x00FF00FF)
    return (pairs & 0xFFFF) + (pairs >> 16)


def _met_before(
    words: Words, low: Rows, high: Rows, earlier: tuple[Piece, ...]
) -> NDArray[np.bool_]:
    """Whether an earlier piece has brought a pair together already."""
    met = np.zeros(len(low), bool)
    differ = words[low] ^ words[high]
    for piece in earlier:
        met |= np.bitwise_count(_key(differ, piece)) <= piece[2]
    return met


def _candidates(sizes: Rows, mask: int) -> Iterator[tuple[Rows, Rows]]:
    """Places, in bucket order, of pairs whose keys differ by exactly the mask."""
    starts = np.cumsum(sizes) - sizes
    if mask == 0:  # a row with the later rows of its bucket
        one = np.flatnonzero(sizes > 1)
        left = _runs(starts[one], sizes[one])
        first, last = left + 1, np.repeat(starts[one] + sizes[one], sizes[one])
    else:  # each pair of buckets once, from its lower side
        one = np.flatnonzero(sizes)
        other = one ^ mask
        met = (one < other) & (sizes[other] > 0)
        one, other = one[met], other[met]
        left = _runs(starts[one], sizes[one])
        first = np.repeat(starts[other], sizes[one])
        last = first + np.repeat(sizes[other], sizes[one])
    counts = last - first
    ends = np.cumsum(counts)
    at = 0
    while at < len(left):
        done = ends[at - 1] if at else 0
        upto = max(int(np.searchsorted(ends, done + PAIRS_AT_ONCE, "right")), at + 1)
        part = slice(at, upto)
        if ends[upto - 1] > done:
            yield np.repeat(left[part], counts[part]), _runs(first[part], counts[part])
        at = upto


def _runs(first: Rows, counts: Rows) -> Rows:
    """``first[0], first[0] + 1, ...`` so many each, one after the other."""
    ends = np.cumsum(counts)
    shifts = np.repeat(first - ends + counts, counts)
    runs: Rows = np.arange(len(shifts)) + shifts
    return runs
