"""Whose the objects in quarantine are: no row says so, since none was de-identified to its end.

Their files are opened anew where they still lie, and only headers, names and tables are read.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deidentify.header.patient import Identity, listed_mark
from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.in_step import places
from echoatlas.pipeline.plan.batch import Batch
from echoatlas.pipeline.plan.classify import Sighted
from echoatlas.pipeline.plan.copies import Copies
from echoatlas.pipeline.plan.settings import journey_config
from echoatlas.pipeline.plan.survey import arrived_at, books_of
from echoatlas.pipeline.run.claims import identities_of
from echoatlas.pipeline.run.sources import Sources
from echoatlas.pipeline.run.worker import reading
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.plan.work_item import WorkItem


@dataclass(frozen=True, slots=True)
class InQuarantine:
    """What was found in quarantine.

    Attributes:
        objects: of the patients that were asked for. patients: those of them who were found.
        unread: number of objects whose files are gone, or say nothing that could be read.
        others: hash of its loose id, object and pseudonym, of those that are of others.
    """

    objects: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    unread: int = 0
    others: tuple[tuple[str, str, str], ...] = ()


def rejected_of(deployment: Deployment, name: str, patients: Set[str]) -> InQuarantine:
    """The rejected objects of a site that are of some patients.

    Args:
        patients: pseudonyms.
    """
    lake, key = deployment.lake, deployment.site_key(name)
    refused = lake.read(
        "objects",
        ["object_id"],
        (pc.field("site") == name)
        & (pc.field("status") == Status.REJECTED.value)
        & (pc.field("patient") == ""),
    )
    waiting = set(refused.column(0).to_pylist())
    if not waiting:
        return InQuarantine()
    objects, found = set(), set()
    others: list[tuple[str, str, str]] = []
    read = 0
    for item, mine in _claims(deployment, name, waiting):
        read += bool(mine)
        known = {key.pseudonym("patient", one.value): one for one in mine}
        if pseudonyms := known.keys() & patients:
            objects.add(item.sighting.object_id)
            found |= pseudonyms
            continue
        for pseudonym, one in known.items():
            others.append((listed_mark(key, one), item.sighting.object_id, pseudonym))
    return InQuarantine(frozenset(objects), frozenset(found), len(waiting) - read, tuple(others))


def _claims(
    deployment: Deployment, name: str, waiting: Set[str]
) -> Iterator[tuple[WorkItem, set[Identity]]]:
    """Objects with all that their copies say of whose they are; nothing where none can be read."""
    site = deployment.site(name)
    try:
        arrived = arrived_at(deployment, site)
    except (UsageError, Retry):  # the bucket is gone with the site: all are counted as unread
        return
    seen = Sighted.of(
        books_of(deployment, [site]).sightings_of(name), Ids.of(arrived.listing.locators.chunks)
    )
    here = places(seen.objects, Ids.of([pa.array(sorted(waiting), pa.string())])) >= 0
    chosen = np.flatnonzero(here & (seen.file >= 0))
    copies = Copies(deployment.key(), arrived.listing, arrived.tables, seen)
    known = copies.known(np.unique(seen.number[chosen]), np.ones(len(here), np.bool_))
    items = {row.object_id: known.item(row, rejected=True) for row in seen.rows.rows(chosen)}
    batch = Batch(
        id="",
        lake=deployment.lake.storage,
        bucket=deployment.bucket(site),
        items=tuple(items.values()),
        site=site,
        key=deployment.site_key(name),
        config=journey_config(deployment.config),
        retries=deployment.config.engine.retries,
        seconds=deployment.config.engine.seconds,
    )
    sources = Sources.of(batch, reading(batch))
    for item in batch.items:
        yield item, _said_of(batch, item, sources)


def _said_of(batch: Batch, item: WorkItem, sources: Sources) -> set[Identity]:
    """Identities that an object's copies state."""
    try:
        return identities_of(batch, item, sources)
    except (UsageError, Retry):  # it may be listed, and not be read
        return set()
