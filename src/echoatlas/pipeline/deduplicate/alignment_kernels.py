"""The compiled loops that lay one clip, or one picture, over another."""

from __future__ import annotations

from typing import Any

import numpy as np

from echoatlas.pipeline.deduplicate.compiled import compiled


@compiled
def voted(there: Any, here: Any, distance: Any, rate: float) -> Any:
    """The offset that most frames speak for, given a rate: (frames, offset).

    Each frame of the shorter clip has one vote for an offset, whatever it matches; of equally many
    votes those of the nearest matches win, then the offset nearest to nothing.
    """
    offsets = np.empty(len(here), np.int64)
    for at in range(len(here)):
        offsets[at] = np.int64(np.round(there[at] - rate * here[at]))
    order = np.argsort(offsets * (1 << 24) + here, kind="mergesort")
    most, best, nearest = 0, np.int64(0), np.inf
    at = 0
    while at < len(order):
        offset = offsets[order[at]]
        votes, total = 0, 0.0
        while at < len(order) and offsets[order[at]] == offset:
            frame = here[order[at]]
            least = distance[order[at]]
            while at < len(order) and offsets[order[at]] == offset and here[order[at]] == frame:
                least = min(least, distance[order[at]])
                at += 1
            votes += 1
            total += least
        mean = total / votes
        better = votes > most or (votes == most and mean < nearest)
        if better or (votes == most and mean == nearest and abs(offset) < abs(best)):
            most, best, nearest = votes, offset, mean
    return most, best


@compiled
def _signs(fine: Any, used: Any, signs: Any, left: float, right: float, top: float, low: float,
           least: int) -> Any:  # fmt: skip
    """Correlation of signs under a framing, and of how many places; 0 if of too few."""
    side, grid = fine.shape[0], signs.shape[0]
    every = side // grid
    across, down = (right - left) / (side - 1), (low - top) / (side - 1)
    places, equal = 0, 0
    for row in range(grid):
        y = int(np.round(top + down * (row * every + every // 2)))
        if y < 0 or y >= side:
            continue
        for column in range(grid):
            x = int(np.round(left + across * (column * every + every // 2)))
            if x < 0 or x >= side or not used[y, x]:
                continue
            places += 1
            equal += fine[y, x] == signs[row, column]
    if places < least:
        return 0.0, places
    return 2.0 * equal / places - 1.0, places


@compiled
def signs_agree(
    fine: Any, used: Any, signs: Any, start: Any, steps: Any, finer: Any, least: int
) -> Any:
    """The best correlation of signs over all framings near one, and of how many places.

    Args:
        fine: (S, S) uint8, signs of a picture's fine structure. used: where they count.
        signs: (G, G) uint8, of the other picture, every S / G pixels.
        start: left, right, top and bottom edge of the other picture, in pixels of this one.
        steps, finer: by how much each edge may lie elsewhere, and then again.
    """
    edges = start.copy()
    best, most = _signs(fine, used, signs, edges[0], edges[1], edges[2], edges[3], least)
    for offsets in (steps, finer):
        begin = edges.copy()
        for left in offsets:
            for right in offsets:
                for top in offsets:
                    for low in offsets:
                        found, places = _signs(
                            fine, used, signs, begin[0] + left, begin[1] + right,
                            begin[2] + top, begin[3] + low, least,
                        )  # fmt: skip
                        if found > best:
                            best, most = found, places
                            edges[0], edges[1] = begin[0] + left, begin[1] + right
                            edges[2], edges[3] = begin[2] + top, begin[3] + low
    return np.array([best, np.float64(most)])
