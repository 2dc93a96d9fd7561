"""Find what shows the same in a whole lake, or what is new in it shows of the rest.

1. Exact copies are told by their pixels, their bytes, or the coded pictures in them.
2. Candidates: all pairs of frames whose hashes are near, the fan's or the whole image's (``index``,
   ``hamming``), and of those of one SOP instance. After a first run, only pairs with a clip that is
   new are looked for.
3. Each pair of clips is looked at (``clips``, ``similarity``): same, in part, undecided, different.
4. Edges make clusters and ties (``clusters``), and these the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import duplicate_rows
from echoatlas.pipeline.deduplicate.candidates import Found, matches, same_instances
from echoatlas.pipeline.deduplicate.clips import Related
from echoatlas.pipeline.deduplicate.clusters import clustered
from echoatlas.pipeline.deduplicate.hamming import (
    Flags,
    Rows,
    cut,
    expanded,
    pairs_within,
    runs_of,
    tasks,
)
from echoatlas.pipeline.deduplicate.index import Codes, Index, indexed, joins
from echoatlas.pipeline.deduplicate.similarity import SimilarityConfig
from echoatlas.pipeline.deduplicate.tasks import (
    JoinTask,
    Read,
    Scatter,
    answers,
    here,
    join,
    look,
    look_tasks,
    share,
)
from echoatlas.pipeline.step import setting, step
from echoatlas.pipeline.storage import Storage
from echoatlas.schemas.rows.duplicates import EdgeRow
from echoatlas.schemas.values import FoundBy

EXACT = (
    FoundBy.PIXELS,
    FoundBy.BYTES,
    FoundBy.CODESTREAM,
)  # what needs no look: told anew by each run
SCATTERED = 200_000  # codes below which a join is not worth another process


@dataclass(frozen=True, slots=True)
class DeduplicateConfig:
    """When two clips show the same.

    Attributes:
        max_distance: bits of 256 between hashes of frames that are looked at.
        min_likeness: correlation that registered thumbnails must have.
        min_speckle: correlation of speckle away from edges, from which it is the same picture.
        doubt: the same, from which it can't be told: such clips are tied for splitting.
        mirrors: whether left-right mirrors are looked for.
    """

    max_distance: int = setting(32, 0, 64, "bits", was="radius")
    min_likeness: float = setting(0.8, -1, 1, "correlation", was="likeness")
    min_speckle: float = setting(0.55, -1, 1, "correlation", was="speckle")
    doubt: float = setting(0.3, -1, 1, "correlation")
    mirrors: bool = True

    @property
    def similarity(self) -> SimilarityConfig:
        """What the thumbnails are asked."""
        return SimilarityConfig(
            likeness=self.min_likeness, speckle=self.min_speckle, doubt=self.doubt
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier run found: clips by name with the digest of what was joined, and edges."""

    digests: Mapping[str, str] = field(default_factory=dict)
    edges: Sequence[EdgeRow] = ()


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
        looked_at: pairs of clips. fresh: clips that were joined with all.
    """

    edges: list[EdgeRow]
    clips: pa.Table
    duplicates: pa.Table
    looked_at: int = 0
    fresh: int = 0


@step("deduplicate", version=5)
def deduplicate(
    frames: pa.Table,
    thumbnails: Read,
    config: DeduplicateConfig = DeduplicateConfig(),
    known: Known = Known(),
    workers: Workers = Workers(),
    sources: pa.Table | None = None,
) -> Deduplicated:
    """Cluster clips that show the same.

    Args:
        frames: the columns of ``index.COMPARED``; a lower ``rank`` makes the better
            representative. Frames too flat to hash have empty hashes, and are compared by their
            pixels only.
        thumbnails: brings those of the frames that have to be looked at; a worker must be able to
            import it.
        known: what of it was found before.
        sources: the columns of ``exact.SOURCES``, a row an object, as far as anything is known.

    Returns:
        The same for any order of the input, any number of workers, and whatever was known.

    Raises:
        Retry: a worker died, each time.
    """
    index = indexed(frames, sources)
    distinct = index.first == np.arange(len(index.names))
    digests = [one if it else "" for one, it in zip(index.digests, distinct, strict=True)]
    pairs = zip(index.names, digests, strict=True)
    fresh = np.array([known.digests.get(name) != digest for name, digest in pairs], bool)
    found = [
        Found.of(codes, _joined(index, codes, fresh, config.max_distance, workers))
        for codes in joins(index, mirrors=config.mirrors)
    ]
    found.append(same_instances(index, fresh))
    candidates = matches(index, found)
    related: list[Related] = []
    if candidates:
        ids = index.frames.column("frame_id")
        starts = index.clips.starts

        def ids_of(clip: int) -> tuple[str, ...]:
            start, stop = int(starts[clip]), int(starts[clip + 1])
            return tuple(ids.slice(start, stop - start).to_pylist())

        looks = look_tasks(
            candidates, index.clips, ids_of, thumbnails, config.similarity, workers.shares
        )
        for some in answers(workers.scatter, look, looks):
            related += some
    told = duplicate_rows.instances(index, related, fresh)
    edges = duplicate_rows.edges(index, related, [*_kept(index, known, fresh, distinct), *told])
    groups = clustered(index.ranks, duplicate_rows.numbered(index, edges), index.first)
    return Deduplicated(
        edges=[*edges, *duplicate_rows.copies(index)],
        clips=duplicate_rows.clip_table(index, digests, edges, groups),
        duplicates=duplicate_rows.duplicate_table(index, edges, groups),
        looked_at=len(candidates),
        fresh=int(fresh.sum()),
    )


def _kept(index: Index, known: Known, fresh: Flags, distinct: Flags) -> list[EdgeRow]:
    """Edges found before, between clips that are as they were."""
    still = {
        name for name, new, own in zip(index.names, fresh, distinct, strict=True) if own and not new
    }
    return [
        edge
        for edge in known.edges
        if edge.found_by not in EXACT
        and f"{edge.object_id}/{edge.pane}" in still
        and f"{edge.other_object}/{edge.other_pane}" in still
    ]


def _joined(index: Index, codes: Codes, fresh: Flags, radius: int, workers: Workers) -> Rows:
    """Near pairs of codes of different clips; of clips known before, none with each other."""
    clips = index.clip[codes.rows]
    new: NDArray[np.bool_] = fresh[clips]
    if not new.any():
        return np.empty((0, 3), np.int64)
    few = len(clips) < SCATTERED or new.sum() * 8 < len(new)
    if few or workers.shares == 1 or workers.storage is None:
        few_new = None if new.sum() * 8 >= len(new) else new
        pairs = pairs_within(codes.codes, radius, clips, codes.probes, few_new)
    else:
        words = np.ascontiguousarray(codes.codes).view(np.uint64)
        runs = runs_of(words, clips, codes.probes)
        key = share(workers.storage, runs)
        pieces = cut(runs, radius)
        jobs = [
            JoinTask((number, part[0]), workers.storage, key, pieces[number], radius, part)
            for number, part in tasks(pieces, workers.shares)
        ]
        pairs = expanded(runs, answers(workers.scatter, join, jobs), radius)
        workers.storage.delete([key])
    asked = new[pairs[:, 0]] | new[pairs[:, 1]]
    return pairs[asked]
