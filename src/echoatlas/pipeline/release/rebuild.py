"""Make the shards of a release again, from its manifest and the lake: byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.release.cut import CutTask, Recipe, cut_shards, files_of
from echoatlas.pipeline.release.draft import sample_frames
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of, places_of
from echoatlas.pipeline.release.packing import PAYLOAD
from echoatlas.pipeline.release.predecessors import present

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage import Storage
    from echoatlas.schemas.manifest import Manifest, PublishedShard


def remade(lake: Lake, releases: Storage, name: str, to: Storage | None = None) -> int:
    """Write those shards of a release that are missing, or all of them elsewhere.

    A shard is cut of the tables that the release which it was first cut for has pinned.

    Args:
        to: where they are written if not beside the releases.

    Returns:
        The number of shards that were written.

    Raises:
        UsageError: there is no such release.
        CheckFailed: its format is older than this, the lake has not got what it was cut of any
            more, or what came out differs from what was published.
    """
    manifest = manifest_of(releases, name)
    if manifest.places is None:
        raise CheckFailed(f"release '{name}' is of a format whose shards can't be made again")
    there = present(releases) if to is None else frozenset[str]()
    missing: dict[str, list[PublishedShard]] = {}
    for shard in manifest.shards:
        if shard.file not in there:
            missing.setdefault(shard.origin, []).append(shard)
    number = 0
    for origin, shards in sorted(missing.items()):
        try:
            for task, shard in _tasks(lake, releases, manifest_of(releases, origin), shards, to):
                _made_again(task, shard, manifest)
                number += 1
        except FileNotFoundError:
            raise CheckFailed(f"the lake has not got what '{origin}' was cut of") from None
    return number


def _made_again(task: CutTask, shard: PublishedShard, manifest: Manifest) -> None:
    try:
        (made,) = cut_shards(task)
    finally:
        task.releases.delete([task.key])
    if made.sha256 != shard.sha256:
        task.releases.delete([made.file])
        raise CheckFailed(
            f"{shard.file} came out otherwise: EchoAtlas {manifest.version} cut it, or other files"
        )


def _tasks(
    lake: Lake,
    releases: Storage,
    origin: Manifest,
    shards: list[PublishedShard],
    to: Storage | None,
) -> Iterator[tuple[CutTask, PublishedShard]]:
    """A task for each shard, of all samples that the release of its origin lists in it."""
    recipe = Recipe(origin.image_codec, origin.config.size)
    clips = ["frame_ids"] if origin.config.unit == "clip" else []
    index = index_columns_of(releases, origin, ["frame_id", PAYLOAD, *clips])
    places = places_of(releases, origin)
    numbers = {shard.file: number for number, shard in enumerate(origin.shards)}
    rows = []
    for shard in shards:
        mine = np.flatnonzero(places["shard"] == numbers[shard.file])
        rows.append(mine[np.argsort(places["offset"][mine], kind="stable")])
    ids = [sample_frames(index, one) for one in rows]
    located = {
        table: lake.located(table, "frame_id", origin.tables[table])
        for table in recipe.tables
        if table in origin.tables
    }
    told = zip(shards, rows, ids, files_of(located, ids), strict=True)
    for number, (shard, mine, frames, files) in enumerate(told):
        payload = index.column(PAYLOAD).take(pa.array(mine)).to_pylist()
        yield (
            CutTask(
                number=number,
                lake=lake.storage,
                releases=to or releases,
                recipe=recipe,
                frames=tuple(frames.to_pylist()),
                counts=places["frames"][mine].astype(np.int64),
                payload=b"".join(payload),
                ends=np.ones(len(mine), bool),
                files=files,
                least=0,
            ),
            shard,
        )
