"""The compiled loops of the join of hashes (``hamming`` says what they are for).

Rows are numbers of codes or of runs. Kernels that hand over pairs fill a buffer that doubles when
it is full. All are deterministic: one thread, no order of a hash table.
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
    for row in range(len(pairs)):  # to assign them all at once takes seconds more to compile
        for column in range(pairs.shape[1]):
            larger[row, column] = pairs[row, column]
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
        where there are entries; the entries in that order, and their codes, (4, N).
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
    here = np.empty((4, len(keys)), np.uint64)
    for at in range(len(keys)):
        row, kind = rows[at], np.int64(second[rows[at]])
        place = free[keys[at], kind]
        free[keys[at], kind] += 1
        order[place] = at
        for word in range(4):
            here[word, place] = words[row, word]
    return spans, used, order, here


@compiled
def _hits(
    here: Any, widths: Any, clips: Any, left: Any, reach: Any, span: Any, pairs: Any, made: Any
) -> Any:
    """The near ones of a span of entries of other clips, added to ``pairs``."""
    for right in range(span[0], span[1]):
        distance = np.int64(
            ones(here[0, left] ^ here[0, right])
            + ones(here[1, left] ^ here[1, right])
            + ones(here[2, left] ^ here[2, right])
            + ones(here[3, left] ^ here[3, right])
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
    alone = True  # whether there is but the first kind, so that a pair of keys is met once
    for place in range(size):
        alone &= spans[place, 1] == spans[place + 1, 0]
        if spans[place, 0] != spans[place, 1]:
            keys[count] = place
            count += 1
    ha, hb, hc, hd = here[0], here[1], here[2], here[3]
    far = np.int64(1 << 20)
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
            # Two of the first kind once, from the lower key; one of each from the first's key
            begin = np.int64(spans[other, 0 if other >= key else 1])
            end = np.int64(spans[other + 1, 0])
            for left in range(np.int64(spans[key, 0]), np.int64(spans[key, 1])):
                a, b, c, d, clip = ha[left], hb[left], hc[left], hd[left], clips[left]
                reach = radius + np.int64(widths[left])
                start = left + 1 if other == key else begin
                # Most spans have nothing near: a loop without branches, which compiles to vectors
                least = far
                for right in range(start, end):
                    distance = np.int64(
                        ones(a ^ ha[right])
                        + ones(b ^ hb[right])
                        + ones(c ^ hc[right])
                        + ones(d ^ hd[right])
                    )
                    distance = distance - widths[right] if clips[right] != clip else far
                    least = min(least, distance)
                if least <= reach:
                    span = start, end
                    pairs, made = _hits(here, widths, clips, left, reach, span, pairs, made)
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


@compiled
def keys_of_all(words: Any, parts: Any, keys: Any) -> None:
    """The keys of all pieces at once, as many a word of ``parts`` as fit.

    Args:
        parts: (Q, 32, 256) uint64: what each byte of a code has in the keys of some pieces.
        keys: (P, N) uint16 or uint32, which are filled; P is a multiple of Q.
    """
    each = len(keys) // len(parts)
    width = np.uint64(64 // each)
    lowest = np.uint64((np.uint64(1) << width) - np.uint64(1))
    for some in range(len(parts)):
        for row in range(len(words)):
            made = np.uint64(0)
            for word in range(4):
                value = words[row, word]
                for byte in range(8):
                    made |= parts[some, 8 * word + byte, np.int64(value & np.uint64(255))]
                    value >>= np.uint64(8)
            for one in range(each):
                keys[each * some + one, row] = made & lowest
                made >>= width


@compiled
def steps_of_all(words: Any, second: Any) -> Any:
    """How far each code is from the one before; too far at the first of each kind."""
    found = np.full(len(words), 256, np.int16)
    for row in range(1, len(words)):
        if second[row] == second[row - 1]:
            found[row] = apart(words[row], words[row - 1])
    return found


@compiled
def spread_entries(keys: Any, second: Any, words: Any, masks: Any, size: int) -> Any:
    """Few codes by key, each under all keys that differ from its own by a mask.

    Returns:
        Of each key, where its codes begin, where those of the second kind do, and where they end;
        the rows of the codes in that order, and the codes themselves, (4, M).
    """
    spans = np.zeros((size, 3), np.int32)
    for row in range(len(keys)):
        for mask in masks:
            spans[np.int64(keys[row]) ^ mask, 2] += 1
            if not second[row]:
                spans[np.int64(keys[row]) ^ mask, 1] += 1
    total = np.int32(0)
    for key in range(size):
        spans[key, 0] = total
        spans[key, 1] += total
        total += spans[key, 2]
        spans[key, 2] = total
    free = spans.copy()
    order = np.empty(total, np.int32)
    here = np.empty((4, total), np.uint64)
    for row in range(len(keys)):
        kind = np.int64(second[row])
        for mask in masks:
            key = np.int64(keys[row]) ^ mask
            place = free[key, kind]
            free[key, kind] += 1
            order[place] = row
            for word in range(4):
                here[word, place] = words[row, word]
    return spans, order, here


@compiled
def streamed(
    words: Any, keys: Any, moved: Any, second: Any, spans: Any, here: Any, radius: int
) -> Any:
    """Near pairs of many codes, as they come, and few that lie by key: (row, place, distance).

    Those of the second kind are met by the first kind of the few alone. A code of the key of the
    one before is nearer to nothing than that was, less how far they are apart.

    Args:
        moved: as of ``steps``.
    """
    ha, hb, hc, hd = here[0], here[1], here[2], here[3]
    pairs = np.empty((1024, 3), np.int64)
    made = 0
    last, nearest = np.int64(-1), np.int64(0)
    for row in range(len(words)):
        key = np.int64(keys[row])
        nearest -= moved[row]
        if key == last and nearest > radius:
            continue
        begin, end = np.int64(spans[key, 0]), np.int64(spans[key, 1 if second[row] else 2])
        a, b, c, d = words[row, 0], words[row, 1], words[row, 2], words[row, 3]
        last, nearest = key, np.int64(256)
        for place in range(begin, end):
            distance = np.int64(
                ones(a ^ ha[place])
                + ones(b ^ hb[place])
                + ones(c ^ hc[place])
                + ones(d ^ hd[place])
            )
            nearest = min(nearest, distance)
        if nearest > radius:
            continue
        for place in range(begin, end):
            distance = np.int64(
                ones(a ^ ha[place])
                + ones(b ^ hb[place])
                + ones(c ^ hc[place])
                + ones(d ^ hd[place])
            )
            if distance <= radius:
                if made == len(pairs):
                    pairs = _more(pairs)
                pairs[made, 0] = row
                pairs[made, 1] = place
                pairs[made, 2] = distance
                made += 1
    return pairs[:made].copy()
