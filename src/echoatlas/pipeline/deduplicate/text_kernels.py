"""The compiled loops over columns of texts and bytes (``columns`` says what they are for)."""

from __future__ import annotations

from typing import Any

import numpy as np

from echoatlas.pipeline.deduplicate.compiled import compiled

ONE, OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)  # odd, and irregular
FIRST, SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)  # of murmur3


@compiled
def stirred(state: Any, value: Any, factor: Any) -> Any:
    """Another state for each value: the finalizer of murmur3 (Appleby, public domain)."""
    state = (state ^ value) * factor
    state ^= state >> np.uint64(33)
    state *= FIRST
    state ^= state >> np.uint64(33)
    state *= SECOND
    return state ^ (state >> np.uint64(33))


@compiled
def stir(states: Any, values: Any) -> None:
    """Add a number a row, (N,) uint64, to its state, (N, 2)."""
    for row in range(len(states)):
        states[row, 0] = stirred(states[row, 0], values[row], ONE)
        states[row, 1] = stirred(states[row, 1], values[row], OTHER)


@compiled
def stir_bytes(states: Any, data: Any, offsets: Any) -> None:
    """Add bytes a row, from one offset to the next, to its state, (N, 2) uint64."""
    for row in range(len(states)):
        one, other = states[row, 0], states[row, 1]
        begin, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        at = begin
        while at < end:
            value = np.uint64(0)
            for byte in range(at, min(at + 8, end)):
                value = value << np.uint64(8) | np.uint64(data[byte])
            one, other = stirred(one, value, ONE), stirred(other, value, OTHER)
            at += 8
        length = np.uint64(end - begin)
        states[row, 0] = stirred(one, length, ONE)
        states[row, 1] = stirred(other, length, OTHER)


@compiled
def folded_hash(states: Any, order: Any, starts: Any) -> Any:
    """One state, (C, 2), for the rows of each clip in their order."""
    made = np.zeros((len(starts) - 1, 2), np.uint64)
    for clip in range(len(starts) - 1):
        one, other = np.uint64(0), np.uint64(0)
        for at in range(starts[clip], starts[clip + 1]):
            one = stirred(one, states[order[at], 0], ONE)
            other = stirred(other, states[order[at], 1], OTHER)
        made[clip, 0], made[clip, 1] = one, other
    return made


@compiled
def text_blocks(data: Any, offsets: Any, rows: Any, number: int) -> Any:
    """Eight bytes of some texts as numbers in the same order, the so-manieth eight of each."""
    made = np.zeros(len(rows), np.uint64)
    for at in range(len(rows)):
        begin = np.int64(offsets[rows[at]]) + 8 * number
        end = np.int64(offsets[rows[at] + 1])
        value = np.uint64(0)
        for byte in range(begin, begin + 8):
            value = value << np.uint64(8)
            if byte < end:
                value |= np.uint64(data[byte])
        made[at] = value
    return made
