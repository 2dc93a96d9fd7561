"""Which sample lies in which shard: those of earlier releases stay where they lie, others follow.

A packing that reshuffles writes nearly all bytes anew when one sample in a hundred comes or goes.
So a sample keeps the place that it was given first, new ones fill new shards, and what a release
leaves out stays in its shard, unlisted. Nothing here sees a pixel: it works on columns of an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.lake.join import coded, integers
from echoatlas.pipeline.lake.join import places as among_known
from echoatlas.pipeline.release.digests import unknown_digests
from echoatlas.pipeline.release.kin import GROUP
from echoatlas.pipeline.release.places import NOWHERE, PLACE
from echoatlas.pipeline.release.tar import MOST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.manifest import PublishedShard

TASK = 4  # shards of the least size that a task cuts
PACKED = 0.4  # of raw bytes, about: what tasks are cut by, before anything is packed
# Columns of an index that say in which order samples are packed, and how large they are, about
PACKED_BY = (GROUP, "object_id", "pane", "frame_index", "frame_id", "width", "height", "channels")


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier release of the same kind of sample, as far as its shards can be used again.

    Attributes:
        payload: of each sample, binary. places: (n,) ``PLACE``. digests: (n, 16), as ``digests``
            has them.
        shards: as its manifest lists them.
        strict: it was split as the new release is, so that a sample which comes to another split
            has to leave its shard.
    """

    payload: pa.Array
    places: NDArray[np.void]
    digests: NDArray[np.uint8]
    shards: Sequence[PublishedShard]
    strict: bool


def settled_places(
    payload: pa.Array,
    splits: NDArray[np.uint16],
    names: Sequence[str],
    pasts: Iterable[Past],
    present: frozenset[str] | set[str],
) -> tuple[NDArray[np.void], NDArray[np.uint8], list[PublishedShard]]:
    """Where samples lie already.

    Args:
        payload: of each sample, binary. splits: (n,) number of its split in ``names``.
        pasts: the newest first; no more of them are asked for than needed.
        present: keys of the shards that are there.

    Returns:
        (n,) ``PLACE``, ``NOWHERE`` for the shard of those that are new; (n, 16) their digests;
        the shards, by number.
    """
    found = np.zeros(len(payload), PLACE)
    found["shard"] = NOWHERE
    found["split"] = splits
    digests = unknown_digests(len(payload))
    known: dict[str, int] = {}
    shards: list[PublishedShard] = []
    missing = np.arange(len(payload))
    coming = iter(pasts)
    while len(missing) and (past := next(coming, None)) is not None:
        at = among_known(payload.take(pa.array(missing)), past.payload)
        here = at >= 0
        rows, at = missing[here], at[here]
        theirs = past.places[at]
        there = np.array([one.file in present for one in past.shards], bool)
        fits = there[theirs["shard"]]
        if past.strict:
            numbers = {name: number for number, name in enumerate(names)}
            of = np.array([numbers.get(one.split or "", -1) for one in past.shards])
            fits &= of[theirs["shard"]] == splits[rows]
        rows, at, theirs = rows[fits], at[fits], theirs[fits].copy()
        used = np.unique(theirs["shard"])
        renumbered = np.zeros(len(past.shards), np.uint32)
        for number in used.tolist():
            one = past.shards[number]
            if one.file not in known:
                known[one.file] = len(shards)
                shards.append(one)
            renumbered[number] = known[one.file]
        theirs["shard"] = renumbered[theirs["shard"]]
        theirs["split"] = splits[rows]
        found[rows] = theirs
        digests[rows] = past.digests[at]
        missing = np.flatnonzero(found["shard"] == NOWHERE)
    return found, digests, shards


def thinned(
    places: NDArray[np.void], shards: Sequence[PublishedShard], least: float
) -> NDArray[np.void]:
    """Places without those in shards of whose bytes less than a share is still listed."""
    settled_rows = places["shard"] != NOWHERE
    numbers, sizes = places["shard"][settled_rows], places["length"][settled_rows]
    live = np.bincount(numbers, weights=sizes, minlength=len(shards))
    thin = live < least * np.array([one.bytes for one in shards], np.float64)
    left = places.copy()
    going = settled_rows.copy()
    going[settled_rows] = thin[numbers] if len(shards) else False
    left["shard"][going] = NOWHERE
    return left


@dataclass(frozen=True, slots=True)
class Run:
    """Samples that one task cuts into shards.

    Attributes:
        rows: (k,) of the index, in the order in which they are packed.
        ends: (k,) whether a group of patients ends with the sample.
        split: name of the split of all.
    """

    rows: NDArray[np.int64]
    ends: NDArray[np.bool_]
    split: str


def runs(
    part: pa.Table,
    new: NDArray[np.int64],
    order: NDArray[np.int64],
    splits: NDArray[np.uint16],
    names: Sequence[str],
    frames: NDArray[np.int64],
    shard: int,
) -> Iterator[Run]:
    """Cut new samples into runs: by split, then in the order in which groups came to the lake.

    Patients who came together lie in the same files of the lake, so that a task reads few of them.

    Args:
        part: ``PACKED_BY`` of the new ones; text may be dictionaries.
        new: (k,) rows of the index that they are.
        order: (k,) when their objects were first seen; any number if that is not known.
        splits, names: of all rows, as of ``settled_places``.
        frames: (n,) of each sample, how many.
        shard: least size, bytes.
    """
    if not len(new):
        return
    codes, _ = coded(part.column(GROUP))
    first = np.full(int(codes.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, codes, order)
    keys = [_rank(part.column(name)) for name in PACKED_BY[:5]]
    taken = np.lexsort((*reversed(keys), first[codes], splits[new]))
    rows, codes, split = new[taken], codes[taken], splits[new][taken]
    changes = (np.diff(codes) != 0) | (np.diff(split) != 0)
    ends = np.append(changes, True)
    sizes = PACKED * np.prod(
        [part.column(name).to_numpy() for name in ("width", "height", "channels")], axis=0
    )
    sizes = sizes * frames[new]
    start = 0
    for stop in _stops(sizes[taken], ends, split, shard * TASK):
        yield Run(rows[start:stop], ends[start:stop], names[int(split[start])])
        start = stop


def _rank(values: pa.ChunkedArray) -> NDArray[np.int64]:
    """Numbers in the order of values: texts are many, and compared once."""
    if pa.types.is_integer(values.type):
        return integers(values)
    codes, known = coded(values)
    rank = np.empty(len(known), np.int64)
    rank[pc.sort_indices(known).to_numpy()] = np.arange(len(known))
    return rank[codes]


def _stops(
    sizes: NDArray[np.float64],
    ends: NDArray[np.bool_],
    splits: NDArray[np.uint16],
    enough: int,
) -> Iterator[int]:
    """Where runs stop: at the end of a group once there is enough, and where a split ends."""
    total = np.cumsum(sizes)
    group_stops = np.flatnonzero(ends) + 1
    start, done = 0, 0.0
    for stop in group_stops.tolist():
        while total[stop - 1] - done > MOST * enough:  # a group that no task should hold
            cut = int(np.searchsorted(total, done + enough)) + 1
            if cut >= stop:
                break
            yield cut
            start, done = cut, float(total[cut - 1])
        last = stop == len(sizes) or splits[stop] != splits[stop - 1]
        if stop > start and (last or total[stop - 1] - done >= enough):
            yield stop
            start, done = stop, float(total[stop - 1])
