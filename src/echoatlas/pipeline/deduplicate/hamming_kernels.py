"""The compiled loops of the join of hashes (``hamming`` says what they are for).

Rows are numbers of codes or of runs. Kernels that hand over pairs fill a buffer that doubles when
it is full. All are deterministic.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from echoatlas.pipeline.deduplicate.compiled import compiled


def _ones(context: Any, word: Any) -> Any:
    """Number of ones of a 64-bit word: one instruction."""

    def code(_: Any, builder: Any, __: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return types.uint64(types.uint64), code


ones: Any = intrinsic(_ones)


@compiled
def apart(one: Any, other: Any) -> Any:
    """Bits in which two codes of four words differ."""
    return np.int64(
        ones(one[0] ^ other[0])
        + ones(one[1] ^ other[1])
        + ones(one[2] ^ other[2])
        + ones(one[3] ^ other[3])
    )


@compiled
def key_of(code: Any, places: Any) -> Any:
    """The bits of a code at some places, as a number."""
    key = np.uint64(0)
    for at in range(len(places)):
        place = np.uint64(places[at])
        word = code[place >> np.uint64(6)]
        key |= (word >> (place & np.uint64(63)) & np.uint64(1)) << np.uint64(at)
    return np.int64(key)


@compiled
def _more(pairs: Any) -> Any:
    larger = np.empty((2 * len(pairs), pairs.shape[1]), pairs.dtype)
    larger[: len(pairs)] = pairs
    return larger


@compiled
def near_keys(words: Any, places: Any, allowed: int) -> Any:
    """How many pairs of codes have keys that differ in at most so many bits."""
    keys = np.empty(len(words), np.uint64)
    for row in range(len(words)):
        keys[row] = key_of(words[row], places)
    count = 0
    for one in range(len(keys)):
        for other in range(one):
            if np.int64(ones(keys[one] ^ keys[other])) <= allowed:
                count += 1
    return count


@compiled
def leaders(words: Any, starts: Any, most: int) -> Any:
    """Codes that stand for all codes of their run that are near to them.

    Returns:
        Their rows; how many bits the others differ from them at most; and the runs they are of.
    """
    rows = np.empty(len(words), np.int64)
    widths = np.zeros(len(words), np.int64)
    members = np.empty(len(words), np.int64)
    made = 0
    for run in range(len(starts) - 1):
        begun = made
        for row in range(starts[run], starts[run + 1]):
            for seen in range(made - 1, begun - 1, -1):
                distance = apart(words[row], words[rows[seen]])
                if distance <= most:
                    widths[seen] = max(widths[seen], distance)
                    break
            else:
                rows[made] = row
                members[made] = run
                made += 1
    return rows[:made].copy(), widths[:made].copy(), members[:made].copy()


@compiled
def entries(words: Any, starts: Any, places: Any, most: int) -> Any:
    """What an index holds of each run: its codes by key, near ones as one.

    Returns:
        Keys; the runs that they are of; the row of the code that stands for the others of its
        key; and how many bits these differ from it.
    """
    keys = np.empty(len(words), np.int32)
    members = np.empty(len(words), np.int32)
    rows = np.empty(len(words), np.int32)
    widths = np.zeros(len(words), np.int32)
    made = 0
    for run in range(len(starts) - 1):
        begun = made
        for row in range(starts[run], starts[run + 1]):
            key = key_of(words[row], places)
            for seen in range(made - 1, begun - 1, -1):
                if keys[seen] == key:
                    distance = apart(words[row], words[rows[seen]])
                    if distance <= most:
                        widths[seen] = max(widths[seen], distance)
                        break
            else:
                keys[made] = key
                members[made] = run
                rows[made] = row
                made += 1
    return keys[:made].copy(), members[:made].copy(), rows[:made].copy(), widths[:made].copy()


@compiled
def table(keys: Any, rows: Any, second: Any, words: Any, size: int) -> Any:
    """Entries by key, those of the first kind before those of the second.

    Returns:
        Of each key, where its entries begin, and where the second kind of them do; a bit a key, set
        where there are entries; the entries in that order, and their codes.
    """
    spans = np.zeros((size + 1, 2), np.int32)
    for at in range(len(keys)):
        spans[keys[at] + 1, 0] += 1
        if not second[rows[at]]:
            spans[keys[at], 1] += 1
    used = np.zeros((size + 63) // 64, np.uint64)
    for key in range(size):
        if spans[key + 1, 0]:
            used[key >> 6] |= np.uint64(1) << np.uint64(key & 63)
        spans[key + 1, 0] += spans[key, 0]
        spans[key, 1] += spans[key, 0]
    free = spans.copy()
    order = np.empty(len(keys), np.int32)
    here = np.empty((len(keys), 4), np.uint64)
    for at in range(len(keys)):
        row, kind = rows[at], np.int64(second[rows[at]])
        place = free[keys[at], kind]
        free[keys[at], kind] += 1
        order[place] = at
        for word in range(4):
            here[place, word] = words[row, word]
    return spans, used, order, here


@compiled
def _block(
    here: Any, widths: Any, clips: Any, radius: int, spans: Any, pairs: Any, made: int
) -> Any:
    """Near pairs of two spans of entries; of one span with itself, each pair once."""
    first, last, begin, end = spans
    for left in range(first, last):
        reach = radius + widths[left]
        a, b, c, d = here[left, 0], here[left, 1], here[left, 2], here[left, 3]
        start = left + 1 if begin == first else begin
        for right in range(start, end):
            distance = np.int64(
                ones(a ^ here[right, 0])
                + ones(b ^ here[right, 1])
                + ones(c ^ here[right, 2])
                + ones(d ^ here[right, 3])
            )
            if distance <= reach + widths[right] and clips[left] != clips[right]:
                if made == len(pairs):
                    pairs = _more(pairs)
                pairs[made, 0] = left
                pairs[made, 1] = right
                made += 1
    return pairs, made


@compiled
def joined(
    spans: Any, used: Any, here: Any, widths: Any, clips: Any, masks: Any, radius: int
) -> Any:
    """Pairs of entries whose keys differ by a mask and that may hold a pair, by their places.

    Of the two kinds of entries the first is joined with all, the second with the first alone: the
    time is that of the keys with entries of the first.
    """
    size = len(spans) - 1
    keys = np.empty(size, np.int32)
    count = 0
    for place in range(size):
        if spans[place, 0] != spans[place, 1]:
            keys[count] = place
            count += 1
    alone = True  # whether there is but the first kind, so that a pair of keys is met once
    for place in range(size):
        alone &= spans[place, 1] == spans[place + 1, 0]
    pairs = np.empty((1024, 2), np.int32)
    made = 0
    for mask in masks:
        for at in range(count):
            key = np.int64(keys[at])
            other = key ^ mask
            if alone and other < key:
                continue
            if not used[other >> 6] >> np.uint64(other & 63) & np.uint64(1):
                continue
            first, middle = spans[key, 0], spans[key, 1]
            begin, half, end = spans[other, 0], spans[other, 1], spans[other + 1, 0]
            # Two of the first kind once, from the lower key; one of each from the first's key
            both = (first, middle, begin if other >= key else half, end)
            pairs, made = _block(here, widths, clips, radius, both, pairs, made)
    return pairs[:made].copy()


@compiled
def looked_into(words: Any, starts: Any, both: Any, radius: int) -> Any:
    """Pairs of codes within the radius, of pairs of runs: (lower row, higher row, distance)."""
    pairs = np.empty((1024, 3), np.int64)
    made = 0
    for at in range(len(both)):
        one, other = both[at]
        for left in range(starts[one], starts[one + 1]):
            for right in range(starts[other], starts[other + 1]):
                distance = apart(words[left], words[right])
                if distance <= radius:
                    if made == len(pairs):
                        pairs = _more(pairs)
                    pairs[made, 0] = min(left, right)
                    pairs[made, 1] = max(left, right)
                    pairs[made, 2] = distance
                    made += 1
    return pairs[:made].copy()
