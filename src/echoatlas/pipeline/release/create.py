"""Releases: named, immutable dataset versions, published by whoever writes the manifest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.database import engines_kept
from echoatlas.pipeline.engine.scatter import FEW, Done, in_this_process
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.event_log import EventLog, run_name
from echoatlas.pipeline.release.cut import cut_shards
from echoatlas.pipeline.release.cutting import Cutting, cutting
from echoatlas.pipeline.release.documents.sources import published_sources
from echoatlas.pipeline.release.draft import Draft, cut_tasks, drafted
from echoatlas.pipeline.release.manifest import MANIFEST, is_withheld, manifest_of, names
from echoatlas.pipeline.release.packing import PACKED
from echoatlas.pipeline.release.permitted import demanded_by
from echoatlas.pipeline.release.pins import digest_tasks, digests, files_of_tables, known_digests
from echoatlas.pipeline.release.publish import announce, is_announced, publish
from echoatlas.schemas.events import Stage
from echoatlas.schemas.index import ROLES, Role
from echoatlas.schemas.manifest import MovedSince

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.release.pins import TableFile
    from echoatlas.pipeline.release.without import Screen
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.config.deployment import Engine
    from echoatlas.schemas.config.release import ReleaseConfig
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.manifest import Manifest

Scatter = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Done[Any, Any]]]

# Samples whose cutting, and bytes whose hashing, are as much work as an object of a run: a Ray that
# is started for less costs more than it saves, and plain processes use as many cores
AS_OBJECT, BYTES_AS_OBJECT = 500, 1 << 30
# Bytes of pixels that are packed, and of files that are hashed, while two processes would start
LITTLE, LITTLE_HASHED = 32 << 20, 1 << 28


@dataclass(frozen=True, slots=True)
class Preview:
    """What ``create`` would do.

    Attributes:
        unit: what a sample is. left_out: reason to samples. counts: column to value to samples.
        moved_since: earlier releases that have patients in other splits.
        reused: bytes of shards that lie already. written: bytes of new ones, about.
    """

    unit: str
    samples: int
    patients: int
    left_out: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]]
    moved_since: Sequence[MovedSince]
    reused: int
    written: int


@engines_kept()
def preview(
    lake: Lake,
    releases: Storage,
    config: ReleaseConfig,
    sites: Iterable[SiteConfig] = (),
    screens: Sequence[Screen] = (),
) -> Preview:
    """Count what a release would hold, and write nothing.

    Raises:
        UsageError, CheckFailed: as ``create``.
    """
    config = demanded_by(config, sites)
    _demand_free(releases, config)
    with drafted(lake, releases, config, screens) as draft:
        samples = draft.samples
        return Preview(
            unit=config.unit,
            samples=len(samples),
            patients=samples.distinct("patient"),
            left_out=draft.selection.left_out,
            counts=samples.counted_by(ROLES[Role.COUNTED]),
            moved_since=[MovedSince(**one) for one in draft.selection.moved_since],
            reused=sum(shard["bytes"] for shard in draft.shards),
            written=int(draft.unpacked() * PACKED),
        )


@engines_kept()
def create(
    lake: Lake,
    releases: Storage,
    config: ReleaseConfig,
    engine: Engine | None = None,
    sites: Iterable[SiteConfig] = (),
    screens: Sequence[Screen] = (),
) -> Manifest:
    """Cut a release of the lake as it stands, and write down in the event log how that went.

    Shards that an earlier release wrote are used again; workers cut the others. Whoever was killed
    can start again: shards that are there are not cut again, and a release that was published but
    not announced is.

    Args:
        engine: where workers come from if there is much to do; else all is done in this process.
        sites: whose country and collection the release's sources name, and whose silence is no
            consent where their files say so.
        screens: evaluation sets that it is held against.

    Raises:
        UsageError: the name is taken, the selection is wrong, or an erasure is under way or began.
        CheckFailed: nothing was selected, or the configuration refuses what was.
    """
    known = tuple(sites)
    config = demanded_by(config, known)
    with (
        cutting(lake.storage, releases, config.name) as leave,
        EventLog(lake.storage, run_name("c")) as log,
    ):
        log.begin(Stage.SELECT)
        if (there := _cut_off(lake, releases, config)) is not None:
            announce(lake, releases, there)
            return there
        _demand_free(releases, config)
        with drafted(lake, releases, config, screens) as draft:
            log.counted(len(draft.samples))
            log.begin(Stage.SHARD)
            found = _carried_out(lake, releases, draft, engine, leave)
            log.counted(len(draft.shards))
            log.begin(Stage.PUBLISH)
            return publish(lake, releases, draft, found, published_sources(known), leave)


def _demand_free(releases: Storage, config: ReleaseConfig) -> None:
    if is_withheld(releases, config.name):
        raise UsageError(
            f"the name '{config.name}' is withheld for good: an erasure went by while somebody who "
            "cut it slept; choose another"
        )
    if releases.exists(f"{config.name}/{MANIFEST}"):
        raise UsageError(f"there is a release '{config.name}' already; releases never change")
    same = (one for one in names(releases) if one.casefold() == config.name.casefold())
    if other := next(same, ""):
        raise UsageError(
            f"there is a release '{other}' already, which some disks take for the same"
        )


def _cut_off(lake: Lake, releases: Storage, config: ReleaseConfig) -> Manifest | None:
    """The same release, if it was published and nothing of what follows was done."""
    if not releases.exists(f"{config.name}/{MANIFEST}") or is_withheld(releases, config.name):
        return None
    there = manifest_of(releases, config.name)
    same = there.published.get("config") == config.model_dump(mode="json")
    return there if same and not is_announced(lake, releases, config.name) else None


def _carried_out(
    lake: Lake, releases: Storage, draft: Draft, engine: Engine | None, leave: Cutting
) -> dict[TableFile, str]:
    """Have shards cut and the lake's files hashed; the draft learns where its samples lie."""
    files = files_of_tables(lake, draft.versions)
    known = known_digests(releases, draft.earlier)
    hashing = list(digest_tasks(lake, [one for one in files if one not in known]))
    hashed = sum(file.bytes for task in hashing for file in task.files)
    objects = sum(len(run.rows) for run in draft.runs) // AS_OBJECT + hashed // BYTES_AS_OBJECT
    few = len(draft.runs) + len(hashing) <= FEW
    few = few or (hashed < LITTLE_HASHED and draft.unpacked() < LITTLE)
    with _workers(engine, few, objects) as scatter:
        for done in scatter(digests, hashing):
            known |= zip(done.task.files, _answer(done), strict=True)
        answers = {
            done.task.number: _answer(done)
            for done in scatter(cut_shards, cut_tasks(lake, releases, draft, leave))
        }
    for number, run in enumerate(draft.runs):
        draft.settle(run, answers[number])
    return {one: known[one] for one in files}


def _answer(done: Done[Any, Any]) -> Any:
    if done.answer is None:
        raise CheckFailed("workers died, each time, as they cut the release: see their memory")
    return done.answer


@contextmanager
def _workers(engine: Engine | None, few: bool, objects: int) -> Iterator[Scatter]:
    if engine is None or few:
        yield in_this_process
        return
    from echoatlas.pipeline.engine.cluster import connected

    with connected(engine, objects=objects) as workers:
        yield workers.scatter
