"""All pairs of 256-bit codes within a Hamming radius: exact, by multi-index hashing, compiled.

Bits are dealt out to pieces. Two codes within radius r agree, up to a few bits, in at least one
piece (the general pigeonhole principle: allowances t of m pieces with sum r - m + 1 miss nothing).
Each piece is an index whose buckets are joined with the buckets at most t bits away. After Norouzi,
Punjani and Fleet, "Fast exact search in Hamming space with multi-index hashing" (2014) and Qin et
al., "GPH" (2018).

Codes of clips are not random: neighbors in time are nearly equal, so that most of what meets in a
bucket is one clip with itself, or two runs of neighbors with each other. Hence a *run* of near
codes of one clip stands in an index once a key, runs are compared by their first codes (no two
members are closer than the first ones less both runs' widths), and only runs that may hold a pair
are looked into. Neighboring bits of a hash depend on each other as well, so pieces take theirs from
all over the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from math import comb
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import hamming_kernels

Words = NDArray[np.uint64]
Rows = NDArray[np.int64]
Ids = NDArray[np.int32]
Flags = NDArray[np.bool_]
Key = TypeVar("Key", np.uint16, np.uint32)

BITS = 256
CONSTANT = 7  # the bit of a perceptual hash that says nothing: the mean is above the median
NUMBERS = range(9, 33)  # of pieces
WIDEST = 24  # bits of a key, so that a table of all keys fits in memory
WIDEST_RADIUS = 63  # bits
LOOKUP = 4.0  # what looking at a bucket costs, in comparisons
LONGEST = 64  # codes of a run
NEAR = 10  # bits that codes of one key and run may differ from the one that stands for them
FEW = 8  # times as many codes as are new, from which on these are met one by one
ALL_WITH_ALL = 1500  # codes up to which an index takes longer than to compare all with all
KEY = 16  # bits of a key by which few codes lie
BLOCK, CHUNK = 1 << 17, 1 << 21  # few codes, and many, that are dealt with at a time
SAMPLE, SAMPLED = 600, 3000  # codes, runs from which is told what a piece costs


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bits of a code: their places, and how many of them may differ."""

    bits: tuple[int, ...]
    allowed: int


@dataclass(frozen=True, slots=True)
class Runs:
    """Codes in order, cut into runs of one clip and kind.

    Attributes:
        words: (N, 4) uint64, all codes.
        starts: (R + 1,) where each run begins, and N.
        clips: (R,) number of the clip that each belongs to.
        second: (N,) whether a code is to be met by those of the first kind only: a changed view
            of a clip by true ones, a code known before by new ones.
    """

    words: Words
    starts: Rows
    clips: Ids
    second: Flags


def pairs_within(
    codes: NDArray[np.uint8],
    radius: int,
    clips: Ids | None = None,
    probes: Flags | None = None,
    fresh: Flags | None = None,
) -> Rows:
    """Pairs of rows that differ in at most ``radius`` bits.

    Args:
        codes: (N, 32) uint8; those of a clip beside each other and in order are faster.
        radius: 0 to 63 bits.
        clips: (N,) pairs within a clip are left out; not given, each code is a clip of its own.
        probes: (N,) mirrors and other changed views: pairs of two of them are left out.
        fresh: (N,) pairs of two that are not fresh are left out; few fresh ones cost little.

    Returns:
        (M, 3) int64: lower row, higher row, distance in bits; sorted, each pair once.
    """
    if not 0 <= radius <= WIDEST_RADIUS:
        raise ValueError("the radius must be 0 to 63 bits")
    if codes.ndim != 2 or codes.shape[1] != BITS // 8:
        raise ValueError("codes are rows of 32 bytes")
    count = len(codes)
    clips = np.arange(count, dtype=np.int32) if clips is None else clips.astype(np.int32)
    probes = np.zeros(count, bool) if probes is None else probes
    words = np.ascontiguousarray(codes).view(np.uint64)
    if fresh is not None and fresh.sum() * FEW < count:
        return _few_with_all(words, radius, clips, probes, fresh)
    runs = runs_of(words, clips, probes)
    if count <= ALL_WITH_ALL:
        pairs = expanded(runs, [_every_meeting(runs)], radius)
    else:
        pairs = expanded(runs, [meetings(runs, one, radius) for one in cut(runs, radius)], radius)
    return pairs if fresh is None else pairs[fresh[pairs[:, 0]] | fresh[pairs[:, 1]]]


def _few_with_all(words: Words, radius: int, clips: Ids, probes: Flags, fresh: Flags) -> Rows:
    """As ``pairs_within``, where few codes are fresh: only these lie in an index."""
    new, old = np.flatnonzero(fresh), np.flatnonzero(~fresh)
    own = pairs_within(words[new].view(np.uint8), radius, clips[new], probes[new])
    own[:, :2] = new[own[:, :2]]
    some = _short_pieces(radius)
    found = [own]
    for many in range(0, len(old), CHUNK):
        rows = old[many : many + CHUNK]
        there, second = words[rows], probes[rows]
        old_keys = keys(there, some, np.uint16)
        moved = hamming_kernels.steps_of_all(there, second)
        for few in range(0, len(new), BLOCK):
            block = new[few : few + BLOCK]
            here = words[block]
            new_keys = keys(here, some, np.uint16)
            for number, piece in enumerate(some):
                spans, order, codes = hamming_kernels.spread_entries(
                    new_keys[number], probes[block], here, masks(piece), 1 << len(piece.bits)
                )
                met = hamming_kernels.streamed(
                    there, old_keys[number], moved, second, spans, codes, radius
                )
                one, other = rows[met[:, 0]], block[order[met[:, 1]]]
                apart = clips[one] != clips[other]
                both = np.minimum(one, other), np.maximum(one, other), met[:, 2]
                found.append(np.stack(both, axis=1)[apart])
    return np.asarray(np.unique(np.concatenate(found), axis=0))


@cache
def _short_pieces(radius: int) -> tuple[Piece, ...]:
    """Pieces in which at most one bit may differ, with few enough bits that a code is written down
    once for each."""
    return tuple(replace(one, bits=one.bits[:KEY]) for one in pieces(radius // 2 + 1, radius))


def keys(words: Words, some: tuple[Piece, ...], kind: type[Key]) -> NDArray[Key]:
    """The keys of all codes, a row a piece, in the order of the pieces.

    Args:
        kind: uint16 or uint32, which holds a key of any of the pieces.
    """
    parts = _key_parts(some, 8 * np.dtype(kind).itemsize)
    found = np.empty((len(parts) * 8 // np.dtype(kind).itemsize, len(words)), kind)
    hamming_kernels.keys_of_all(words, parts, found)
    return found[: len(some)]


@cache
def _key_parts(some: tuple[Piece, ...], width: int) -> Words:
    """What each byte of a code has in the keys of pieces, as of ``kernels.keys_of_all``."""
    each = 64 // width
    parts = np.zeros((-(-len(some) // each), BITS // 8, 256), np.uint64)
    values = np.arange(256, dtype=np.uint64)
    for number, piece in enumerate(some):
        for at, place in enumerate(piece.bits):
            bit = values >> np.uint64(place % 8) & np.uint64(1)
            parts[number // each, place // 8] |= bit << np.uint64(width * (number % each) + at)
    return parts


def runs_of(words: Words, clips: Ids, second: Flags) -> Runs:
    """Cut codes into runs, as they come."""
    count = len(words)
    new = np.ones(count, bool)
    new[1:] = (clips[1:] != clips[:-1]) | (second[1:] != second[:-1])
    begun = np.flatnonzero(new)
    lengths = np.diff(np.append(begun, count))
    place = np.arange(count) - np.repeat(begun, lengths)
    starts = np.flatnonzero(place % LONGEST == 0)
    return Runs(words, np.append(starts, count), clips[starts], second)


def cut(runs: Runs, radius: int) -> tuple[Piece, ...]:
    """The pieces that cost least, as a sample of the codes tells."""
    every = max(1, (len(runs.starts) - 1) // SAMPLED)
    sample = runs.words[runs.starts[:-1][:: max(1, (len(runs.starts) - 1) // SAMPLE)]]
    first = _entries_of(runs, ~runs.second, every)
    counts = first, first + _entries_of(runs, runs.second, every)
    return min((pieces(m, radius) for m in NUMBERS), key=lambda p: _cost(p, counts, sample))


def _entries_of(runs: Runs, kind: Flags, every: int) -> float:
    """About how many entries an index has of one kind of runs."""
    chosen = np.flatnonzero(kind[runs.starts[:-1]])[::every]
    if not len(chosen):
        return 0.0
    lengths = runs.starts[chosen + 1] - runs.starts[chosen]
    rows = np.repeat(runs.starts[chosen] - np.cumsum(lengths) + lengths, lengths)
    rows += np.arange(len(rows))
    starts = np.append(0, np.cumsum(lengths))
    made = hamming_kernels.entries(runs.words[rows], starts, np.array(_scattered()[:KEY]), NEAR)
    return len(made[0]) / len(rows) * float(kind.sum())


def _cost(some: tuple[Piece, ...], counts: tuple[float, float], sample: Words) -> float:
    """Comparisons that pieces lead to, and what else they cost, in comparisons.

    Args:
        counts: entries of the first kind, and of both.
    """
    first, every = counts
    cost = 0.0
    for like in {(len(piece.bits), piece.allowed): piece for piece in some}.values():
        bits = len(like.bits)
        near = 2 * hamming_kernels.near_keys(sample, np.array(like.bits, np.int64), like.allowed)
        reached = sum(comb(bits, t) for t in range(like.allowed + 1))
        share = max(near / max(len(sample) * (len(sample) - 1), 1), reached / 2.0**bits)
        each = share * first * (every - first / 2) + LOOKUP * reached * min(2.0**bits, first)
        each += 20 * every + 3 * 2.0**bits
        cost += each * sum(len(p.bits) == bits and p.allowed == like.allowed for p in some)
    return cost


@cache
def pieces(number: int, radius: int) -> tuple[Piece, ...]:
    places = [place for place in _scattered() if place != CONSTANT]
    least, more = divmod(radius + 1, number)
    allowed = [least - 1 + (i < more) for i in range(number)]
    used = [i for i in range(number) if allowed[i] >= 0]
    return tuple(
        Piece(tuple(sorted(places[order :: len(used)][:WIDEST])), allowed[i])
        for order, i in enumerate(used)
    )


@cache
def _scattered() -> tuple[int, ...]:
    """The places of all bits, in an order that has nothing to do with the code's."""
    return tuple(int(place) for place in np.random.default_rng(256).permutation(BITS))


@cache
def masks(piece: Piece) -> NDArray[np.int64]:
    """All keys of at most the allowed number of bits, the empty one first."""
    bits = range(len(piece.bits))
    found = [
        sum(1 << bit for bit in some)
        for size in range(piece.allowed + 1)
        for some in combinations(bits, size)
    ]
    return np.array(found, np.int64)


def meetings(
    runs: Runs,
    piece: Piece,
    radius: int,
    part: tuple[int, int] = (0, 1),
) -> Rows:
    """Pairs of runs that one piece brings together and that may hold a pair of codes.

    Args:
        part: number and count: every so-manieth mask alone, to share a piece among workers.

    Returns:
        (M, 2) int64: lower and higher run, sorted, each pair once.
    """
    places = np.array(piece.bits, np.int64)
    keys, members, rows, wide = hamming_kernels.entries(runs.words, runs.starts, places, NEAR)
    size = 1 << len(piece.bits)
    spans, used, order, here = hamming_kernels.table(keys, rows, runs.second, runs.words, size)
    members = members[order]
    number, count = part
    some = masks(piece)[number::count]
    clips = runs.clips[members]
    met = hamming_kernels.joined(spans, used, here, wide[order], clips, some, radius)
    return _once(members[met].astype(np.int64))


def _every_meeting(runs: Runs) -> Rows:
    """All pairs of runs that are to be compared, as of ``meetings``."""
    low, high = np.triu_indices(len(runs.clips), 1)
    second = runs.second[runs.starts[:-1]]
    apart = (runs.clips[low] != runs.clips[high]) & ~(second[low] & second[high])
    return np.stack([low[apart], high[apart]], axis=1)


def _once(pairs: Rows) -> Rows:
    low, high = np.minimum(*pairs.T), np.maximum(*pairs.T)
    kept = np.unique(low << 31 | high)
    return np.stack([kept >> 31, kept & ((1 << 31) - 1)], axis=1)


def expanded(runs: Runs, met: Iterable[Rows], radius: int) -> Rows:
    """The pairs of codes within the radius that pairs of runs hold, as of ``pairs_within``."""
    both = _once(np.concatenate(list(met)))
    pairs = hamming_kernels.looked_into(runs.words, runs.starts, both, radius)
    return _sorted(pairs)


def _sorted(pairs: Rows) -> Rows:
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def tasks(pieces: tuple[Piece, ...], shares: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Pieces, or parts of them, as about equal shares of the work: (piece, part)."""
    most = max(len(masks(piece)) for piece in pieces)
    for number, piece in enumerate(pieces):
        parts = max(1, round(shares * len(masks(piece)) / most))
        yield from ((number, (part, parts)) for part in range(parts))
