"""What there is to do at a site: what lies in its bucket against what the lake knows of it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.errors import EchoAtlasError, Retry, UsageError
from echoatlas.pipeline.ingest.arrived import Arrived
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.tombstones import MASKED
from echoatlas.pipeline.objects.fingerprints import Fingerprints, fingerprints_of
from echoatlas.pipeline.plan.books import Books
from echoatlas.pipeline.plan.classify import Sighted, classify
from echoatlas.pipeline.plan.copies import Copies
from echoatlas.pipeline.plan.same_keys import key_faults
from echoatlas.pipeline.plan.work_item import WorkItem
from echoatlas.pipeline.sidecars.tally import ARCHIVES

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.ingest.listing import ListedFile, Listing
    from echoatlas.pipeline.objects.config import JourneyConfig
    from echoatlas.pipeline.plan.known import Known
    from echoatlas.pipeline.sidecars.site import Sidecars
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.rows.objects import SightingRow

BESIDE = "-"  # between the fingerprint of the journey and that of the companions


@dataclass(frozen=True, slots=True)
class Survey:
    """A site's bucket against the lake. Trusted zone: holds file names.

    Attributes:
        arrived: every file in the bucket, and the tables among them.
        fresh: files that are in no sighting yet; sidecar tables are not among them, nor what waits.
        waiting: new files of uploads that have not come whole: their number.
        waiting_since, due_since: when the oldest of those came, and of what is fresh or pending,
            seconds since 1970; None where there is none, or nothing tells.
        apart: archives that hold only masks and tables of the collection's pictures.
        pending: sightings without an outcome, in order.
        stale: sightings whose rows were made by other steps or settings than today's.
        unread: sightings of which only the evidence was read by other words or rules.
        repeats: pending sightings of bytes that the site sent before.
        erased: pending sightings of what was erased, sent again or not deleted.
        rejected: ids of objects in quarantine, of those that are due.
        lost: pending or stale sightings whose file is not in the bucket any more.
        spoken: stale sightings of whose copies other things are said today, or that have others.
        made_by: fingerprints of the rows that are there, to number of objects.
        read_by: fingerprints of the evidence of the unread, to number of objects.
        next_ordinal: number of the next sighting.
    """

    site: SiteConfig
    marks: Fingerprints
    arrived: Arrived
    fresh: list[ListedFile]
    waiting: int
    waiting_since: float | None
    due_since: float | None
    apart: tuple[str, ...]
    pending: list[SightingRow]
    stale: list[SightingRow]
    unread: list[SightingRow]
    rejected: frozenset[str]
    spoken: int
    known: Known
    repeats: list[SightingRow]
    erased: list[SightingRow]
    lost: list[SightingRow]
    made_by: dict[str, int]
    read_by: dict[str, int]
    next_ordinal: int

    @property
    def tables(self) -> Sidecars:
        """The sidecars."""
        return self.arrived.tables

    @property
    def rests(self) -> bool:
        """Whether nothing is to be done, nothing is awaited, and no time will change that."""
        whole = self.arrived.whole
        due = (self.fresh, self.pending, self.stale, self.unread, self.repeats, self.lost)
        awaited = (whole.waiting, whole.missing, whole.next_look, self.arrived.unfinished)
        return not any((*due, *awaited))

    @property
    def due(self) -> list[WorkItem]:
        """Objects to be worked on, in order, with their names and sidecar rows."""
        return self.items([*self.pending, *self.stale])

    def items(self, sightings: Iterable[SightingRow]) -> list[WorkItem]:
        """Objects in order, with their names and sidecar rows."""
        chosen = sorted(sightings, key=lambda s: s.ordinal)
        return [self.known.item(one, one.object_id in self.rejected) for one in chosen]


def arrived_at(deployment: Deployment, site: SiteConfig) -> Arrived:
    """What lies in a site's bucket; raises as ``Arrived.of``."""
    return Arrived.of(site, deployment.bucket(site), deployment.key())


def survey(deployment: Deployment, site: SiteConfig, config: JourneyConfig) -> Survey:
    """Compare a site's bucket with the lake; reads listings and tables, no scans.

    Raises:
        UsageError: the bucket can't be read.
    """
    books = books_of(deployment, [site])
    return compare(deployment, arrived_at(deployment, site), books, config)


def books_of(deployment: Deployment, sites: Sequence[SiteConfig]) -> Books:
    """What the lake knows of some sites."""
    every = len(sites) == len(deployment.sites)
    return Books.read(deployment.lake, [one.site for one in sites], every=every)


def surveyed(
    deployment: Deployment,
    sites: Iterable[SiteConfig],
    config: JourneyConfig,
    books: Books | None = None,
) -> tuple[list[Survey], dict[str, EchoAtlasError]]:
    """Survey each of several sites; one that can't be listed, or has another key, stops no other.

    Args:
        books: what the lake knows of them, if it was read already.

    Returns:
        The surveys, and site to what is wrong with its bucket or its key.

    Raises:
        UsageError, Retry: of the first site, where no site could be listed.
    """
    chosen = list(sites)
    found: list[Survey] = []
    faults: dict[str, EchoAtlasError] = {**key_faults(deployment, [one.site for one in chosen])}
    for site in chosen:
        if site.site in faults:
            continue
        try:
            arrived = arrived_at(deployment, site)
        except (UsageError, Retry) as fault:
            faults[site.site] = fault
            continue
        books = books or books_of(deployment, chosen)
        found.append(compare(deployment, arrived, books, config))
    return _any_listed(found, faults), faults


def surveyed_again(
    deployment: Deployment,
    before: Iterable[Survey],
    named: Collection[str],
    config: JourneyConfig,
    books: Books,
) -> tuple[list[Survey], dict[str, EchoAtlasError]]:
    """Survey the sites anew at which files were named since: that takes its time, and buckets
    change; the others stand as they were.

    Args:
        named: sites.
        books: with the new sightings.

    Returns, raises: as ``surveyed``.
    """
    found: list[Survey] = []
    faults: dict[str, EchoAtlasError] = {}
    for seen in before:
        if seen.site.site not in named:
            found.append(seen)
            continue
        try:
            arrived = arrived_at(deployment, seen.site)
        except (UsageError, Retry) as fault:
            faults[seen.site.site] = fault
            continue
        found.append(compare(deployment, arrived, books, config))
    return _any_listed(found, faults), faults


def _any_listed(found: list[Survey], faults: Mapping[str, EchoAtlasError]) -> list[Survey]:
    if faults and not found:
        raise next(iter(faults.values()))
    return found


def compare(
    deployment: Deployment, arrived: Arrived, books: Books, config: JourneyConfig
) -> Survey:
    """Compare what lies in a site's bucket with what the lake knows of it."""
    site, listing, tables = arrived.site, arrived.listing, arrived.tables
    seen = Sighted.of(books.sightings_of(site.site), Ids.of(listing.locators.chunks))
    apart = _apart(arrived, seen)
    marks = fingerprints_of(config, site, companions_mark(listing, tables, apart))
    copies = Copies(deployment.key(), listing, tables, seen)
    due = classify(
        seen,
        books.outcomes_of(site.site),
        books.readings_of(site.site),
        marks,
        copies.beside_tables(),
        copies.told,
    )
    some = np.concatenate([due.pending, due.stale, due.unread])
    known = copies.known(np.unique(seen.number[some]), due.settled, books)
    unknown = np.ones(len(listing), np.bool_)
    unknown[seen.file[seen.file >= 0]] = False
    new = [one for one in listing.rows(np.flatnonzero(unknown)) if one.key not in tables.keys]
    fresh = [one for one in new if one.key not in arrived.whole.waiting]
    begun = listing.times(seen.file[due.pending])
    pending, back = _parted(seen.rows.rows(due.pending))
    repeats, again = _parted(seen.rows.rows(due.repeats))
    lost, gone = _parted(seen.rows.rows(due.lost))
    return Survey(
        site=site,
        marks=marks,
        arrived=arrived,
        fresh=fresh,
        waiting=len(new) - len(fresh),
        waiting_since=_oldest(one.changed for one in new if one.key in arrived.whole.waiting),
        due_since=_oldest([*(one.changed for one in fresh), *begun]),
        apart=apart,
        pending=pending,
        stale=seen.rows.rows(due.stale),
        unread=seen.rows.rows(due.unread),
        rejected=due.rejected,
        spoken=due.spoken,
        known=known,
        repeats=repeats,
        erased=[*back, *again, *gone],
        lost=lost,
        made_by=due.made_by,
        read_by=due.read_by,
        next_ordinal=seen.next_ordinal,
    )


def _oldest(times: Iterable[float]) -> float | None:
    return min((one for one in times if one), default=None)


def _parted(rows: list[SightingRow]) -> tuple[list[SightingRow], list[SightingRow]]:
    """Sightings, and those that are named as what was erased."""
    erased = [row.object_id.startswith(MASKED) for row in rows]
    return (
        [row for row, gone in zip(rows, erased, strict=True) if not gone],
        [row for row, gone in zip(rows, erased, strict=True) if gone],
    )


def _apart(arrived: Arrived, seen: Sighted) -> tuple[str, ...]:
    """Archives that hold only masks and tables of the collection's pictures, in order of keys."""
    if not arrived.site.collection:
        return ()
    alone = np.unique(seen.file[(seen.file >= 0) & (seen.rows.members < 0)])
    names = (one.key for one in arrived.listing.rows(alone))
    return tuple(name for name in names if name.lower().endswith(ARCHIVES))


def companions_mark(listing: Listing, tables: Sidecars, apart: Iterable[str] = ()) -> str:
    """What a mark says of a collection's masks and tables: pictures are annotated anew if they
    change, or come later than the pictures; "" where there are none."""
    names = tables.companions.names | frozenset(apart)
    if not names:
        return ""
    chosen = np.flatnonzero([key in names for key in listing.names()])
    places = sorted(listing.locators.take(chosen).to_pylist())
    text = "\0".join(places).encode()
    return f"{BESIDE}{hashlib.sha256(text).hexdigest()[:16]}" if places else ""
