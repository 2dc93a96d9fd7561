"""The rows that deduplication leaves of clips, and of what stands for each frame of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate.clips import Alignment, partners
from echoatlas.pipeline.deduplicate.clusters import Clusters
from echoatlas.pipeline.deduplicate.columns import hexadecimal, smallest
from echoatlas.pipeline.deduplicate.edge_rows import NumberedEdges
from echoatlas.pipeline.deduplicate.hamming import Flags, Rows
from echoatlas.pipeline.deduplicate.index import Index
from echoatlas.pipeline.lake.join import coded, flags, places
from echoatlas.schemas.tables import schema
from echoatlas.schemas.values import EdgeKind, Relation

COPIED = "="  # begins the digest of an exact copy, which takes no part in joins
LABELS = ("cluster", "tie")  # what groups are called by: the smallest frame id in them
RELATIONS = ("", *Relation)


@dataclass(frozen=True, slots=True)
class FormerClips:
    """What an earlier run said of clips.

    Attributes:
        rows: the columns of ``ClipRow``, whatever clips there were.
        at: (C,) where each of today's clips stands in them, or -1.
        fresh: (C,) whether it is new, or shows something else than then.
    """

    rows: pa.Table
    at: Rows
    fresh: Flags

    @classmethod
    def of(cls, index: Index, rows: pa.Table) -> FormerClips:
        """Compare clips with those of an earlier run."""
        text = rows.column("pane").cast(pa.string())
        known = pc.binary_join_element_wise(rows.column("object_id"), text, "/")
        at = places(index.names, known)
        differs = pc.not_equal(clip_digests(index), rows.column("digest").take(_some(at)))
        return cls(rows, at, np.asarray((at < 0) | flags(differs)))


def clip_digests(index: Index) -> pa.Array:
    """Of each clip, what it was compared as."""
    prefix = pa.array(np.where(index.distinct, "", COPIED), pa.string())
    return pc.binary_join_element_wise(prefix, hexadecimal(index.digests), "")


def clip_table(
    index: Index, edges: NumberedEdges, groups: Clusters, before: FormerClips
) -> pa.Table:
    """A row a clip, in the order of objects and panes."""
    count = len(index.names)
    columns = {
        "object_id": index.objects,
        "pane": index.panes,
        "frames": np.diff(index.clips.starts),
        "digest": clip_digests(index),
        "cluster": _named(index, groups.cluster, before, "cluster"),
        "tie": _named(index, groups.tie, before, "tie"),
        "head": index.names.take(pa.array(groups.head)),
        "relation": _relations(index, edges, groups),
        "fingerprint": pa.array([""] * count, pa.string()),
    }
    return pa.table(columns, schema=schema("clips"))


def _some(at: Rows) -> pa.Array:
    return pa.array(at, mask=at < 0)


def _named(index: Index, group: Rows, before: FormerClips, label: str) -> pa.Array:
    """What each clip's group is called. Only of those that changed are all ids compared."""
    count = len(group)
    called, names = coded(before.rows.column(label))
    was = np.where(before.fresh | (before.at < 0), -1, np.append(called, -1)[before.at])
    least, most = np.full(count, len(names)), np.full(count, -1)
    np.minimum.at(least, group, was)
    np.maximum.at(most, group, was)
    size = np.bincount(group, minlength=count)
    sizes = np.append(np.bincount(called, minlength=len(names)), 0)  # of nothing: none
    same = (least == most) & (least >= 0) & (sizes[most] == size)
    kept = names.take(_some(np.where(same[group], was, -1)))
    changed = np.flatnonzero(~same[group])
    if not len(changed):
        return kept
    numbers, places_of = np.unique(group[changed], return_inverse=True)
    rows = np.flatnonzero(~same[group][index.clip])
    of = np.searchsorted(numbers, group[index.clip[rows]])
    ids = index.column("frame_id", rows)
    found = ids.take(pa.array(smallest(ids, np.arange(len(rows)), of, len(numbers))))
    at = np.full(count, -1)
    at[changed] = places_of
    return pc.coalesce(kept, found.take(_some(at)))


def _relations(index: Index, edges: NumberedEdges, groups: Clusters) -> pa.Array:
    """What each clip is to the one that stands for it; empty if it is in no cluster or tie."""
    count = len(index.names)
    size, tied = (
        np.bincount(group, minlength=count)[group] for group in (groups.cluster, groups.tie)
    )
    lengths = np.diff(index.clips.starts)
    head, by = groups.head, groups.by
    own = head == np.arange(count)

    def of_edge(column: NDArray[np.bool_]) -> Flags:
        return np.append(column, False)[by]  # by none: the last

    whole = of_edge(edges.column("covers") & edges.column("covered"))
    told = np.select(
        [
            own & (size > 1),
            own & (tied > 1),
            own,
            (head == index.first) | of_edge(edges.column("kind") == EdgeKind.EXACT),
            (lengths == 1) & (lengths[head] > 1),
            ~whole,
            of_edge(edges.column("mirrored").astype(bool)),
        ],
        [
            RELATIONS.index(one)
            for one in (
                *(Relation.REPRESENTATIVE, Relation.TIE, "", Relation.EXACT),
                *(Relation.STILL, Relation.PART, Relation.MIRROR),
            )
        ],
        RELATIONS.index(Relation.NEAR),
    )
    return pa.array(RELATIONS, pa.string()).take(pa.array(told))


def duplicate_table(
    index: Index, clips: pa.Table, edges: NumberedEdges, groups: Clusters, asked: Flags
) -> pa.Table:
    """A row for each frame of a clip that is not alone, in the order of the frames' ids.

    Args:
        clips: as of ``clip_table``. asked: (C,) of which clips.
    """
    told = asked & flags(pc.not_equal(clips.column("relation"), ""))
    chosen = np.flatnonzero(told)
    stands = _stands(index, edges, groups, chosen)
    rows = np.flatnonzero(told[index.clip])
    of = np.searchsorted(chosen, index.clip[rows])
    by = groups.by[chosen]
    ways = pc.coalesce(
        edges.rows.column("found_by").combine_chunks().take(_some(by)), pa.scalar("")
    )
    copied = np.flatnonzero(~index.distinct[chosen])
    exact = np.full(len(chosen), -1)
    exact[copied] = np.arange(len(copied))
    named = pa.array(index.exact_by(chosen[copied]), pa.string()).take(_some(exact))
    distance = np.append(edges.column("distance"), 0)[by]
    taken = pa.array(of)
    of_clip = {name: clips.column(name).take(pa.array(chosen)).take(taken) for name in (
        *LABELS, "head", "relation")}  # fmt: skip
    table = pa.table(
        {
            "frame_id": index.column("frame_id", rows),
            "cluster": of_clip["cluster"],
            "tie": of_clip["tie"],
            "representative": index.column("frame_id", stands),
            "head": of_clip["head"],
            "relation": of_clip["relation"],
            "found_by": pc.coalesce(named, ways).take(taken),
            "distance": distance[of],
            "fingerprint": pa.array([""] * len(rows), pa.string()),
        },
        schema=schema("duplicates"),
    )
    return table.sort_by("frame_id")


def _stands(index: Index, edges: NumberedEdges, groups: Clusters, chosen: Rows) -> Rows:
    """Of each frame of some clips, in order, the row of the frame that stands for it."""
    starts = index.clips.starts
    first, head, by = index.first[chosen], groups.head[chosen], groups.by[chosen]
    lengths = np.diff(starts)[chosen]
    begun = np.cumsum(lengths) - lengths
    # Its own frames, those of whose copy it is, or of two stills the one of the other
    place = np.arange(lengths.sum()) - np.repeat(begun, lengths)
    found = np.repeat(np.where(by < 0, starts[first], starts[head]), lengths) + place
    for at in np.flatnonzero((by >= 0) & ((lengths > 1) | (np.diff(starts)[head] > 1))).tolist():
        rows = _partner(index, int(first[at]), int(by[at]), edges, groups)
        found[begun[at] : begun[at] + lengths[at]] = rows
    return np.asarray(found)


def _partner(index: Index, clip: int, by: int, edges: NumberedEdges, groups: Clusters) -> Rows:
    """Rows of the frames of a clip's head that show what its own do."""
    head = int(groups.head[clip])
    rate, shift = (edges.rows.column(name)[by].as_py() for name in ("rate", "shift"))
    alignment = Alignment(rate, shift)
    if edges.one[by] == clip:  # the edge speaks of it first
        alignment = Alignment(1 / rate, -shift / rate)
    return partners(index.clips, head, clip, alignment)[1]
