"""Naming: new files are read once, so that each object has its id before any work is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from echoatlas.pipeline.ingest import Arrival, Seen, sightings
from echoatlas.pipeline.sidecars import MOST_BYTES
from echoatlas.pipeline.work import Register, register
from echoatlas.schemas.rows import SightingRow
from echoatlas.schemas.tables import to_arrow

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.run import Cluster
    from echoatlas.pipeline.survey import Survey
    from echoatlas.pipeline.vault import SiteKey

TASK_FILES = 64
TASK_BYTES = 256 << 20
REEL_FILES = 5_000  # files named between two commits, so that a kill costs no more than this


def name_arrivals(
    deployment: Deployment,
    seen: Survey,
    cluster: Callable[[], Cluster],
    tell: Callable[[str, int, int], None],
) -> int:
    """Write a sighting for every new object of a site, in order of keys.

    Returns:
        The number of new sightings.
    """
    ordinal = seen.next_ordinal
    for start in range(0, len(seen.fresh), REEL_FILES):
        reel = seen.fresh[start : start + REEL_FILES]
        named = _named(deployment, seen, reel, cluster)
        rows: list[SightingRow] = []
        for arrival in reel:
            rows += sightings(seen.site.site, arrival, named[arrival.key], ordinal + len(rows))
        deployment.lake.append("sightings", to_arrow("sightings", rows))
        ordinal += len(rows)
        tell(f"files of {seen.site.site}", start + len(reel), len(seen.fresh))
    return ordinal - seen.next_ordinal


def _named(
    deployment: Deployment, seen: Survey, reel: list[Arrival], cluster: Callable[[], Cluster]
) -> dict[str, list[Seen]]:
    key = deployment.key()
    bucket = deployment.bucket(seen.site)
    retries = deployment.config.engine.retries
    found = {one.key: [_unread(one, key)] for one in reel}
    readable = [one for one in reel if one.size <= MOST_BYTES]
    tasks = (Register(seen.site, bucket, tuple(files), key, retries) for files in _cut(readable))
    for done in cluster().scatter(register, tasks):
        for arrival, objects in done.answer or ():
            found[arrival.key] = objects
    return found


def _unread(arrival: Arrival, key: SiteKey) -> Seen:
    """The name of a file that can't be read to the end: by its place instead of its content."""
    name = key.pseudonym("unread", arrival.locator)
    return Seen(arrival.locator, "", -1, name, name, arrival.size)


def _cut(files: list[Arrival]) -> Iterator[list[Arrival]]:
    task: list[Arrival] = []
    size = 0
    for one in files:
        if task and (len(task) >= TASK_FILES or size + one.size > TASK_BYTES):
            yield task
            task, size = [], 0
        task.append(one)
        size += one.size
    if task:
        yield task
