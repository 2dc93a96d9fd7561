"""What there is to do at a site: what lies in its bucket against what the lake knows of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from echoatlas.pipeline.errors import EchoAtlasError, Reason, Retry, UsageError
from echoatlas.pipeline.ingest.listing import ListedFile, arrivals
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.fingerprints import TOLD, Fingerprints, fingerprints_of
from echoatlas.pipeline.plan.known import Known
from echoatlas.pipeline.plan.work_item import WorkItem
from echoatlas.pipeline.sidecars.site import Sidecars, sidecars
from echoatlas.pipeline.sidecars.tally import ARCHIVES
from echoatlas.schemas.rows import SightingRow

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.objects.config import JourneyConfig
    from echoatlas.schemas.config import SiteConfig


BESIDE = "-"  # between the fingerprint of the journey and that of the companions


@dataclass(frozen=True, slots=True)
class Survey:
    """A site's bucket against the lake. Trusted zone: holds file names.

    Attributes:
        listed: every file in the bucket.
        fresh: files that are in no sighting yet; sidecar tables are not among them.
        tables: the sidecars.
        apart: archives that hold only masks and tables of the collection's pictures.
        pending: sightings without an outcome, in order.
        stale: sightings whose rows were made by other steps or settings than today's.
        unread: sightings of which only the evidence was read by other words or rules.
        repeats: pending sightings of bytes that the site sent before.
        rejected: ids of objects in quarantine.
        lost: pending or stale sightings whose file is not in the bucket any more.
        spoken: stale sightings of whose copies other things are said today, or that have others.
        made_by: fingerprints of the rows that are there, to number of objects.
        read_by: fingerprints of the evidence of the unread, to number of objects.
        next_ordinal: number of the next sighting.
    """

    site: SiteConfig
    marks: Fingerprints
    listed: list[ListedFile]
    fresh: list[ListedFile]
    tables: Sidecars
    apart: tuple[str, ...]
    pending: list[SightingRow]
    stale: list[SightingRow]
    unread: list[SightingRow]
    rejected: frozenset[str]
    spoken: int
    known: Known
    repeats: list[SightingRow]
    lost: list[SightingRow]
    made_by: dict[str, int]
    read_by: dict[str, int]
    next_ordinal: int

    @property
    def due(self) -> list[WorkItem]:
        """Objects to be worked on, in order, with their names and sidecar rows."""
        return self.items([*self.pending, *self.stale])

    def items(self, sightings: Iterable[SightingRow]) -> list[WorkItem]:
        """Objects in order, with their names and sidecar rows."""
        chosen = sorted(sightings, key=lambda s: s.ordinal)
        return [self.known.item(one, one.object_id in self.rejected) for one in chosen]


def survey(deployment: Deployment, site: SiteConfig, config: JourneyConfig) -> Survey:
    """Compare a site's bucket with the lake; reads listings and tables, no scans.

    Raises:
        UsageError: the bucket can't be read.
    """
    lake, bucket = deployment.lake, deployment.bucket(site)
    here = pc.field("site") == site.site
    listed = list(arrivals(site, bucket, deployment.key()))
    seen = [SightingRow(**row) for row in lake.read("sightings", where=here).to_pylist()]
    seen.sort(key=lambda sighting: sighting.ordinal)
    outcomes = {
        row["locator"]: row
        for row in lake.read(
            "objects", ["locator", "object_id", "status", "reason", "fingerprint"], where=here
        ).to_pylist()
    }
    known = {sighting.container or sighting.locator for sighting in seen}
    unknown = [arrival for arrival in listed if arrival.locator not in known]
    tables = sidecars(site, bucket, [(one.key, one.size) for one in listed if not one.odd])
    alone = {one.locator for one in seen if one.member < 0}
    apart = tuple(
        arrival.key
        for arrival in listed
        if site.collection and arrival.locator in alone and arrival.key.lower().endswith(ARCHIVES)
    )
    marks = fingerprints_of(config, site, companions_mark(listed, tables, apart))
    readings = {
        row["object_id"]: row["fingerprint"]
        for row in lake.read("readings", ["object_id", "fingerprint"], where=here).to_pylist()
    }
    # A repeat may be in the books before the object itself, where a run was cut off between them
    known_copies = Known.of(lake, deployment.key(), site, listed, tables, seen, set(outcomes))
    settled = {row["object_id"] for row in outcomes.values() if row["status"] != "duplicate"}
    pending: list[SightingRow] = []
    stale: list[SightingRow] = []
    repeats: list[SightingRow] = []
    lost: list[SightingRow] = []
    unread: list[SightingRow] = []
    spoken = 0
    made_by: Counter[str] = Counter()
    read_by: Counter[str] = Counter()
    for sighting in seen:
        outcome = outcomes.get(sighting.locator)
        there = known_copies.there(sighting)
        if outcome is None:
            if sighting.object_id in settled:
                repeats.append(sighting)
            else:
                settled.add(sighting.object_id)
                (pending if there else lost).append(sighting)
        elif outcome["reason"] == Reason.SEEN_BY_REVIEWER:
            # New settings don't show that a person would see nothing now: only a retry by name does
            made_by[marks.frames] += 1
        elif outcome["status"] in ("kept", "rejected"):
            mark, _, before = outcome["fingerprint"].partition(TOLD)
            told = known_copies.told(sighting)
            renewed = mark == marks.frames and told is not None and told != before
            made_by[f"{mark}{TOLD}" if renewed else mark] += 1
            read = readings.get(sighting.object_id, "")
            spoken += renewed
            if mark != marks.frames or renewed:
                (stale if there else lost).append(sighting)
            elif read != marks.evidence and there:
                unread.append(sighting)
                read_by[read] += 1
    return Survey(
        site=site,
        marks=marks,
        listed=listed,
        fresh=[arrival for arrival in unknown if arrival.key not in tables.keys],
        tables=tables,
        apart=apart,
        pending=pending,
        stale=stale,
        unread=unread,
        rejected=frozenset(
            row["object_id"] for row in outcomes.values() if row["status"] == "rejected"
        ),
        spoken=spoken,
        known=known_copies,
        repeats=repeats,
        lost=[one for one in lost if one.locator not in outcomes],
        made_by=dict(made_by),
        read_by=dict(read_by),
        next_ordinal=seen[-1].ordinal + 1 if seen else 0,
    )


def surveyed(
    deployment: Deployment, sites: Iterable[SiteConfig], config: JourneyConfig
) -> tuple[list[Survey], dict[str, EchoAtlasError]]:
    """Survey each of several sites; one that can't be listed stops no other.

    Returns:
        The surveys, and site to what is wrong with its bucket.

    Raises:
        UsageError, Retry: of the first site, where no site could be listed.
    """
    found: list[Survey] = []
    faults: dict[str, EchoAtlasError] = {}
    for site in sites:
        try:
            found.append(survey(deployment, site, config))
        except (UsageError, Retry) as fault:
            faults[site.site] = fault
    if faults and not found:
        raise next(iter(faults.values()))
    return found, faults


def companions_mark(
    listed: Iterable[ListedFile], tables: Sidecars, apart: Iterable[str] = ()
) -> str:
    """What a mark says of a collection's masks and tables: pictures are annotated anew if they
    change, or come later than the pictures; "" where there are none."""
    names = tables.companions.names | frozenset(apart)
    places = sorted(arrival.locator for arrival in listed if arrival.key in names)
    text = "\0".join(places).encode()
    return f"{BESIDE}{hashlib.sha256(text).hexdigest()[:16]}" if places else ""
