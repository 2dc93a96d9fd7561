"""The rows that deduplication leaves: edges, clips, and what stands for each frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate.candidates import instance_pairs
from echoatlas.pipeline.deduplicate.clips import Alignment, Related, partners
from echoatlas.pipeline.deduplicate.clusters import Clusters, Edges
from echoatlas.pipeline.deduplicate.hamming import Flags, Rows
from echoatlas.pipeline.deduplicate.index import Index
from echoatlas.pipeline.deduplicate.similarity import Verdict
from echoatlas.schemas.rows.duplicates import EdgeRow
from echoatlas.schemas.tables import schema
from echoatlas.schemas.values import EdgeKind, FoundBy, Relation


def edges(index: Index, related: Iterable[Related], kept: Iterable[EdgeRow]) -> list[EdgeRow]:
    """Edges of clips that are nobody's copies, one a pair, in the order of their names."""
    best: dict[tuple[str, int, str, int], EdgeRow] = {}
    every = [*kept, *(_edge(index, one) for one in related)]
    for edge in sorted(every, key=_worth):
        best[edge.object_id, edge.pane, edge.other_object, edge.other_pane] = edge
    return [best[key] for key in sorted(best)]


def instances(index: Index, related: Iterable[Related], fresh: Flags) -> list[EdgeRow]:
    """Ties of clips of one SOP instance that were not found to show the same.

    Identifiers are copied along and made up anew by who edits files; pixels decide what is dropped.
    """
    seen = {frozenset((one.longer, one.shorter)) for one in related}
    return [
        _tie(index, best, clip)
        for best, clip in instance_pairs(index, fresh)
        if frozenset((best, clip)) not in seen
    ]


def _tie(index: Index, best: int, clip: int) -> EdgeRow:
    return EdgeRow(
        **_ends(index.names[best], index.names[clip]),
        kind=EdgeKind.TIE,
        found_by=FoundBy.INSTANCE,
        mirrored=False,
        covers=False,
        covered=False,
        rate=1.0,
        shift=0.0,
        agreed=0.0,
        distance=0,
        likeness=0.0,
        speckle=0.0,
        windows=0,
        fingerprint="",
    )


def _worth(edge: EdgeRow) -> tuple[object, ...]:
    """The plain and the mirrored view of one pair may both be found: the better one is last."""
    return (edge.kind != EdgeKind.TIE, edge.covers, edge.speckle, -edge.mirrored)


def _edge(index: Index, one: Related) -> EdgeRow:
    first, other = index.names[one.longer], index.names[one.shorter]
    sure = one.verdict is Verdict.SAME and (one.covers or one.covered)
    same = 0 <= index.instances[one.longer] == index.instances[one.shorter]
    exact = same and sure and one.covers and one.covered and not one.mirrored
    return EdgeRow(
        **_ends(first, other),
        kind=EdgeKind.EXACT if exact else EdgeKind.NEAR if sure else EdgeKind.TIE,
        found_by=FoundBy.INSTANCE if same else FoundBy.HASHES,
        mirrored=one.mirrored,
        covers=one.covers,
        covered=one.covered,
        rate=one.alignment.rate,
        shift=one.alignment.offset,
        agreed=round(one.agreed, 3),
        distance=one.distance,
        likeness=round(one.similarity.likeness, 3),
        speckle=round(one.similarity.speckle, 3),
        windows=one.similarity.windows,
        fingerprint="",
    )


def _ends(first: str, other: str) -> dict[str, Any]:
    (object_id, _, pane), (other_object, _, other_pane) = (
        first.rpartition("/"),
        other.rpartition("/"),
    )
    return {
        "object_id": object_id,
        "pane": int(pane),
        "other_object": other_object,
        "other_pane": int(other_pane),
    }


def copies(index: Index) -> Iterable[EdgeRow]:
    """An edge from each exact copy to the best clip of its pixels."""
    for clip in np.flatnonzero(index.first != np.arange(len(index.names))):
        first = int(index.first[clip])
        shift = int(index.clips.of(first)[0] - index.clips.of(int(clip))[0])
        yield EdgeRow(
            **_ends(index.names[first], index.names[int(clip)]),
            kind=EdgeKind.EXACT,
            found_by=index.exact_by(int(clip)),
            mirrored=False,
            covers=True,
            covered=True,
            rate=1.0,
            shift=float(shift),  # copies may count their frames from another number
            agreed=1.0,
            distance=0,
            likeness=1.0,
            speckle=1.0,
            windows=0,
            fingerprint="",
        )


def numbered(index: Index, some: Sequence[EdgeRow]) -> Edges:
    """Edges by the numbers of their clips."""
    number = {name: at for at, name in enumerate(index.names)}
    return Edges(
        one=np.array([number[f"{e.object_id}/{e.pane}"] for e in some], np.int64),
        other=np.array([number[f"{e.other_object}/{e.other_pane}"] for e in some], np.int64),
        covers=np.array([e.kind != EdgeKind.TIE and e.covers for e in some], bool),
        covered=np.array([e.kind != EdgeKind.TIE and e.covered for e in some], bool),
        repeats=np.array(
            [e.kind != EdgeKind.TIE and e.covers and e.covered and e.rate > 1 for e in some], bool
        ),
    )


def _relations(index: Index, some: Sequence[EdgeRow], groups: Clusters) -> list[str]:
    """What each clip is to the one that stands for it; empty if it is in no cluster or tie."""
    count = len(index.names)
    size = np.bincount(groups.cluster, minlength=count)[groups.cluster]
    tied = np.bincount(groups.tie, minlength=count)[groups.tie]
    lengths = np.diff(index.clips.starts)
    found: list[str] = []
    for clip in range(count):
        head, by = int(groups.head[clip]), int(groups.by[clip])
        if head != clip:
            if head == int(index.first[clip]):
                found.append(Relation.EXACT)
                continue
            edge = some[by]
            if edge.kind == EdgeKind.EXACT:
                found.append(Relation.EXACT)
            elif lengths[clip] == 1 and lengths[head] > 1:
                found.append(Relation.STILL)
            elif not (edge.covers and edge.covered):
                found.append(Relation.PART)
            else:
                found.append(Relation.MIRROR if edge.mirrored else Relation.NEAR)
        elif size[clip] > 1:
            found.append(Relation.REPRESENTATIVE)
        else:
            found.append(Relation.TIE if tied[clip] > 1 else "")
    return found


def _smallest(index: Index, group: Rows) -> pa.Array:
    """The smallest frame id of each clip's group."""
    ids = index.frames.column("frame_id").combine_chunks()
    order = pc.array_sort_indices(ids).to_numpy()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    least = np.full(len(group), len(order))
    np.minimum.at(least, group[index.clip], rank)
    return ids.take(pa.array(order[least[group]]))


def clip_table(
    index: Index, digests: Sequence[str], some: Sequence[EdgeRow], groups: Clusters
) -> pa.Table:
    """A row a clip, in the order of their names."""
    parts = [name.rpartition("/") for name in index.names]
    names = pa.array(index.names, pa.string())
    columns = {
        "object_id": [one for one, _, _ in parts],
        "pane": [int(pane) for _, _, pane in parts],
        "frames": np.diff(index.clips.starts),
        "digest": list(digests),
        "cluster": _smallest(index, groups.cluster) if parts else [],
        "tie": _smallest(index, groups.tie) if parts else [],
        "head": names.take(pa.array(groups.head)),
        "relation": _relations(index, some, groups),
        "fingerprint": [""] * len(parts),
    }
    return pa.table(columns, schema=schema("clips"))


def duplicate_table(index: Index, some: Sequence[EdgeRow], groups: Clusters) -> pa.Table:
    """A row for each frame of a clip that is not alone, in the order of the frames' ids."""
    relations = np.array(_relations(index, some, groups), object)
    if not len(relations):
        return schema("duplicates").empty_table()
    told = relations != ""
    stands = np.arange(index.frames.num_rows)
    starts = index.clips.starts
    every = np.arange(len(groups.head))
    for clip in np.flatnonzero((groups.by >= 0) & (index.first == every)):
        rows = _partner(index, int(clip), some[int(groups.by[clip])], groups)
        stands[starts[clip] : starts[clip + 1]] = rows
    for clip in np.flatnonzero(index.first != every):
        first = int(index.first[clip])
        stands[starts[clip] : starts[clip + 1]] = stands[starts[first] : starts[first + 1]]
    ways = [
        index.exact_by(clip) or (some[by].found_by if by >= 0 else "")
        for clip, by in enumerate(groups.by.tolist())
    ]
    distance = np.array([some[by].distance if by >= 0 else 0 for by in groups.by.tolist()])
    rows = np.flatnonzero(told[index.clip])
    ids = index.frames.column("frame_id").combine_chunks()
    clips = index.clip[rows]
    taken = pa.array(clips)
    table = pa.table(
        {
            "frame_id": ids.take(pa.array(rows)),
            "cluster": _smallest(index, groups.cluster).take(taken),
            "tie": _smallest(index, groups.tie).take(taken),
            "representative": ids.take(pa.array(stands[rows])),
            "head": pa.array(index.names, pa.string()).take(pa.array(groups.head[clips])),
            "relation": pa.array(relations.tolist(), pa.string()).take(taken),
            "found_by": pa.array(ways, pa.string()).take(taken),
            "distance": distance[clips],
            "fingerprint": pa.array([""] * len(rows), pa.string()),
        },
        schema=schema("duplicates"),
    )
    return table.sort_by("frame_id")


def _partner(index: Index, clip: int, edge: EdgeRow, groups: Clusters) -> Rows:
    """Rows of the frames of a clip's head that show what its own do."""
    head = int(groups.head[clip])
    alignment = Alignment(edge.rate, edge.shift)
    if f"{edge.object_id}/{edge.pane}" == index.names[clip]:  # the edge speaks of it first
        alignment = Alignment(1 / edge.rate, -edge.shift / edge.rate)
    return partners(index.clips, head, clip, alignment)[1]
