"""The releases' side of an erasure: each that holds what goes is followed by one that does not.

A release never changes. One that holds what goes is followed by another, ``NAME+r1``: the same
samples in the same splits, without these. The old one keeps its manifest and gets a notice that
sends whoever asks for it to its successor. What goes is found by the indexes of all releases first;
then workers write the shards anew that hold any of it, each once for all releases that share it;
no other shard is read, but for those with samples that no release lists any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.erase.lean import LeanShard, ShardTask, leaner, unlisted
from echoatlas.pipeline.erase.samples import columns_asked, going
from echoatlas.pipeline.erase.successor import follower_of, publish_successor, silent
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.lake.join import among
from echoatlas.pipeline.release.kin import GROUP, KIN
from echoatlas.pipeline.release.manifest import (
    index_groups,
    manifest_of,
    names,
    places_of,
)
from echoatlas.pipeline.release.notices import (
    REDACTED,
    living_names,
    notices,
    publish,
    redaction_notice,
    without_successor,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.engine.scatter import Done
    from echoatlas.pipeline.erase.doomed import Doomed
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest, PublishedShard

Scatter = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator["Done[Any, Any]"]]


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of a release.

    Attributes:
        successor: "" if nothing is left.
        frames: samples that it lost.
        damaged: shards that were damaged before, so that all in them went.
        instead: what to use now, in words.
    """

    release: str
    successor: str
    frames: int
    damaged: int = 0
    instead: str = ""


@dataclass(slots=True)
class _Seen:
    """What the indexes of all living releases say.

    Attributes:
        goes: release to (n,) bool, which of its samples go.
        frames: ids of frames that go: of the lake, and of samples by which they are called.
        shards: by their keys. listed: to the places of images that any release lists, ascending.
        gone: to samples that go.
    """

    frames: set[str]
    goes: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    shards: dict[str, PublishedShard] = field(default_factory=dict)
    listed: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def redact_releases(
    lake: Lake, releases: Storage, gone: Doomed, why: str, scatter: Scatter
) -> None:
    """Redact all releases that hold any of what goes; once more goes on where it was cut off.

    Args:
        why: what readers of such a release are told.
        scatter: has workers write shards anew.

    Raises:
        CheckFailed: the index of a release is damaged: rebuild or delete it first.
    """
    living = {name: manifest_of(releases, name) for name in living_names(releases)}
    seen = _Seen(set(gone.frames))
    for manifest in living.values():
        _look_at(releases, manifest, gone, seen)
    lean = _leaned(lake, releases, gone, seen, scatter)
    affected = [
        name for name, one in living.items() if _is_affected(releases, one, gone, seen, lean)
    ]
    # One of before format 2 has none: cut so again are none, and its shards say who is in them
    followers = {
        name: follower_of(releases, name)
        for name in affected
        if living[name].places is not None and not seen.goes[name].all()
    }
    for name in affected:
        manifest = living[name]
        successor = ""
        if name in followers:
            successor = publish_successor(
                lake, releases, manifest, followers, ~seen.goes[name], seen.frames, gone, lean
            )
        files = {f"{manifest.index.sha256}.parquet", *(one.file for one in manifest.shards)}
        if successor:
            files -= {one.file for one in manifest_of(releases, successor).shards}
        damaged = sum(one.file in lean and lean[one.file].damaged for one in manifest.shards)
        publish(releases, name, redaction_notice(why, successor, sorted(files), damaged))


def _look_at(releases: Storage, manifest: Manifest, gone: Doomed, seen: _Seen) -> None:
    """Learn from one release's index what goes, and where it lies."""
    columns = columns_asked(manifest) if manifest.places else None
    keys: list[str] = []
    found = [np.zeros(0, bool)]
    for index in index_groups(releases, manifest, columns):
        found.append(going(index, gone))
        keys += index.column("frame_id").filter(pa.array(found[-1])).to_pylist()
    seen.goes[manifest.name] = goes = np.concatenate(found)
    seen.frames |= set(keys)
    if manifest.places is None:
        return
    places = places_of(releases, manifest)
    for key, number in zip(keys, places["shard"][goes].tolist(), strict=True):
        seen.gone[manifest.shards[number].file].add(key)
    order = np.lexsort((places["offset"], places["shard"]))
    bounds = np.searchsorted(places["shard"][order], np.arange(len(manifest.shards) + 1))
    offsets = places["offset"][order].astype(np.int64)
    for shard, start, stop in zip(manifest.shards, bounds[:-1], bounds[1:], strict=True):
        seen.shards[shard.file] = shard
        known = seen.listed.get(shard.file, np.zeros(0, np.int64))
        seen.listed[shard.file] = np.union1d(known, offsets[start:stop])


def _leaned(
    lake: Lake, releases: Storage, gone: Doomed, seen: _Seen, scatter: Scatter
) -> dict[str, LeanShard]:
    """Have the shards written anew that hold what goes.

    A shard may hold samples that no release lists any more, since who listed them was deleted. Of
    these go also those of frames that the lake does not know: nobody can tell whose they are.
    """
    tasks = {
        file: ShardTask(releases, file, one.sha256, seen.listed[file])
        for file, one in seen.shards.items()
    }
    asked = [tasks[file] for file, one in seen.shards.items() if one.held > len(seen.listed[file])]
    strange = {done.task.file: set(_answer(done)) for done in scatter(unlisted, asked)}
    known = _in_lake(lake, {key for keys in strange.values() for key in keys})
    for file, keys in strange.items():
        if going := {key for key in keys if key in seen.frames or key not in known}:
            seen.gone[file] |= going
    due = [replace(tasks[file], gone=frozenset(keys)) for file, keys in sorted(seen.gone.items())]
    return {done.task.file: _answer(done) for done in scatter(leaner, due)}


def _answer(done: Done[Any, Any]) -> Any:
    if done.answer is None:
        raise CheckFailed("workers died, each time, as they redacted a shard: see their memory")
    return done.answer


def _in_lake(lake: Lake, frames: Set[str]) -> set[str]:
    if not frames:
        return set()
    where = pc.field("frame_id").isin(pa.array(sorted(frames), pa.string()))
    return set(lake.read("frames", ["frame_id"], where).column(0).to_pylist())


def _is_affected(
    releases: Storage,
    manifest: Manifest,
    gone: Doomed,
    seen: _Seen,
    lean: Mapping[str, LeanShard],
) -> bool:
    """Whether a release holds what goes, shares a shard with such a one, or speaks of it."""
    if silent(manifest.config.where, gone) != manifest.config.where:
        return True
    if seen.goes[manifest.name].any() or any(one.file in lean for one in manifest.shards):
        return True
    columns = [GROUP, KIN, "cluster", "representative"]
    patients = {*gone.patients, *gone.aliases}
    said: dict[str, Set[str]] = {
        GROUP: patients, "cluster": seen.frames, "representative": seen.frames
    }  # fmt: skip
    for index in index_groups(releases, manifest, columns if manifest.places else None):
        there = [name for name in said if name in index.column_names]
        if any(_any_among(index.column(name), said[name]) for name in there):
            return True
        kin = pc.unique(index.column(KIN)).to_pylist() if KIN in index.column_names else []
        if any(not patients.isdisjoint(one.split()) for one in kin):
            return True
    return False


def _any_among(column: pa.ChunkedArray, ids: Set[str]) -> bool:
    return bool(among(column.cast(pa.string()), pa.array(sorted(ids), pa.string())).any())


def redactions(releases: Storage, why: str) -> list[Followed]:
    """All releases that were redacted for a reason, in order, however often it was begun anew."""
    found = []
    for name in names(releases):
        for notice in notices(releases, name):
            if (notice.kind, notice.why) == (REDACTED, why):
                manifest = manifest_of(releases, name)
                follows = manifest_of(releases, notice.successor) if notice.successor else None
                redacts = None if follows is None else follows.redacts
                lost = manifest.frames if redacts is None else redacts.frames
                use = f"use {notice.successor}" if follows else without_successor(manifest)
                found.append(Followed(name, notice.successor, lost, notice.damaged, use))
    return found
