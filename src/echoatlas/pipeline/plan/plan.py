"""What a run would do, and why, before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.ingest.apart import shared_warning, sharing
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.fingerprints import TOLD, fingerprints_of, vocabulary_digests
from echoatlas.pipeline.objects.listed import HELD, warnings_of
from echoatlas.pipeline.plan.settings import deduplicate_config, journey_config, label_config
from echoatlas.pipeline.plan.survey import BESIDE, surveyed
from echoatlas.pipeline.settings import as_plain
from echoatlas.pipeline.sidecars.tally import ARCHIVES, Tally
from echoatlas.pipeline.step import declared, renamed
from echoatlas.schemas.config.site import Sampling

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.errors import EchoAtlasError
    from echoatlas.pipeline.plan.survey import Survey
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.config.deployment import DeploymentConfig
    from echoatlas.schemas.config.site import SiteConfig


MARKS = "_fingerprints/"
ARRIVAL = {"bucket", "uploads", "dicomweb", "drift"}  # how scans come, not what they are


def checked(config: DeploymentConfig) -> JourneyConfig:
    """The settings of the steps that touch an object, all others being right too.

    What ``plan`` and ``run`` begin with: nothing is refused that was begun.

    Raises:
        ConfigError: a setting of any step, with where it stands and what it may be.
        UsageError: a step that is not there.
    """
    label_config(config)
    deduplicate_config(config)
    return journey_config(config)


def _steps(config: JourneyConfig) -> dict[str, Any]:
    return {
        declared(function).name: {"version": declared(function).version, "set": as_plain(part)}
        for function, part in config.steps()
    }


def _described(steps: Mapping[str, Any], site: SiteConfig) -> dict[str, Any]:
    return {"steps": steps, "site": json.loads(site.model_dump_json(exclude=ARRIVAL))}


def _made_by(described: Mapping[str, Any]) -> dict[str, Any]:
    """What frames depend on, of all that is described."""
    steps = {name: part for name, part in described["steps"].items() if name != "evidence"}
    labels = {name: part for name, part in described["site"]["labels"].items() if name != "organ"}
    return {**described, "steps": steps, "site": {**described["site"], "labels": labels}}


def _read_by(described: Mapping[str, Any]) -> dict[str, Any]:
    """What evidence depends on, of all that is described."""
    steps = {name: described["steps"][name] for name in ("read", "evidence")}
    return {**described, "steps": steps, **vocabulary_digests()}


def remember(storage: Storage, config: JourneyConfig, sites: list[SiteConfig]) -> None:
    """Keep what each fingerprint stands for, so that a later plan can say what changed."""
    steps = _steps(config)
    for site in sites:
        marks, described = fingerprints_of(config, site), _described(steps, site)
        for mark, said in (
            (marks.frames, _made_by(described)),
            (marks.evidence, _read_by(described)),
        ):
            key = f"{MARKS}{mark}.json"
            if not storage.exists(key):
                storage.write(key, json.dumps(said, sort_keys=True, indent=1).encode())


def _today(described: Any) -> Any:
    """A description that was written down earlier, under the names that settings have today."""
    if isinstance(described, dict):
        names = former_names()
        return {names.get(key, key): _today(value) for key, value in described.items()}
    return described


@cache
def former_names() -> dict[str, str]:
    """First names of settings to today's, of steps and of a site's file."""
    sampled = Sampling.model_fields.items()
    site = {one.serialization_alias: name for name, one in sampled if one.serialization_alias}
    return {**renamed(JourneyConfig), **site}


def changes(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> list[str]:
    """What differs between two descriptions, one line each: ``normalize.set.size: 256 -> 224``."""
    found: list[str] = []
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        place = f"{path}{key}"
        if isinstance(old, dict) and isinstance(new, dict):
            found += changes(old, new, f"{place}.")
        elif old != new:
            found.append(f"{place}: {json.dumps(old)} -> {json.dumps(new)}")
    return found


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What a run would do at one site.

    Attributes:
        new_files: not yet named; an archive counts once, whatever it holds.
        pending: named, not yet worked on.
        renewed: to be worked on anew, because of ``why``.
        reread: headers to be read anew for evidence, because of ``why``; frames stay as they are.
        up_to_date: nothing to do.
        lost: pending, but the site removed the file.
        waiting: new files of uploads that have not come whole.
        missing: files that manifests list and that have not come.
        unfinished: multipart uploads that are not finished.
        tables: how far its tables speak of its files.
        warnings: what to look at in these, and where its bucket is another site's as well.
        archives: of the new files; what is in them, and of whom tables in them speak, is in none of
            these numbers.
        fault: why its bucket can't be listed, if it can't: then all numbers are 0.
    """

    site: str
    new_files: int
    pending: int
    renewed: int
    reread: int
    up_to_date: int
    lost: int
    tables: Tally
    why: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fault: str = ""
    waiting: int = 0
    missing: int = 0
    unfinished: int = 0
    archives: int = 0

    @property
    def idle(self) -> bool:
        return not (self.new_files or self.pending or self.renewed or self.reread or self.lost)


def surveys_of(
    deployment: Deployment, sites: list[str] | None = None
) -> tuple[list[Survey], dict[str, EchoAtlasError]]:
    """What ``plan`` and a forecast are made of: each bucket is listed once, the lake read once.

    Raises:
        ConfigError, UsageError, Retry: a setting is wrong, or no site's bucket can be read.
    """
    return surveyed(deployment, deployment.chosen(sites), checked(deployment.config))


def plan(deployment: Deployment, sites: list[str] | None = None) -> list[SitePlan]:
    """Compare each site's bucket and settings with the lake; reads listings, no scans.

    Raises:
        UsageError, Retry: no site's bucket can be read.
    """
    return plans_of(deployment, *surveys_of(deployment, sites))


def plans_of(
    deployment: Deployment, surveys: Iterable[Survey], faults: Mapping[str, EchoAtlasError]
) -> list[SitePlan]:
    """The same of sites that were surveyed, and of those that could not be."""
    config = checked(deployment.config)
    shared = sharing(deployment.root, deployment.sites.values())
    found = [
        SitePlan(site, 0, 0, 0, 0, 0, 0, Tally(), fault=str(why)) for site, why in faults.items()
    ]
    for seen in surveys:
        site = seen.site
        why: list[str] = []
        described = _described(_steps(config), site)
        beside = seen.marks.frames.partition(BESIDE)[2]
        for marks, now, today in (
            (seen.made_by, seen.marks.frames, _made_by(described)),
            (seen.read_by, seen.marks.evidence, _read_by(described)),
        ):
            for mark in sorted(set(marks) - {now}):
                if mark == f"{now}{TOLD}":
                    why.append("what tables say, or copies: changed")
                    continue
                then, _, lay_beside = mark.partition(BESIDE)
                if lay_beside != beside:
                    why.append("the collection's masks or tables: changed")
                key = f"{MARKS}{then}.json"
                if deployment.lake.storage.exists(key):
                    before = _today(json.loads(deployment.lake.storage.read(key)))
                    why += changes(before, today)
        warnings = seen.tables.tally.warnings() + warnings_of(seen.tables.lists)
        if any(one.fault for one in seen.tables.lists):
            warnings.insert(0, HELD)
        if short := seen.tables.tally.short(site.sidecar):
            warnings.insert(0, short)
        if site.site in shared:
            warnings.insert(0, shared_warning(shared[site.site]))
        found.append(
            SitePlan(
                site=site.site,
                new_files=len(seen.fresh),
                pending=len(seen.pending) + len(seen.repeats),
                renewed=len(seen.stale),
                reread=len(seen.unread),
                up_to_date=seen.made_by.get(seen.marks.frames, 0) - len(seen.unread),
                lost=len(seen.lost),
                why=tuple(dict.fromkeys(why)),
                tables=seen.tables.tally,
                warnings=tuple(warnings),
                waiting=seen.waiting,
                missing=sum(map(len, seen.arrived.whole.missing.values())),
                unfinished=len(seen.arrived.unfinished),
                archives=sum(one.key.lower().endswith(ARCHIVES) for one in seen.fresh),
            )
        )
    return sorted(found, key=lambda one: one.site)
