"""Find what shows the same in a whole lake, or what is new in it shows of the rest.

1. Exact copies are told by their pixels, their bytes, or the coded pictures in them.
2. Candidates: all pairs of frames whose hashes are near, the fan's or the whole image's (``index``,
   ``hamming``), and of those of one SOP instance. After a first run, only pairs with a clip that is
   new are looked for.
3. Each pair of clips is looked at (``clips``, ``similarity``): same, in part, undecided, different.
4. Edges make clusters and ties (``clusters``), and these the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import edge_rows
from echoatlas.pipeline.deduplicate.candidates import Found, matches, same_instances
from echoatlas.pipeline.deduplicate.clips import Related
from echoatlas.pipeline.deduplicate.clusters import clustered
from echoatlas.pipeline.deduplicate.compared_frames import Frames
from echoatlas.pipeline.deduplicate.config import DeduplicateConfig
from echoatlas.pipeline.deduplicate.duplicate_rows import FormerClips, clip_table, duplicate_table
from echoatlas.pipeline.deduplicate.hamming import (
    FEW,
    Flags,
    Rows,
    cut,
    expanded,
    pairs_within,
    runs_of,
    tasks,
)
from echoatlas.pipeline.deduplicate.index import Codes, Index, indexed, joins
from echoatlas.pipeline.deduplicate.tasks import (
    JoinTask,
    Open,
    Scatter,
    answers,
    here,
    join,
    look,
    look_tasks,
    share,
    unshare,
)
from echoatlas.pipeline.lake.join import among, flags
from echoatlas.pipeline.step import step
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.tables import schema

SCATTERED = 200_000  # codes below which a join is not worth another process
MANY = 0.25  # of all clips, that something changed of, from which on all rows are written anew


def _nothing(name: str) -> pa.Table:
    return schema(name).empty_table()


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier run by the same step and settings found: its tables of clips and edges.

    Attributes:
        anew: that all rows are wanted all the same.
        part: that the frames are a part of the lake which nothing ties to the rest, and these
            tables that part's: what changed is told, however much it is.
    """

    clips: pa.Table = field(default_factory=lambda: _nothing("clips"))
    edges: pa.Table = field(default_factory=lambda: _nothing("edges"))
    anew: bool = False
    part: bool = False


@dataclass(frozen=True, slots=True)
class Workers:
    """Who does the work: this process, if nothing else is given.

    Attributes:
        scatter: as of ``Cluster``. shares: tasks to make of a kind of work.
        storage: the lake's, for what tasks share.
    """

    scatter: Scatter = here
    shares: int = 1
    storage: Storage | None = None


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """The three tables, without fingerprints, and what was done for them.

    Attributes:
        edges, clips: all of them.
        duplicates: those of the groups that anything changed of.
        objects: whose rows of edges and clips changed, or went; None if all are to be written.
        ties: the groups, by ``tie``, whose duplicates are to be written in the place of what there
            is of them; None if all are.
        looked_at: pairs of clips. fresh: clips that were joined with all.
        index: all frames that were compared.
    """

    edges: pa.Table
    clips: pa.Table
    duplicates: pa.Table
    index: Index
    objects: pa.Array | None = None
    ties: pa.Array | None = None
    looked_at: int = 0
    fresh: int = 0


@step("deduplicate", version=7)
def deduplicate(
    frames: Frames,
    pictures: Open,
    config: DeduplicateConfig = DeduplicateConfig(),
    known: Known = Known(),
    workers: Workers = Workers(),
    sources: pa.Table | None = None,
) -> Deduplicated:
    """Cluster clips that show the same.

    Args:
        frames: the columns of ``compared_frames.COMPARED``; a lower ``rank`` makes the better
            representative. Frames too flat to hash have empty hashes, and are compared by their
            pixels only. And ``file``, if it is known where thumbnails lie.
        pictures: gives who brings the thumbnails of frames that have to be looked at, from some
            files alone; a worker must be able to import that.
        known: what of it was found before.
        sources: the columns of ``exact.SOURCES``, a row an object, as far as anything is known.

    Returns:
        The same for any order of the input, any number of workers, and whatever was known.

    Raises:
        Retry: a worker died, each time.
    """
    index = indexed(frames, sources)
    before = FormerClips.of(index, known.clips)
    fresh = before.fresh
    found: list[Found] = []
    for codes in joins(index, mirrors=config.mirrors):
        found.append(Found.of(codes, _joined(index, codes, fresh, config.max_distance, workers)))
        del codes  # before the next are made
    found.append(same_instances(index, fresh))
    candidates = matches(index, found)
    related: list[Related] = []
    if candidates:
        looks = look_tasks(candidates, index, pictures, config.similarity, workers.shares)
        for some in answers(workers.scatter, look, looks):
            related += some
    edges = edge_rows.edges(index, related, known.edges, fresh)
    groups = clustered(index.ranks, edges.covering(), index.first)
    clips = clip_table(index, edges, groups, before)
    every_edge = pa.concat_tables([edges.rows, edge_rows.copies(index)])
    changed = _changed(clips, before)
    asked, objects, ties = np.ones(len(changed), bool), None, None
    if known.part or (not known.anew and changed.sum() < MANY * len(changed)):
        asked, ties = _regrouped(clips, before, changed)
        objects = _touched(clips, before, changed, every_edge, known.edges)
    return Deduplicated(
        edges=every_edge,
        clips=clips,
        duplicates=duplicate_table(index, clips, edges, groups, asked),
        index=index,
        objects=objects,
        ties=ties,
        looked_at=len(candidates),
        fresh=int(fresh.sum()),
    )


def _changed(clips: pa.Table, before: FormerClips) -> Flags:
    """Of which clips anything is said that was not said before."""
    at = pa.array(before.at, mask=before.at < 0)
    differs = before.at < 0
    for name in clips.column_names:
        if name != "fingerprint":
            was = before.rows.column(name).take(at)
            differs = differs | flags(pc.not_equal(clips.column(name), was))
    return np.asarray(differs)


def _regrouped(clips: pa.Table, before: FormerClips, changed: Flags) -> tuple[Flags, pa.Array]:
    """The groups that changed clips are and were in, all their clips, and those that are gone."""
    gone = np.ones(before.rows.num_rows, bool)
    gone[before.at[before.at >= 0]] = False
    gone[before.at[changed & (before.at >= 0)]] = True
    now = clips.column("tie")
    ties = pa.concat_arrays(
        [
            some.combine_chunks()
            for some in (now.filter(pa.array(changed)), before.rows.column("tie").filter(gone))
        ]
    ).unique()
    return among(now, ties), ties


def _touched(
    clips: pa.Table, before: FormerClips, changed: Flags, edges: pa.Table, known: pa.Table
) -> pa.Array:
    """The objects, as the first of an edge or of a clip, of which any row changed or went."""
    gone = np.ones(before.rows.num_rows, bool)
    gone[before.at[before.at >= 0]] = False
    objects = [
        clips.column("object_id").filter(pa.array(changed)),
        before.rows.column("object_id").filter(pa.array(gone)),
    ]
    for some, others in ((edges, known), (known, edges)):
        there = among(_told(some), _told(others))
        objects.append(some.column("object_id").filter(pa.array(~there)))
    return pa.concat_arrays([one.combine_chunks() for one in objects]).unique()


def _told(edges: pa.Table) -> pa.ChunkedArray:
    """All that an edge says, as one text."""
    parts = [edges.column(name).cast(pa.string()) for name in edges.column_names[:-1]]
    return pc.binary_join_element_wise(*parts, "|")


def _joined(index: Index, codes: Codes, fresh: Flags, radius: int, workers: Workers) -> Rows:
    """Near pairs of codes of different clips; of clips known before, none with each other."""
    clips = index.clip[codes.rows]
    new: NDArray[np.bool_] = fresh[clips]
    if not new.any():
        return np.empty((0, 3), np.int64)
    few = len(clips) < SCATTERED or new.sum() * FEW < len(new)
    if few or workers.shares == 1 or workers.storage is None:
        return pairs_within(codes.codes, radius, clips, codes.probes, new)
    words = np.ascontiguousarray(codes.codes).view(np.uint64)
    runs = runs_of(words, clips, codes.probes)
    folder = share(workers.storage, runs)
    pieces = cut(runs, radius)
    jobs = [
        JoinTask((number, part[0]), workers.storage, folder, pieces[number], radius, part)
        for number, part in tasks(pieces, workers.shares)
    ]
    pairs = expanded(runs, answers(workers.scatter, join, jobs), radius)
    unshare(workers.storage)
    return pairs[new[pairs[:, 0]] | new[pairs[:, 1]]]
