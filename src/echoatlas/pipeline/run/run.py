"""A run: from what sites dropped to labels and duplicates, resumable at any moment.

1. What an interrupted run left is settled or swept away.
2. New files are named (``sightings``).
3. Objects that are new, or whose steps changed, go through the journey; the driver alone commits.
4. Where only words or rules changed, headers are read anew for evidence, and no pixels.
5. Duplicates and labels follow, which depend on the whole lake.
6. The books are balanced, and each site gets its receipts.

Whatever is to be committed passes the gate first: a batch that does not is held back whole.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from echoatlas._version import __version__
from echoatlas.pipeline.engine.when_needed import WhenNeeded
from echoatlas.pipeline.event_log import EventLog, run_name
from echoatlas.pipeline.gate.gate import Gate
from echoatlas.pipeline.gate.held import batches_held
from echoatlas.pipeline.gate.pages import publish_pages
from echoatlas.pipeline.ingest.apart import shared_warning, sharing
from echoatlas.pipeline.lake.made_with import remember_keys
from echoatlas.pipeline.lake.masking import mask, unmasked
from echoatlas.pipeline.lake.tombstones import unfinished_erasure
from echoatlas.pipeline.objects.heeded import heeded
from echoatlas.pipeline.objects.listed import HELD, Heard, consent_by_site, heed, warnings_of
from echoatlas.pipeline.objects.under_names import under_names, warnings_of_names
from echoatlas.pipeline.plan.plan import checked, remember
from echoatlas.pipeline.plan.settings import journey_config
from echoatlas.pipeline.plan.survey import Survey, books_of, surveyed, surveyed_again
from echoatlas.pipeline.run.carry import carry_objects, read_anew
from echoatlas.pipeline.run.commit import recover
from echoatlas.pipeline.run.conservation import balance
from echoatlas.pipeline.run.idle import Looked
from echoatlas.pipeline.run.lake_steps import deduplicate_lake, label_lake
from echoatlas.pipeline.run.metrics import FOLDER, PLACE, run_metrics, tell_books
from echoatlas.pipeline.run.queue import QUEUE, tell_queue
from echoatlas.pipeline.run.register import differing, name_arrivals
from echoatlas.pipeline.run.study_tables import state_measurements, stated_by_site
from echoatlas.pipeline.run.summary import Summary
from echoatlas.pipeline.run.tallies import remember as remember_tables
from echoatlas.pipeline.run.tallies import unlisted_objects
from echoatlas.pipeline.run.under_way import Progress, UnderWay
from echoatlas.pipeline.run.unfinished import give_up
from echoatlas.pipeline.sites.fates import Fates
from echoatlas.pipeline.sites.outbox import write_receipts
from echoatlas.pipeline.step import fingerprint
from echoatlas.schemas.events import Ending, Event, Stage
from echoatlas.schemas.rows.log import RunRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.schemas.values import RunStatus

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.objects.config import JourneyConfig
    from echoatlas.schemas.config.site import SiteConfig


def curate(
    deployment: Deployment, sites: list[str] | None = None, progress: Progress | None = None
) -> Summary:
    """Run the pipeline over sites, from their buckets to labels and duplicates.

    Args:
        sites: names; all if not given.
        progress: told what is being done, how much of it is done, and of how much.

    Raises:
        UsageError: an unknown site, no site whose bucket can be read, a full disk, or another run.
        Retry: storage failed time and again; what was committed stays, run again.
    """
    tell = progress or (lambda what, done, of: None)
    started = datetime.now(UTC)
    clock = time.monotonic()
    summary = Summary(run_name("r", started))
    chosen = deployment.chosen(sites)
    config = checked(deployment.config)
    lake = deployment.lake

    def note(said: str) -> None:
        summary.notes.append(said)
        tell(said, 0, 1)

    with (
        lake.held(summary.run_id) as lock,
        EventLog(lake.storage, summary.run_id, deployment.sites) as log,
    ):
        if lock.before:
            log.begin(Stage.RECOVER)
            tell("finishing what an interrupted run left", 0, 1)
            recover(lake, lock.before)
        stones, gate = deployment.tombstones(), Gate(lake, summary.run_id)
        for left in [site for site in chosen if site.site in stones.sites]:
            note(f"site '{left.site}' was withdrawn, and is left out")
            chosen.remove(left)
        remember(lake.storage, config, chosen)
        looked = Looked.at(deployment)
        with ExitStack() as stack:
            cluster = WhenNeeded(deployment.config.engine, stack, tell, note)
            run = UnderWay(deployment, cluster, summary, stones, gate, log, tell)
            found = _look(run, chosen, config)
            _carry(run, found)
            _renew(run)
        with lake.kept_open():  # nothing changes any more
            _balance(run)
            _tell_sites(run, found)
        summary.seconds = time.monotonic() - clock
        if _worked(summary):
            _record(deployment, chosen, summary, started)
        else:
            tell_books(lake.storage, summary.balance)
            looked.keep(deployment, found.surveys, summary)
        log.ending = Ending.FAILED if summary.failed else Ending.DONE
    return summary


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What lies at the sites, all of it named. Trusted zone: holds file names.

    Attributes:
        digests: locator to SHA-256 of what was named now.
        differing: site to files that are not what manifests name.
    """

    surveys: list[Survey]
    digests: Mapping[str, bytes]
    differing: Mapping[str, list[str]]

    @property
    def ready(self) -> list[Survey]:
        """Of the sites whose tables say enough of their files."""
        return [seen for seen in self.surveys if not seen.tables.tally.short(seen.site.sidecar)]


def _look(run: UnderWay, sites: list[SiteConfig], config: JourneyConfig) -> Surveyed:
    """List buckets, name what is new in them, and compare them with the lake."""
    deployment, summary, log = run.deployment, run.summary, run.log
    run.begin(Stage.LISTING, "listing buckets")
    books = books_of(deployment, sites)
    surveys, summary.unlisted = surveyed(deployment, sites, config, books)
    for name in summary.unlisted:
        log.say(Event.SITE_LISTED, site=name, reason=Ending.OUT_OF_REACH)
    shared = sharing(deployment.root, deployment.sites.values())
    chosen = [seen.site.site for seen in surveys if seen.site.site in shared]
    summary.warnings += [f"{name}: {shared_warning(shared[name])}" for name in chosen]
    summary.notes += give_up(deployment, surveys)
    tell_queue(run.lake.storage, surveys)
    due = [seen.site.site for seen in surveys if seen.fresh or seen.pending or seen.stale]
    if due:
        remember_keys(run.lake, [deployment.key(), *map(deployment.site_key, due)])
    log.begin(Stage.NAMING)
    digests: dict[str, bytes] = {}
    other: dict[str, list[str]] = {}
    busy: set[str] = set()
    workers = partial(run.cluster, sum(len(seen.fresh) for seen in surveys))
    for seen in surveys:
        name = seen.site.site
        log.say(Event.SITE_LISTED, site=name, count=len(seen.fresh))
        summary.waiting += seen.waiting
        named = name_arrivals(deployment, seen, workers, run.tell, digests, run.stones)
        other[name] = differing(seen, digests)
        summary.differing += len(other[name])
        if named.num_rows:
            summary.named += named.num_rows
            books.add(named)
            busy.add(name)
    log.counted(summary.named)
    run.begin(Stage.SURVEY, "comparing with the lake")
    surveys, since = surveyed_again(deployment, surveys, busy, config, books)
    summary.unlisted |= since
    return Surveyed(surveys, digests, other)


def _carry(run: UnderWay, found: Surveyed) -> None:
    """Have all done that is due at the sites, object by object."""
    summary, log = run.summary, run.log
    log.begin(Stage.OBJECTS)
    heed_lists(run, found.surveys)  # before anybody is cut off
    carry_objects(run, found.ready)
    mask(run.lake, run.stones, unmasked(run.lake), run.run_id)
    log.counted(summary.objects)
    log.begin(Stage.HEADERS)
    read_anew(run, found.ready)
    log.counted(summary.reread)
    stated = stated_by_site(run.lake)
    for seen in found.ready:
        before = stated.get(seen.site.site, frozenset())
        told = state_measurements(run.deployment, seen, before, run.run_id)
        summary.warnings += [f"{seen.site.site}: {one}" for one in told]
    run.gate.finish(seen.site.site for seen in found.ready)
    heed_lists(run, found.surveys, done=True)  # those in archives are known


def _renew(run: UnderWay) -> None:
    """Renew what depends on the whole lake."""
    config = run.deployment.config
    run.begin(Stage.DUPLICATES, "duplicates")
    run.log.counted(deduplicate_lake(run.lake, config, run.run_id, run.cluster, run.gate))
    run.begin(Stage.LABELS, "labels")
    # Last: a frame without a label is in no release, so none is that was not compared
    if not run.gate.whole.failures:
        run.log.counted(label_lake(run.lake, config, run.gate))


def _worked(summary: Summary) -> bool:
    return bool(summary.named or summary.objects or summary.reread)


def _balance(run: UnderWay) -> None:
    """Balance the books, and show what passed the gate and what did not."""
    summary, gate = run.summary, run.gate
    run.begin(Stage.GATE, "balancing the books")
    summary.gate, summary.held_back = gate.checks(), gate.said()
    summary.balance = balance(run.lake)
    summary.erasure = unfinished_erasure(run.lake.storage)
    summary.warnings += gate.warnings()
    if _worked(summary) or summary.gate:
        publish_pages(run.lake.storage, run.run_id, gate.parts())


def _tell_sites(run: UnderWay, found: Surveyed) -> None:
    """Write each site its receipts, and say how far its tables carry."""
    run.begin(Stage.RECEIPTS, "writing receipts")
    names = [seen.site.site for seen in found.surveys]
    fates = Fates.read(run.lake, names, every=len(names) == len(run.deployment.sites))
    consents = consent_by_site(run.lake, names)
    for seen in found.surveys:
        if not write_receipts(
            run.deployment,
            seen.arrived,
            found.digests,
            found.differing.get(seen.site.site, ()),
            fates[seen.site.site],
            consents[seen.site.site],
        ):
            run.summary.silent.append(seen.site.site)
    _speak_of_tables(run.lake, found.surveys, run.summary)
    tell_queue(run.lake.storage, found.surveys, [seen.site.site for seen in found.ready])


def _speak_of_tables(lake: Lake, surveys: list[Survey], summary: Summary) -> None:
    """Say what a person should look at in the sites' tables, and keep the counts."""
    unlisted, known = unlisted_objects(lake), heeded(lake)
    for seen in surveys:
        site, counts = seen.site, seen.tables.tally
        remember_tables(lake.storage, site.site, counts)
        if short := counts.short(site.sidecar):
            summary.held.append(f"{site.site}: {short}")
        said = counts.warnings() + warnings_of(seen.tables.lists, known.get(site.site))
        said += warnings_of_names(lake, site.site)
        if (found := known.get(site.site)) and found.held:
            summary.held.append(f"{site.site}: {HELD}")
        if packed := unlisted.get(site.site):
            said.append(packed.warning)
            if packed.share < site.sidecar.min_matched:
                summary.held.append(f"{site.site}: {packed.warning}")
        summary.warnings += [f"{site.site}: {one}" for one in said]


def heed_lists(run: UnderWay, surveys: Sequence[Survey], *, done: bool = False) -> None:
    """Keep what sites' tables say of patients, whatever files they name.

    Args:
        done: whether it is known of all files whom they name.
    """
    known = Heard.of(run.lake)
    for seen in surveys:
        locators = (place for place in seen.arrived.listing.locators.to_pylist())
        key = run.deployment.site_key(seen.site.site)
        lists = seen.tables.lists
        files = ((one.locator, one.key) for one in seen.arrived.listing.of_uploads(None))
        before = known.rows.get(seen.site.site, ())
        names = under_names(run.lake, seen.site.site, files, lists, before) if done else None
        heed(run.lake, key, lists, locators, run.stones, run.run_id, known, names)


def _record(
    deployment: Deployment, sites: list[SiteConfig], summary: Summary, started: datetime
) -> None:
    """One row in ``runs``, and the run's metrics beside the tables."""
    row = RunRow(
        run_id=summary.run_id,
        started=started.isoformat(timespec="seconds"),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        status=RunStatus.FAILED if summary.failed else RunStatus.DONE,
        version=__version__,
        fingerprint=fingerprint(journey_config(deployment.config).steps()),
        sites=" ".join(site.site for site in sites),
        objects=summary.objects,
        frames=summary.frames,
        rejected=sum(summary.rejected.values()),
        crashed=len(summary.crashes),
        seconds=round(summary.seconds, 3),
        conservation=summary.balance.holds,
    )
    deployment.lake.append("runs", to_arrow("runs", [row]), summary.run_id)
    storage = deployment.lake.storage
    held = {site: one.objects for site, one in batches_held(storage).items()}
    sites_held = {site: held.get(site, 0) for site in summary.balance.sites}
    text = run_metrics(
        summary.balance.sites, summary.rejected, summary.step_seconds, row, sites_held
    )
    storage.write(PLACE, text)
    storage.delete([entry.key for entry in storage.list(FOLDER) if entry.key not in (PLACE, QUEUE)])
