"""Which pairs of clips are to be looked at, made of pairs of codes and of SOP instances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import framing
from echoatlas.pipeline.deduplicate.clips import Match
from echoatlas.pipeline.deduplicate.framing import Framing, Warp
from echoatlas.pipeline.deduplicate.hamming import Flags, Rows
from echoatlas.pipeline.deduplicate.index import FAN, MARK, MARK_MIRROR, MIRROR, Codes, Index
from echoatlas.pipeline.frames.phash import VIEWS

MIRRORED = (MIRROR, MARK_MIRROR)
KNOWN = np.stack([framing.SAME, *map(framing.of_crop, VIEWS)])  # how a code's view lies in it


@dataclass(frozen=True, slots=True)
class Found:
    """Candidate pairs of frames: (M,) rows, distance in bits, and kind of the second's code.

    Attributes:
        framing: (M, 4) how the first lies in the second.
    """

    one: Rows
    other: Rows
    distance: Rows
    kind: NDArray[np.int16]
    framing: Framing

    @classmethod
    def of(cls, codes: Codes, pairs: Rows) -> Found:
        """What pairs of codes say of frames; a probe's frame is always the second."""
        low, high = pairs[:, 0], pairs[:, 1]
        swapped = codes.probes[low]
        one, other = np.where(swapped, high, low), np.where(swapped, low, high)
        kinds = codes.kinds[other]
        here, there = codes.placed(one), codes.placed(other)
        if here is None or there is None:
            how = KNOWN[np.where(kinds > MIRROR, kinds - MIRROR, 0)]
        else:
            there[kinds == MARK_MIRROR, 0] = 1 - there[kinds == MARK_MIRROR, 0]
            how = framing.of_places(here, there)
        return cls(codes.rows[one], codes.rows[other], pairs[:, 2], kinds, how)


def same_instances(index: Index, fresh: Flags) -> Found:
    """Frames of clips of one SOP instance: each clip's with the best one's, place by place.

    Args:
        fresh: (C,) of clips known before none is paired with another.
    """
    best, clip = instance_pairs(index, fresh)
    lengths = np.diff(index.clips.starts)
    shared = np.minimum(lengths[best], lengths[clip])
    step = np.arange(shared.sum()) - np.repeat(np.cumsum(shared) - shared, shared)
    one, other = (np.repeat(index.clips.starts[some], shared) + step for some in (best, clip))
    return Found(
        one,
        other,
        np.zeros(len(one), np.int64),
        np.full(len(one), FAN, np.int16),
        np.tile(framing.SAME, (len(one), 1)),
    )


def instance_pairs(index: Index, fresh: Flags) -> tuple[Rows, Rows]:
    """The best clip of each SOP instance, and each other that is no exact copy of it."""
    known = np.flatnonzero((index.instances >= 0) & index.distinct)
    known = known[np.lexsort((known, index.ranks[known], index.instances[known]))]
    instance = index.instances[known]
    begun = np.append(True, instance[1:] != instance[:-1]) if len(known) else np.empty(0, bool)
    head = known[np.flatnonzero(begun)][np.cumsum(begun) - 1]
    asked = ~begun & (fresh[head] | fresh[known])
    return head[asked], known[asked]


def matches(index: Index, found: list[Found]) -> list[Match]:
    """Candidate pairs by pairs of clips, mirrored ones apart, in the order of the clips."""
    one = np.concatenate([part.one for part in found])
    other = np.concatenate([part.other for part in found])
    distance = np.concatenate([part.distance for part in found])
    kind = np.concatenate([part.kind for part in found])
    how = np.concatenate([part.framing for part in found])
    a, b = index.clip[one].astype(np.int64), index.clip[other].astype(np.int64)
    lengths = np.diff(index.clips.starts)
    # The longer clip first; of equally long ones the better one
    worse = (lengths[a] < lengths[b]) | (
        (lengths[a] == lengths[b])
        & ((index.ranks[a] > index.ranks[b]) | ((index.ranks[a] == index.ranks[b]) & (a > b)))
    )
    longer, shorter = np.where(worse, b, a), np.where(worse, a, b)
    there, here = np.where(worse, other, one), np.where(worse, one, other)
    mirrored = np.isin(kind, MIRRORED)
    how[worse] = framing.inverse(how[worse], mirrored[worse])
    marked = kind >= MARK
    order = np.lexsort((*how.T, kind, distance, here, there, mirrored, shorter, longer))
    keys = np.stack([longer, shorter, mirrored], axis=1)[order]
    if not len(keys):
        return []
    begun = np.flatnonzero(np.append(True, (keys[1:] != keys[:-1]).any(axis=1)))
    made = []
    for start, stop in zip(begun, np.append(begun[1:], len(keys)), strict=True):
        part = order[start:stop]
        starts = _starts(kind[part], distance[part], how[part])
        loose = bool(marked[part].all())
        part = part if loose else part[~marked[part]]
        made.append(
            Match(
                longer=int(keys[start, 0]),
                shorter=int(keys[start, 1]),
                mirrored=bool(keys[start, 2]),
                rows=np.stack([there[part], here[part]], axis=1),
                distance=distance[part],
                starts=starts,
                loose=loose,
            )
        )
    return made


def _starts(kinds: NDArray[np.int16], distance: Rows, how: Framing) -> tuple[Warp, ...]:
    """From which framings to start: that of the nearest view, where no plain hash is as near, and
    the one that most landmarks agree on."""
    starts = []
    plain = np.flatnonzero(kinds < MARK)
    if len(plain):
        nearest = plain[np.argmin(distance[plain])]
        if kinds[nearest] > MIRROR:
            starts.append(framing.warp(how[nearest]))
    marks = np.flatnonzero(kinds >= MARK)
    if len(marks):
        marks = marks[np.argsort(distance[marks], kind="stable")]
        starts.append(framing.warp(framing.consensus(how[marks])))
    return tuple(starts)
