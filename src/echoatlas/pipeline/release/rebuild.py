"""Make the shards of a release again, from its manifest and the lake: byte for byte."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.release.cut import CutTask, Recipe, cut_shards
from echoatlas.pipeline.release.cutting import Cutting, cutting
from echoatlas.pipeline.release.draft import sample_frames
from echoatlas.pipeline.release.frame_files import files_of
from echoatlas.pipeline.release.manifest import index_columns_of, places_of
from echoatlas.pipeline.release.notices import Tell, living
from echoatlas.pipeline.release.predecessors import present
from echoatlas.pipeline.release.shard import PAYLOAD

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest, PublishedShard

Versions = Mapping[str, int | None]  # of tables; None for the newest


def remade(
    lake: Lake,
    releases: Storage,
    name: str,
    to: Storage | None = None,
    tell: Tell = warnings.warn,
) -> int:
    """Write those shards of a release that are missing or damaged, or all of them elsewhere.

    Of one that was redacted, those of its successor. A shard is cut of the tables that the release
    which it was first cut for has pinned; where the lake has not got these any more, as after an
    erasure or a sweep, of the newest, whose bytes then have to be those that were published.

    Args:
        to: where they are written if not beside the releases.
        tell: is given what is said of the release.

    Returns:
        The number of shards that were written.

    Raises:
        UsageError: there is no such release, nothing is left of it, or an erasure is open.
        CheckFailed: its format is older than this, the lake has not got what it was cut of any
            more, or what came out differs from what was published.
    """
    manifest = living(releases, name, tell)
    if manifest.places is None:
        raise CheckFailed(f"release '{name}' is of a format whose shards can't be made again")
    missing: dict[str, list[PublishedShard]] = {}
    for shard in manifest.shards:
        if to is not None or not _is_there(releases, shard):
            missing.setdefault(shard.origin, []).append(shard)
    if not missing:
        return 0
    number = 0
    with cutting(lake.storage, releases, name) as leave:
        for first, shards in sorted(missing.items()):
            origin = living(releases, first, _untold)
            for shard in shards:
                if shard.file not in {one.file for one in origin.shards}:
                    raise CheckFailed(f"nobody can tell any more what {shard.file} holds")
            if to is None:  # what is there of them is damaged, and would be left as it is
                releases.delete([shard.file for shard in shards])
            _made_of_any(lake, leave, origin, shards, to or releases)
            number += len(shards)
    return number


def _is_there(releases: Storage, shard: PublishedShard) -> bool:
    """Whether a shard is as it was published."""
    try:
        return hashlib.sha256(releases.read(shard.file)).hexdigest() == shard.sha256
    except FileNotFoundError:
        return False


def _untold(said: str) -> None: ...


def _made_of_any(
    lake: Lake, leave: Cutting, origin: Manifest, shards: list[PublishedShard], to: Storage
) -> None:
    """Make shards of the tables that were pinned, or else of the newest."""
    pinned = {name: origin.tables[name] for name in _recipe(origin).tables if name in origin.tables}
    if all(lake.can_read(name, version) for name, version in pinned.items()):
        with suppress(FileNotFoundError):
            _made(lake, leave, origin, pinned, shards, to)
            return
    try:
        _made(lake, leave, origin, dict.fromkeys(pinned), shards, to)
    except FileNotFoundError:
        raise CheckFailed(f"the lake has not got what '{origin.name}' was cut of") from None


def _made(
    lake: Lake,
    leave: Cutting,
    origin: Manifest,
    versions: Versions,
    shards: list[PublishedShard],
    to: Storage,
) -> None:
    for task, shard in _tasks(lake, leave, origin, versions, shards, to):
        before = present(to)
        try:
            (made,) = cut_shards(task)
        finally:
            to.delete([task.key])
        if made.sha256 != shard.sha256:
            to.delete({made.file} - before)
            raise CheckFailed(
                f"{shard.file} came out otherwise: EchoAtlas {origin.version} cut it, or other "
                "files"
            )


def _recipe(origin: Manifest) -> Recipe:
    return Recipe(origin.image_codec, origin.config.size)


def _tasks(
    lake: Lake,
    leave: Cutting,
    origin: Manifest,
    versions: Versions,
    shards: list[PublishedShard],
    to: Storage,
) -> Iterator[tuple[CutTask, PublishedShard]]:
    """A task for each shard, of all samples that the release of its origin lists in it."""
    recipe = _recipe(origin)
    clips = ["frame_ids"] if origin.config.unit == "clip" else []
    index = index_columns_of(leave.releases, origin, ["frame_id", PAYLOAD, *clips])
    places = places_of(leave.releases, origin)
    numbers = {shard.file: number for number, shard in enumerate(origin.shards)}
    rows = []
    for shard in shards:
        mine = np.flatnonzero(places["shard"] == numbers[shard.file])
        rows.append(mine[np.argsort(places["offset"][mine], kind="stable")])
    ids = [sample_frames(index, one) for one in rows]
    told = zip(shards, rows, ids, files_of(lake, versions, ids), strict=True)
    for number, (shard, mine, frames, files) in enumerate(told):
        payload = index.column(PAYLOAD).take(pa.array(mine)).to_pylist()
        yield (
            CutTask(
                number=number,
                lake=lake.storage,
                releases=to,
                recipe=recipe,
                frames=tuple(frames.to_pylist()),
                counts=places["frames"][mine].astype(np.int64),
                payload=b"".join(payload),
                ends=np.ones(len(mine), bool),
                files=files,
                least=0,
                leave=leave,
            ),
            shard,
        )
