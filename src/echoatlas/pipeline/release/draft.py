"""A release before anything of it is written: what it will hold, and where each sample will lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.database import database
from echoatlas.pipeline.lake.join import coded
from echoatlas.pipeline.lake.join import places as among_known
from echoatlas.pipeline.release.clips import joined_contents
from echoatlas.pipeline.release.contents import contents, with_details
from echoatlas.pipeline.release.cut import CutShard, CutTask, Recipe, files_of
from echoatlas.pipeline.release.earlier import placed_before
from echoatlas.pipeline.release.packing import PAYLOAD, Run, runs, settled_places, thinned
from echoatlas.pipeline.release.pins import pinned
from echoatlas.pipeline.release.places import NOWHERE
from echoatlas.pipeline.release.predecessors import pasts, predecessors, present
from echoatlas.pipeline.release.selection import Selection, selected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.release.cutting import Cutting
    from echoatlas.pipeline.release.without import Screen
    from echoatlas.pipeline.storage import Storage
    from echoatlas.schemas.config.release import ReleaseConfig
    from echoatlas.schemas.manifest import Manifest

SEEN = """
SELECT o.object_id, min(s.ordinal) AS ordinal FROM o JOIN s USING (locator) GROUP BY o.object_id
"""


@dataclass(slots=True)
class Draft:
    """What a release will be.

    Attributes:
        versions: of the lake's tables.
        index: a row a sample. marks, sizes: of each its annotations, and the sizes of their masks.
        places: (n,) ``PLACE``; ``NOWHERE`` for the shard of those that are to be packed.
        shards: by number: of those that lie already, then of those that are packed.
        splits: their names, by number.
        runs: samples to be packed.
        earlier: releases that were packed alike, the newest first.
    """

    config: ReleaseConfig
    versions: dict[str, int]
    selection: Selection
    marks: pa.ListArray
    sizes: pa.ListArray
    places: NDArray[np.void]
    shards: list[dict[str, Any]]
    splits: tuple[str, ...]
    runs: list[Run]
    earlier: list[Manifest]

    @property
    def index(self) -> pa.Table:
        """A row a sample."""
        return self.selection.index

    @property
    def recipe(self) -> Recipe:
        """How its samples are written."""
        codec = "clip" if self.config.unit == "clip" else self.config.codec
        return Recipe(codec, self.config.size)

    def settle(self, run: Run, made: tuple[CutShard, ...]) -> None:
        """Enter where the samples of a run lie now."""
        start = 0
        for shard in made:
            rows = run.rows[start : start + len(shard.places)]
            start += len(shard.places)
            sizes = np.array(shard.places, np.int64)
            for number, name in enumerate(("offset", "length", "overlay", "patches")):
                self.places[name][rows] = sizes[:, number]
            self.places["shard"][rows] = len(self.shards)
            self.shards.append(
                {
                    "file": shard.file,
                    "sha256": shard.sha256,
                    "bytes": shard.bytes,
                    "held": len(shard.places),
                    "origin": self.config.name,
                }
            )


def drafted(
    lake: Lake, releases: Storage, config: ReleaseConfig, screens: Sequence[Screen] = ()
) -> Draft:
    """Select, split, and find out what has to be packed.

    Raises:
        UsageError, CheckFailed: as ``selected``; a release that is there can't be read.
    """
    earlier = predecessors(releases, config)  # what can't be read is told before anything is done
    versions = pinned(lake)
    before = placed_before(releases, config.splits, config.seed)
    selection = selected(lake, versions, config, before, screens)
    index = selection.index
    native = config.size == "native"
    if native:
        index = with_details(index, lake, versions)
    told, counts = _contents(index, lake, versions, native=native)
    if "mark_frames" in told.column_names:
        index = index.append_column("annotation_frames", told.column("mark_frames"))
    payload = told.column("payload").combine_chunks()
    selection.index = index = index.append_column(PAYLOAD, payload)
    splits = tuple(config.splits)
    numbers = among_known(index.column("split"), pa.array(splits)).astype(np.uint16)
    places, shards = settled_places(
        payload, numbers, splits, pasts(releases, earlier, config), present(releases)
    )
    places["frames"] = counts
    if config.min_live:
        places = thinned(places, shards, config.min_live)
    new = np.flatnonzero(places["shard"] == NOWHERE)
    order = _first_seen(lake, versions, index.column("object_id").take(pa.array(new)))
    packing = runs(index, new, order, numbers, splits, counts, config.shard_mb << 20)
    kept = [
        {
            "file": one.file,
            "sha256": one.sha256,
            "bytes": one.bytes,
            "held": one.held,
            "origin": one.origin,
        }
        for one in shards
    ]
    return Draft(
        config,
        versions,
        selection,
        told.column("marks").combine_chunks(),
        told.column("sizes").combine_chunks(),
        places,
        kept,
        splits,
        list(packing),
        earlier,
    )


def cut_tasks(lake: Lake, releases: Storage, draft: Draft, leave: Cutting) -> Iterator[CutTask]:
    """The tasks that pack what is new."""
    if not draft.runs:
        return
    frames = [sample_frames(draft.index, run.rows) for run in draft.runs]
    located = {
        table: lake.located(table, ["frame_id"], draft.versions[table])
        for table in draft.recipe.tables
        if table in draft.versions
    }
    payload = draft.index.column(PAYLOAD)
    for number, (run, named, files) in enumerate(
        zip(draft.runs, frames, files_of(located, frames), strict=True)
    ):
        yield CutTask(
            number=number,
            lake=lake.storage,
            releases=releases,
            recipe=draft.recipe,
            frames=tuple(named.to_pylist()),
            counts=draft.places["frames"][run.rows].astype(np.int64),
            payload=b"".join(payload.take(pa.array(run.rows)).to_pylist()),
            ends=run.ends,
            files=files,
            least=draft.config.shard_mb << 20,
            leave=leave,
        )


def sample_frames(index: pa.Table, rows: NDArray[np.int64]) -> pa.ChunkedArray:
    """The ids of the frames of some samples, one after the other."""
    if "frame_ids" not in index.column_names:
        return index.column("frame_id").take(pa.array(rows))
    return pc.list_flatten(index.column("frame_ids").take(pa.array(rows)))


def _contents(
    index: pa.Table, lake: Lake, versions: dict[str, int], *, native: bool
) -> tuple[pa.Table, NDArray[np.int64]]:
    """What shards hold of each sample, and of how many frames each is."""
    every = np.arange(index.num_rows)
    told = contents(sample_frames(index, every), lake, versions, native=native)
    if "frame_ids" not in index.column_names:
        return told, np.ones(len(every), np.int64)
    counts = index.column("frames").to_numpy()
    return joined_contents(told, counts), counts


def _first_seen(
    lake: Lake, versions: dict[str, int], object_ids: pa.ChunkedArray
) -> NDArray[np.int64]:
    """When objects were first seen in their site, as a number; 0 where that is not known."""
    known, inverse = _distinct(object_ids)
    with database(lake.allowance) as asked:
        for name, table, columns in (
            ("o", "objects", ["object_id", "locator"]),
            ("s", "sightings", ["locator", "ordinal"]),
        ):
            asked.register(name, lake.read(table, columns, version=versions.get(table)))
        seen = asked.sql(SEEN).to_arrow_table()
    if not seen.num_rows:
        return np.zeros(len(object_ids), np.int64)
    at = among_known(known, seen.column("object_id"))
    ordinals = np.append(seen.column("ordinal").to_numpy(), 0)
    return np.asarray(ordinals[at][inverse], np.int64)


def _distinct(values: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int64]]:
    numbers, names = coded(values)
    return names, numbers
