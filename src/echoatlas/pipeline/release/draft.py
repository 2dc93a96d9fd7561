"""A release before anything of it is written: what it will hold, and where each sample will lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.lake.join import coded
from echoatlas.pipeline.lake.join import places as among_known
from echoatlas.pipeline.lake.views import views
from echoatlas.pipeline.release.clips import joined_contents
from echoatlas.pipeline.release.contents import contents, put_details
from echoatlas.pipeline.release.cut import CutShard, CutTask, Recipe
from echoatlas.pipeline.release.earlier import placed_before
from echoatlas.pipeline.release.frame_files import files_of
from echoatlas.pipeline.release.packing import (
    PACKED_BY,
    Run,
    runs,
    settled_places,
    thinned,
)
from echoatlas.pipeline.release.pins import pinned
from echoatlas.pipeline.release.places import NOWHERE
from echoatlas.pipeline.release.predecessors import pasts, predecessors, present
from echoatlas.pipeline.release.selection import Selection, selected
from echoatlas.pipeline.release.shard import PAYLOAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.release.candidates import Candidates
    from echoatlas.pipeline.release.cutting import Cutting
    from echoatlas.pipeline.release.without import Screen
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.config.release import ReleaseConfig
    from echoatlas.schemas.manifest import Manifest

SEEN = """
SELECT o.object_id, min(s.ordinal) AS ordinal FROM o SEMI JOIN known USING (object_id)
    JOIN s USING (locator) GROUP BY o.object_id
"""


@dataclass(slots=True)
class Draft:
    """What a release will be.

    Attributes:
        versions: of the lake's tables.
        payload: of each sample a hash. marks, sizes: its annotations, and the sizes of their masks.
        places: (n,) ``PLACE``; ``NOWHERE`` for the shard of those that are to be packed.
        digests: (n, 16) of what lies in shards; zeros where nobody knows.
        shards: by number: of those that lie already, then of those that are packed.
        splits: their names, by number.
        runs: samples to be packed.
        earlier: releases that were packed alike, the newest first.
    """

    config: ReleaseConfig
    versions: dict[str, int]
    selection: Selection
    payload: pa.Array
    marks: pa.ListArray
    sizes: pa.ListArray
    places: NDArray[np.void]
    digests: NDArray[np.uint8]
    shards: list[dict[str, Any]]
    splits: tuple[str, ...]
    runs: list[Run]
    earlier: list[Manifest]

    @property
    def samples(self) -> Candidates:
        """A row a sample."""
        return self.selection.samples

    @property
    def recipe(self) -> Recipe:
        """How its samples are written."""
        codec = "clip" if self.config.unit == "clip" else self.config.codec
        return Recipe(codec, self.config.size)

    def unpacked(self) -> int:
        """Bytes of the pixels of all samples that are to be packed."""
        sides = self.samples.fetched(["width", "height", "channels"])
        pixels = np.prod([column.to_numpy() for column in sides.columns], axis=0)
        new = [run.rows for run in self.runs]
        return sum(int((self.places["frames"][rows] * pixels[rows]).sum()) for rows in new)

    def settle(self, run: Run, made: tuple[CutShard, ...]) -> None:
        """Enter where the samples of a run lie now."""
        start = 0
        for shard in made:
            rows = run.rows[start : start + len(shard.places)]
            start += len(shard.places)
            sizes = np.array(shard.places, np.int64)
            for number, name in enumerate(("offset", "length", "overlay", "patches")):
                self.places[name][rows] = sizes[:, number]
            digests = np.frombuffer(bytes.fromhex(shard.digests), np.uint8)
            self.digests[rows] = digests.reshape(len(rows), -1)
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


@contextmanager
def drafted(
    lake: Lake, releases: Storage, config: ReleaseConfig, screens: Sequence[Screen] = ()
) -> Iterator[Draft]:
    """Select, split, and find out what has to be packed; to be carried out while the block lasts.

    Raises:
        UsageError, CheckFailed: as ``selected``; a release that is there can't be read.
    """
    earlier = predecessors(releases, config)  # what can't be read is told before anything is done
    with lake.kept_open():  # pinned versions do not change
        versions = pinned(lake)
        before = placed_before(releases, config)
        with selected(lake, versions, config, before, screens) as selection:
            yield _drafted(lake, releases, config, versions, selection, earlier)


def _drafted(
    lake: Lake,
    releases: Storage,
    config: ReleaseConfig,
    versions: dict[str, int],
    selection: Selection,
    earlier: list[Manifest],
) -> Draft:
    samples = selection.samples
    native = config.size == "native"
    if native:
        put_details(samples, lake, versions)
    told, counts = _contents(samples, lake, versions, native=native)
    if "mark_frames" in told.column_names:
        samples.put("annotation_frames", told.column("mark_frames"))
    payload = told.column("payload").combine_chunks()
    samples.put(PAYLOAD, payload)
    splits = tuple(config.splits)
    said = samples.coded(["split"]).column(0)
    codes, known = coded(said)
    numbers = among_known(known, pa.array(splits, pa.string()))[codes].astype(np.uint16)
    places, digests, shards = settled_places(
        payload, numbers, splits, pasts(releases, earlier, config), present(releases)
    )
    places["frames"] = counts
    if config.min_live:
        places = thinned(places, shards, config.min_live)
    new = np.flatnonzero(places["shard"] == NOWHERE)
    packing: list[Run] = []
    if len(new):
        keys = samples.coded(PACKED_BY).take(pa.array(new))
        order = _first_seen(lake, versions, keys.column("object_id"))
        packing = list(runs(keys, new, order, numbers, splits, counts, config.shard_mb << 20))
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
        payload,
        told.column("marks").combine_chunks(),
        told.column("sizes").combine_chunks(),
        places,
        digests,
        kept,
        splits,
        packing,
        earlier,
    )


def cut_tasks(lake: Lake, releases: Storage, draft: Draft, leave: Cutting) -> Iterator[CutTask]:
    """The tasks that pack what is new."""
    if not draft.runs:
        return
    named_frames = frames_in(draft.samples)
    frames = [sample_frames(named_frames, run.rows) for run in draft.runs]
    recipe, versions = draft.recipe, draft.versions
    tables: dict[str, int | None] = {
        table: versions[table] for table in recipe.tables if table in versions
    }
    for number, (run, named, files) in enumerate(
        zip(draft.runs, frames, files_of(lake, tables, frames), strict=True)
    ):
        yield CutTask(
            number=number,
            lake=lake.storage,
            releases=releases,
            recipe=recipe,
            frames=tuple(named.to_pylist()),
            counts=draft.places["frames"][run.rows].astype(np.int64),
            payload=b"".join(draft.payload.take(pa.array(run.rows)).to_pylist()),
            ends=run.ends,
            files=files,
            least=draft.config.shard_mb << 20,
            leave=leave,
        )


def frames_in(samples: Candidates) -> pa.Table:
    """The ids of the frames of all samples, as ``sample_frames`` wants them."""
    return samples.fetched(["frame_ids" if "frame_ids" in samples.names else "frame_id"])


def sample_frames(index: pa.Table, rows: NDArray[np.int64]) -> pa.ChunkedArray:
    """The ids of the frames of some samples, one after the other."""
    if "frame_ids" not in index.column_names:
        return index.column("frame_id").take(pa.array(rows))
    return pc.list_flatten(index.column("frame_ids").take(pa.array(rows)))


def _contents(
    samples: Candidates, lake: Lake, versions: dict[str, int], *, native: bool
) -> tuple[pa.Table, NDArray[np.int64]]:
    """What shards hold of each sample, and of how many frames each is."""
    (ids,) = frames_in(samples).columns
    if "frame_ids" not in samples.names:
        return contents(ids, lake, versions, native=native), np.ones(len(samples), np.int64)
    told = contents(pc.list_flatten(ids), lake, versions, native=native)
    counts = samples.fetched(["frames"]).column(0).to_numpy()
    return joined_contents(told, counts), counts


def _first_seen(
    lake: Lake, versions: dict[str, int], object_ids: pa.ChunkedArray
) -> NDArray[np.int64]:
    """When objects were first seen in their site, as a number; 0 where that is not known."""
    inverse, known = coded(object_ids)
    tables = (
        ("o", "objects", ("object_id", "locator")),
        ("s", "sightings", ("locator", "ordinal")),
    )
    with views(lake, tables, versions) as asked:
        asked.register("known", pa.table({"object_id": known}))
        seen = asked.sql(SEEN).to_arrow_table()
    if not seen.num_rows:
        return np.zeros(len(object_ids), np.int64)
    at = among_known(known, seen.column("object_id"))
    ordinals = np.append(seen.column("ordinal").to_numpy(), 0)
    return np.asarray(ordinals[at][inverse], np.int64)
