"""The compiled loops of bands of codes that are kept (``kept_codes`` says what they are for)."""

from __future__ import annotations

from typing import Any

import numpy as np

from echoatlas.pipeline.deduplicate.compiled import compiled
from echoatlas.pipeline.deduplicate.hamming_kernels import apart, ones

DIGIT = 12  # bits by which entries are sorted at a time, twice
SPARSE = 8  # places of a set of keys, a key
WAITING = 4096  # meetings that are looked at together: their codes are fetched side by side


@compiled
def entries(keys: Any, words: Any, owners: Any, most: int, longest: int) -> Any:
    """What a piece has of each run of an owner's codes: near ones of one key as one, by key.

    Args:
        keys: (N,) of the piece, below 2 to the 24th. most: bits that a code may be from the one
            that stands for it. longest: codes of a run.

    Returns:
        Of each entry its key, in order; the row of the code that stands for the others; and how
        many bits these differ from it.
    """
    made, begun = 0, 0
    found, rows = np.empty(len(keys), np.uint32), np.empty(len(keys), np.int32)
    widths = np.zeros(len(keys), np.uint8)
    for row in range(len(keys)):
        if row and (owners[row] != owners[row - 1] or row - rows[begun] >= longest):
            begun = made
        key = keys[row]
        for seen in range(made - 1, begun - 1, -1):
            if found[seen] == key:
                distance = apart(words[row], words[rows[seen]])
                if distance <= most:
                    widths[seen] = max(np.int64(widths[seen]), distance)
                    break
        else:
            found[made], rows[made] = key, row
            made += 1
    return _by_key(found[:made], rows[:made], widths[:made])


@compiled
def _by_key(keys: Any, rows: Any, widths: Any) -> Any:
    """Entries in the order of their keys, and those of one key as they came."""
    for shift in (0, DIGIT):
        free = np.zeros((1 << DIGIT) + 1, np.int64)
        for key in keys:
            free[((key >> np.uint32(shift)) & np.uint32((1 << DIGIT) - 1)) + 1] += 1
        for digit in range(1 << DIGIT):
            free[digit + 1] += free[digit]
        to_keys, to_rows = np.empty_like(keys), np.empty_like(rows)
        to_widths = np.empty_like(widths)
        for at in range(len(keys)):
            digit = (keys[at] >> np.uint32(shift)) & np.uint32((1 << DIGIT) - 1)
            place = free[digit]
            free[digit] += 1
            to_keys[place], to_rows[place], to_widths[place] = keys[at], rows[at], widths[at]
        keys, rows, widths = to_keys, to_rows, to_widths
    return keys, rows, widths


@compiled
def _set_of(keys: Any, bits: int) -> Any:
    """Keys in order as a set that is quickly asked.

    Returns:
        By how many bits a key is shifted to its place in the set; a bit a place, set where there
        is a key; how many are set before each word of these; and where the keys of each place that
        is set begin, and their number.
    """
    shift = bits
    while shift and (np.int64(1) << (bits - shift)) < SPARSE * len(keys):
        shift -= 1
    used = np.zeros(max(1, (1 << (bits - shift)) >> 6), np.uint64)
    starts = np.empty(len(keys) + 1, np.int32)
    places, last = 0, np.int64(-1)
    for at in range(len(keys)):
        place = np.int64(keys[at]) >> shift
        if place != last:
            used[place >> 6] |= np.uint64(1) << np.uint64(place & 63)
            starts[places] = at
            places, last = places + 1, place
    starts[places] = len(keys)
    before = np.zeros(len(used), np.int32)
    for word in range(1, len(used)):
        before[word] = before[word - 1] + np.int32(ones(used[word - 1]))
    return shift, used, before, starts


@compiled
def touch(many: Any, few: Any, masks: Any, bits: int, radius: int, touched: Any) -> None:
    """Note which owners of many codes have one near to any of a few, as far as a piece tells.

    Args:
        many, few: codes (N, 4), their owners (N,), and a piece's entries: keys, rows, widths.
        masks: keys that differ by one of these meet. bits: of the keys.
        touched: (O,) is set where one is near.
    """
    keys, few_keys = many[2], few[2]
    shift, used, before, starts = _set_of(keys, bits)
    met = np.empty((WAITING, 2), np.int32)
    waiting = 0
    for mask in masks:
        for at in range(len(few_keys)):
            key = np.int64(few_keys[at]) ^ mask
            place = key >> shift
            word, bit = used[place >> 6], np.uint64(1) << np.uint64(place & 63)
            if not word & bit:
                continue
            rank = before[place >> 6] + np.int64(ones(word & (bit - np.uint64(1))))
            for there in range(starts[rank], starts[rank + 1]):
                if np.int64(keys[there]) != key:
                    continue
                met[waiting, 0], met[waiting, 1] = there, at
                waiting += 1
                if waiting == WAITING:
                    _look(many, few, met, radius, touched)
                    waiting = 0
    _look(many, few, met[:waiting], radius, touched)


@compiled
def _look(many: Any, few: Any, met: Any, radius: int, touched: Any) -> None:
    """Of entries that met, note the owners of those that hold a near pair."""
    words, owners, _, rows, widths = many
    few_words, few_owners, _, few_rows, few_widths = few
    for pair in range(len(met)):
        there, at = met[pair]
        first, other = np.int64(rows[there]), np.int64(few_rows[at])
        wide, few_wide = np.int64(widths[there]), np.int64(few_widths[at])
        distance = apart(words[first], few_words[other])
        if distance > radius + wide + few_wide or touched[owners[first]]:
            continue
        touched[owners[first]] = distance <= radius or _have_pair(
            words, owners, first, wide, few_words, few_owners, other, few_wide, radius
        )


@compiled
def _have_pair(
    words: Any,
    owners: Any,
    first: Any,
    wide: Any,
    few_words: Any,
    few_owners: Any,
    other: Any,
    few_wide: Any,
    radius: int,
) -> Any:
    """Whether any two codes are near, of those of two owners that two codes may stand for."""
    begin, end = _owned(owners, first)
    few_begin, few_end = _owned(few_owners, other)
    for row in range(begin, end):
        if apart(words[row], words[first]) > wide:
            continue
        for few_row in range(few_begin, few_end):
            far = apart(few_words[few_row], few_words[other]) > few_wide
            if not far and apart(words[row], few_words[few_row]) <= radius:
                return True
    return False


@compiled
def _owned(owners: Any, row: Any) -> Any:
    """Where the codes of a row's owner begin and end."""
    begin, end = row, row + 1
    while begin and owners[begin - 1] == owners[row]:
        begin -= 1
    while end < len(owners) and owners[end] == owners[row]:
        end += 1
    return begin, end
