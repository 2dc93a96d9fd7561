"""The compiled loop that lays one clip over another in time."""

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
