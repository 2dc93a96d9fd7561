"""Naming: new files are read once, so that each object has its id before any work is cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.ingest.identify import NamedObject, identify, sightings
from echoatlas.pipeline.ingest.listing import ListedFile
from echoatlas.pipeline.plan.batch import RegisterTask
from echoatlas.pipeline.read.arrays.detached_header import read_whole
from echoatlas.pipeline.retry import retrying
from echoatlas.pipeline.sidecars.collection import is_companion
from echoatlas.pipeline.sidecars.site import MOST_BYTES, is_table
from echoatlas.pipeline.ticks import tick
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.schemas.tables import schema, to_arrow

if TYPE_CHECKING:
    from collections.abc import Callable

    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.engine.scatter import Workers
    from echoatlas.pipeline.lake.tombstones import Tombstones
    from echoatlas.pipeline.plan.survey import Survey
    from echoatlas.pipeline.read.archive import Content
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import SiteConfig


TASK_FILES = 64
TASK_BYTES = 256 << 20
REEL_FILES = 5_000  # files named between two commits, so that a kill costs no more than this


def name_arrivals(
    deployment: Deployment,
    seen: Survey,
    cluster: Callable[[], Workers],
    tell: Callable[[str, int, int], None],
    digests: dict[str, bytes],
    stones: Tombstones,
) -> pa.Table:
    """Write a sighting for every new object of a site, in order of keys.

    Args:
        digests: takes locator and SHA-256 of each file that was read.
        stones: what was erased: bytes that come again are named as that, and by no id of theirs.

    Returns:
        The new sightings.
    """
    ordinal, written = seen.next_ordinal, [schema("sightings").empty_table()]
    for start in range(0, len(seen.fresh), REEL_FILES):
        reel = seen.fresh[start : start + REEL_FILES]

        def passed(number: int, before: int = start) -> None:
            tell(f"files of {seen.site.site}", before + number, len(seen.fresh))

        named = _named(deployment, seen, reel, cluster, passed, digests)
        rows: list[SightingRow] = []
        for arrival in reel:
            known = [_as_erased(one, stones) for one in named[arrival.key]]
            rows += sightings(seen.site.site, arrival, known, ordinal + len(rows))
        written.append(to_arrow("sightings", rows))
        deployment.lake.append("sightings", written[-1])
        ordinal += len(rows)
        passed(len(reel))
    return pa.concat_tables(written)


def differing(seen: Survey, digests: Mapping[str, bytes]) -> list[str]:
    """Keys of new files whose bytes, as they were read, are not those that a manifest names."""
    promised = seen.arrived.whole.promised
    read = {one.key: digests[one.locator].hex() for one in seen.fresh if one.locator in digests}
    return [key for key, digest in read.items() if promised.get(key, digest) != digest]


def _named(
    deployment: Deployment,
    seen: Survey,
    reel: list[ListedFile],
    cluster: Callable[[], Workers],
    passed: Callable[[int], None],
    digests: dict[str, bytes],
) -> dict[str, list[NamedObject]]:
    key = deployment.key()
    bucket = deployment.bucket(seen.site)
    retries, promised = deployment.config.engine.retries, seen.arrived.whole.promised
    found = {one.key: [_unread(one, key)] for one in reel}
    readable = [one for one in reel if one.size <= MOST_BYTES and not one.odd]
    tasks = (
        RegisterTask(
            seen.site,
            bucket,
            tuple(files),
            key,
            retries,
            {one.key: promised[one.key] for one in files if one.key in promised},
        )
        for files in _cut(readable)
    )
    workers = cluster()
    whole: list[int] = []  # files of each task that is done
    passed(0)
    for done in workers.scatter(register, tasks, lambda some: passed(sum(whole) + some)):
        whole.append(len(done.task.arrivals))
        passed(sum(whole))
        for arrival, objects, digest in done.answer or ():
            found[arrival.key] = objects
            digests[arrival.locator] = digest
    return found


def _as_erased(one: NamedObject, stones: Tombstones) -> NamedObject:
    if not stones.has_content(one.content_id):
        return one
    named, content = stones.masked(one.object_id), stones.masked(one.content_id)
    return replace(one, object_id=named, content_id=content, bytes=0)


def _unread(arrival: ListedFile, key: SiteKey) -> NamedObject:
    """The name of a file that can't be read to the end: by its place instead of its content."""
    name = key.pseudonym("unread", arrival.locator)
    return NamedObject(arrival.locator, "", -1, name, name, arrival.size)


def _cut(files: list[ListedFile]) -> Iterator[list[ListedFile]]:
    task: list[ListedFile] = []
    size = 0
    for one in files:
        if task and (len(task) >= TASK_FILES or size + one.size > TASK_BYTES):
            yield task
            task, size = [], 0
        task.append(one)
        size += one.size
    if task:
        yield task


def register(task: RegisterTask) -> list[tuple[ListedFile, list[NamedObject], bytes]]:
    """Read each listed file once, to name it and the members of archives.

    A file whose bytes are not those that a manifest names has no objects: it waits. Clients that
    compare sizes and times leave out a picture that was blackened in place, and what lies there
    then is the one of before.

    Returns:
        Each file that could be read, its objects, and the SHA-256 of its own bytes.
    """
    named: list[tuple[ListedFile, list[NamedObject], bytes]] = []
    for arrival in task.arrivals:
        tick()
        alone: dict[str, bytes] = {}

        def read(key: str, alone: dict[str, bytes] = alone) -> bytes:
            data = task.bucket.read(key)
            alone[key] = hashlib.sha256(data).digest()
            return data

        try:
            data = retrying(partial(read_whole, arrival.key, read), task.retries)
        except (FileNotFoundError, Reject):
            # Removed since it was listed: seen again when it is back. Not delivered: its turn comes
            continue
        digest = alone[arrival.key]
        if task.promised.get(arrival.key, digest.hex()) != digest.hex():
            named.append((arrival, [], digest))
            continue
        no_scan = partial(_no_scan, task.site)
        found = identify(task.site.site, arrival, data, task.key, no_scan, task.bucket.digest)
        named.append((arrival, list(found), digest))
    return named


def _no_scan(site: SiteConfig, name: str, content: Content) -> bool:
    return is_companion(site, name) or is_table(site, name, content)
