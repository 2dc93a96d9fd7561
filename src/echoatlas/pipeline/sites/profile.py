"""A dry run over a site's first uploads: what they are, and how many would be accepted.

Nothing is written, neither to the lake nor beside it. What is told is for whoever sets the site up:
counts, and of what headers and tables say only values that several patients have in common, since
one that few have may name them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.deidentify.header.patient import identity_of
from echoatlas.pipeline.deidentify.pixels.search import look
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.evidence import evidence
from echoatlas.pipeline.evidence.charset import heard
from echoatlas.pipeline.evidence.dicom import TEXTS, values
from echoatlas.pipeline.evidence.sources import findings_in
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.geometry import geometry
from echoatlas.pipeline.ingest.identify import identify, sightings
from echoatlas.pipeline.ingest.listing import arrivals
from echoatlas.pipeline.ingest.reader import Reader
from echoatlas.pipeline.label.config import LabelConfig
from echoatlas.pipeline.label.fusion import label
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.headings import meaning
from echoatlas.pipeline.sidecars.collection import is_companion, origin_of
from echoatlas.pipeline.sidecars.site import MOST_BYTES, is_table, sidecars
from echoatlas.pipeline.sites.site_profile import SiteProfile
from echoatlas.pipeline.sites.suggest import suggestions
from echoatlas.taxonomy.codes import body_part
from echoatlas.taxonomy.devices import UNKNOWN, device

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.ingest.listing import ListedFile
    from echoatlas.pipeline.objects.config import JourneyConfig
    from echoatlas.pipeline.sidecars.site import Sidecars
    from echoatlas.pipeline.sidecars.tally import TableReport
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.records import Origin, Scan

IN_COMMON = 3  # patients who have a value, from which it is told
OF_ARCHIVE = 4  # members of an archive that are looked at
Unmapped = dict[tuple[str, str], set[str]]  # (field, value) to the patients who have it


def profile_site(
    deployment: Deployment,
    site: SiteConfig,
    config: JourneyConfig,
    fusion: LabelConfig,
    most: int,
    tell: Callable[[str, int, int], None] = lambda what, done, of: None,
) -> SiteProfile:
    """Take some of a site's objects through the journey, and write nothing.

    Args:
        config, fusion: the deployment's settings.
        most: objects to look at, evenly spread over what lies there.

    Raises:
        UsageError, Retry: the bucket can't be read.
    """
    bucket = deployment.bucket(site)
    listed = list(arrivals(site, bucket, deployment.key()))
    beside = sidecars(site, bucket, [(one.key, one.size) for one in listed if not one.odd])
    scans = [one for one in listed if one.key not in beside.keys and not one.odd]
    found = SiteProfile(files=len(scans))
    key = deployment.site_key(site.site) if deployment.vault.has(site.site) else deployment.key()
    context = SiteContext.of(site, key, config)
    seen = _Seen(found, context, fusion)
    chosen = [scans[place] for place in _spread(len(scans), most)]
    for number, arrival in enumerate(chosen):
        tell("scans", number, len(chosen))
        for task in _tasks(deployment, site, bucket, arrival, beside):
            if found.looked < most:
                seen.take(task)
    seen.close(beside.told)
    found.suggestions = suggestions(site, found, beside.tally, controlled=_is_controlled(site))
    return found


def _is_controlled(site: SiteConfig) -> bool:
    rule = site.uploads
    return bool(rule.quiet_minutes or rule.marked_only) or not site.bucket.startswith("s3://")


def _spread(count: int, most: int) -> list[int]:
    """At most that many places, evenly spread from the first to the last."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / max(most - 1, 1)) for i in range(most)})


def _tasks(
    deployment: Deployment,
    site: SiteConfig,
    bucket: Storage,
    arrival: ListedFile,
    beside: Sidecars,
) -> Iterator[ObjectTask | Reject]:
    """The objects of a file, or why it can't be opened."""
    reader = Reader(bucket.read)
    try:
        if arrival.size > MOST_BYTES:
            raise Reject(Reason.TOO_LARGE)
        data, _ = reader.content(arrival.key, -1, arrival.size)
        named = identify(
            site.site,
            arrival,
            data,
            deployment.key(),
            lambda name, content: is_companion(site, name) or is_table(site, name, content),
            bucket.digest,
        )
        rows = list(sightings(site.site, arrival, named, 0))
    except Reject as rejection:
        yield rejection
        return
    for row in rows[:OF_ARCHIVE]:
        try:
            content, member = reader.content(arrival.key, row.member, row.bytes)
        except Reject as rejection:
            yield rejection
            continue
        name = f"{arrival.key}!{member}" if member else arrival.key
        told = beside.tables.row(name) if beside.tables.above(name) else {}
        origin = origin_of(site, row.upload, name, dict(told))
        yield ObjectTask.alone(content, row, origin)


@dataclass(slots=True)
class _Seen:
    """Takes objects one by one, and counts."""

    found: SiteProfile
    context: SiteContext
    fusion: LabelConfig
    patients: set[str] = field(default_factory=set)
    unmapped: Unmapped = field(default_factory=lambda: defaultdict(set))
    unlisted: Unmapped = field(default_factory=lambda: defaultdict(set))
    rejected: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    devices: Counter[str] = field(default_factory=Counter)
    organs: Counter[str] = field(default_factory=Counter)

    def take(self, task: ObjectTask | Reject) -> None:
        """Count one object."""
        self.found.looked += 1
        if isinstance(task, Reject):
            self.rejected[task.reason.value] += 1
            return
        try:
            result = journey(task, self.context)
        except Reject as rejection:
            self.rejected[rejection.reason.value] += 1
        else:
            self.found.accepted += 1
            self.found.inside += any(getattr(row, "text_boxes", 0) for row in result.rows)
        try:
            self._open(task)
        except Reject:
            return  # what could not be opened is counted by its reason

    def _open(self, task: ObjectTask) -> None:
        found, config = self.found, self.context.config
        origin = task.statements[0].origin
        scan = read(task.data, config.read)
        self.formats[scan.format] += 1
        who = identity_of(scan.header, origin, self.context.site)
        found.nameless += who.source == "object"
        if who.source != "object":
            self.patients.add(who.value)
        if scan.header is not None:
            self._device(scan, who.value)
            found.stated += values(scan.header, "BurnedInAnnotation") == ["YES"]
        hints = evidence(scan, origin, self.context.site, config.evidence)
        self.organs[label(hints, self.fusion).paths or UNKNOWN] += 1
        for place in self._not_understood(scan, origin):
            self.unmapped[place].add(who.value)
        found.outside += self._has_text_outside(scan)

    def _device(self, scan: Scan, who: str) -> None:
        maker = " ".join(values(scan.header, "Manufacturer")[:1])
        model = " ".join(values(scan.header, "ManufacturerModelName")[:1])
        known = device(maker, model)
        self.devices[", ".join(dict.fromkeys(known))] += 1
        if UNKNOWN in known and (maker or model):
            self.unlisted["device", f"{maker}, {model}"].add(who)

    def _not_understood(self, scan: Scan, origin: Origin) -> Iterator[tuple[str, str]]:
        """Fields and values of which the vocabulary knows no word."""
        config = self.context.config.evidence
        for source, keywords in TEXTS.items():
            for keyword in keywords:
                for text in values(scan.header, keyword):
                    if not any(findings_in(heard(text), source, config)):
                        yield keyword, text
        for text in values(scan.header, "BodyPartExamined"):
            if not body_part(text) and not any(findings_in(heard(text), "body_part", config)):
                yield "BodyPartExamined", text
        for column, text in origin.sidecar.items():
            means = meaning(column, self.context.site.sidecar)
            if means not in ("label", "description", "view", "class") or not text.strip():
                continue
            if not body_part(text) and not any(findings_in(text, "sidecar", config)):
                yield f"column of {means}", text.strip()  # a heading may be anybody's

    def _has_text_outside(self, scan: Scan) -> bool:
        config = self.context.config
        clip = Clip(scan)
        pictures = clip.spread(config.geometry.pictures)
        fans = geometry(scan, pictures, config.geometry)
        height, width = pictures[0].shape[:2]
        outside = np.ones((height, width), np.bool_)
        for fan in fans:
            outside &= ~fan.mask(height, width)
        if not outside.any():
            return False
        return bool(look(pictures[:1], outside, config.redact.look).lines)

    def close(self, told: tuple[TableReport, ...]) -> None:
        """Count what could only be counted at the end."""
        found = self.found
        found.patients = len(self.patients)
        found.rejected, found.formats = dict(self.rejected), dict(self.formats)
        found.devices, found.organs = dict(self.devices), dict(self.organs)
        for (place, value), who in sorted(self.unmapped.items()):
            if len(who) >= IN_COMMON:
                found.unmapped.setdefault(place, {})[value] = len(who)
            else:
                found.rare += 1
        for (_, value), who in sorted(self.unlisted.items()):
            if len(who) >= IN_COMMON:
                found.unknown_devices[value] = len(who)
        found.ignored_columns = sum(len(one.ignored) for one in told)
        if found.looked:
            found.rate = _rate(found.accepted, found.looked)


def _rate(accepted: int, looked: int) -> tuple[float, float, float]:
    """Share, and Wilson's 95 % interval of it."""
    from scipy.stats import binomtest

    interval = binomtest(accepted, looked).proportion_ci(0.95, method="wilson")
    return accepted / looked, float(interval.low), float(interval.high)
