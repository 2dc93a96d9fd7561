"""The edges between clips as columns, and by the numbers of their clips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate.candidates import instance_pairs
from echoatlas.pipeline.deduplicate.clips import Related
from echoatlas.pipeline.deduplicate.clusters import Edges
from echoatlas.pipeline.deduplicate.hamming import Flags, Rows
from echoatlas.pipeline.deduplicate.index import EXACT, Index
from echoatlas.pipeline.deduplicate.similarity import Verdict
from echoatlas.pipeline.lake.join import flags, places
from echoatlas.schemas.rows.duplicates import EdgeRow
from echoatlas.schemas.tables import schema, to_arrow
from echoatlas.schemas.values import EdgeKind, FoundBy

ENDS = ("object_id", "pane", "other_object", "other_pane")


@dataclass(frozen=True, slots=True)
class NumberedEdges:
    """Edges, in the order of their clips.

    Attributes:
        rows: the columns of ``EdgeRow``.
        one, other: (E,) numbers of the clips.
    """

    rows: pa.Table
    one: Rows
    other: Rows

    def column(self, name: str) -> Any:
        """A column as an array."""
        return self.rows.column(name).combine_chunks().to_numpy(zero_copy_only=False)

    def covering(self) -> Edges:
        """What clusters are made of."""
        sure = self.column("kind") != EdgeKind.TIE
        covers, covered = sure & self.column("covers"), sure & self.column("covered")
        repeats = covers & covered & (self.column("rate") > 1)
        return Edges(self.one, self.other, covers, covered, repeats)


def edges(index: Index, related: Sequence[Related], known: pa.Table, fresh: Flags) -> NumberedEdges:
    """Edges of clips that are nobody's copies, one a pair.

    Args:
        related: what was found now. known: edges of before, of which those stay whose clips are
            as they were.
    """
    told = to_arrow("edges", [*_found(index, related), *_instances(index, related, fresh)])
    return _numbered(index, pa.concat_tables([_kept(index, known, fresh), told]))


def _kept(index: Index, known: pa.Table, fresh: Flags) -> pa.Table:
    copied = pc.is_in(known.column("found_by"), pa.array([*EXACT], pa.string()))
    one, other = _ends(index, known)
    as_before = np.append(index.distinct & ~fresh, False)  # the last is nobody
    return known.filter(pa.array(~flags(copied) & as_before[one] & as_before[other]))


def _ends(index: Index, rows: pa.Table) -> tuple[Rows, Rows]:
    """Numbers of both clips of edges; -1 where one is gone."""
    found = []
    for name, pane in (ENDS[:2], ENDS[2:]):
        text = rows.column(pane).cast(pa.string())
        both = pc.binary_join_element_wise(rows.column(name), text, "/")
        found.append(places(both, index.names))
    return found[0], found[1]


def _numbered(index: Index, rows: pa.Table) -> NumberedEdges:
    one, other = _ends(index, rows)
    order = np.lexsort((other, one))
    taken = rows.take(pa.array(order)).combine_chunks()
    return NumberedEdges(taken, one[order], other[order])


def _found(index: Index, related: Iterable[Related]) -> Iterable[EdgeRow]:
    """The best of what was found of each pair: plain and mirrored views of it may both be."""
    best: dict[tuple[int, int], Related] = {}
    for one in sorted(related, key=lambda one: _worth(one)):
        best[one.longer, one.shorter] = one
    return (_edge(index, one) for one in best.values())


def _sure(one: Related) -> bool:
    return one.verdict is Verdict.SAME and (one.covers or one.covered)


def _worth(one: Related) -> tuple[object, ...]:
    return (_sure(one), one.covers, round(one.similarity.speckle, 3), -one.mirrored)


def _edge(index: Index, one: Related) -> EdgeRow:
    sure = _sure(one)
    same = 0 <= index.instances[one.longer] == index.instances[one.shorter]
    exact = same and sure and one.covers and one.covered and not one.mirrored
    return EdgeRow(
        **_clips(index, one.longer, one.shorter),
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


def _clips(index: Index, *clips: int) -> dict[str, Any]:
    parts = [(index.objects[clip].as_py(), int(index.panes[clip])) for clip in clips]
    return dict(zip(ENDS, [one for both in parts for one in both], strict=True))


def _instances(index: Index, related: Iterable[Related], fresh: Flags) -> Iterable[EdgeRow]:
    """Ties of clips of one SOP instance that were not found to show the same.

    Identifiers are copied along and made up anew by who edits files; pixels decide what is dropped.
    """
    seen = {frozenset((one.longer, one.shorter)) for one in related}
    for best, clip in zip(*(some.tolist() for some in instance_pairs(index, fresh)), strict=True):
        if frozenset((best, clip)) not in seen:
            yield EdgeRow(
                **_clips(index, best, clip),
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


def copies(index: Index) -> pa.Table:
    """An edge from each exact copy to the best clip of its pixels, in the order of the copies."""
    clips = np.flatnonzero(~index.distinct)
    first = index.first[clips]
    count = len(clips)
    begun = index.clips.places[index.clips.starts[:-1]]
    columns: dict[str, Any] = {
        "object_id": index.objects.take(pa.array(first)),
        "pane": index.panes[first],
        "other_object": index.objects.take(pa.array(clips)),
        "other_pane": index.panes[clips],
        "kind": [EdgeKind.EXACT] * count,
        "found_by": index.exact_by(clips),
        "shift": (begun[first] - begun[clips]).astype(float),  # they may count from other numbers
        "fingerprint": [""] * count,
        **dict.fromkeys(("covers", "covered"), np.ones(count, bool)),
        "mirrored": np.zeros(count, bool),
        **dict.fromkeys(("rate", "agreed", "likeness", "speckle"), np.ones(count)),
        **dict.fromkeys(("distance", "windows"), np.zeros(count, np.int64)),
    }
    names = schema("edges").names
    return pa.table({name: columns[name] for name in names}, schema=schema("edges"))
