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
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from echoatlas._version import __version__
from echoatlas.pipeline.engine.when_needed import WhenNeeded
from echoatlas.pipeline.event_log import EventLog, run_name
from echoatlas.pipeline.gate.gate import Gate
from echoatlas.pipeline.gate.held import batches_held
from echoatlas.pipeline.gate.pages import publish_pages
from echoatlas.pipeline.lake.masking import mask, unmasked
from echoatlas.pipeline.lake.tombstones import Tombstones
from echoatlas.pipeline.objects.heeded import heeded
from echoatlas.pipeline.objects.listed import HELD, heed, warnings_of
from echoatlas.pipeline.plan.plan import checked, remember
from echoatlas.pipeline.plan.settings import journey_config
from echoatlas.pipeline.plan.survey import Survey, books_of, surveyed, surveyed_again
from echoatlas.pipeline.run.carry import Progress, carry_objects, read_anew
from echoatlas.pipeline.run.commit import recover
from echoatlas.pipeline.run.conservation import balance
from echoatlas.pipeline.run.idle import Looked
from echoatlas.pipeline.run.lake_steps import deduplicate_lake, label_lake
from echoatlas.pipeline.run.metrics import FOLDER, PLACE, run_metrics
from echoatlas.pipeline.run.queue import QUEUE, tell_queue
from echoatlas.pipeline.run.register import differing, name_arrivals
from echoatlas.pipeline.run.study_tables import state_measurements
from echoatlas.pipeline.run.summary import Summary
from echoatlas.pipeline.run.tallies import remember as remember_tables
from echoatlas.pipeline.run.tallies import unlisted_objects
from echoatlas.pipeline.run.unfinished import give_up
from echoatlas.pipeline.sites.outbox import write_receipts
from echoatlas.pipeline.step import fingerprint
from echoatlas.schemas.events import Ending, Event, Stage
from echoatlas.schemas.rows.log import RunRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.schemas.values import RunStatus

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.lake.tables import Lake
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
    digests: dict[str, bytes] = {}  # locator to SHA-256 of what is named, for receipts
    other: dict[str, list[str]] = {}  # site to files that are not what manifests name
    chosen = deployment.chosen(sites)
    config = checked(deployment.config)
    lake = deployment.lake
    gate = Gate(lake, summary.run_id)

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
        stones = deployment.tombstones()
        for left in [site for site in chosen if site.site in stones.sites]:
            note(f"site '{left.site}' was withdrawn, and is left out")
            chosen.remove(left)
        remember(lake.storage, config, chosen)
        looked = Looked.at(deployment)
        with ExitStack() as stack:
            cluster = WhenNeeded(deployment.config.engine, stack, tell, note)
            log.begin(Stage.LISTING)
            tell("listing buckets", 0, 1)
            books = books_of(deployment, chosen)
            surveys, summary.unlisted = surveyed(deployment, chosen, config, books)
            for site in summary.unlisted:
                log.say(Event.SITE_LISTED, site=site, reason=Ending.OUT_OF_REACH)
            summary.notes += give_up(deployment, surveys)
            tell_queue(lake.storage, surveys)
            log.begin(Stage.NAMING)
            busy = set()
            some = partial(cluster, sum(len(seen.fresh) for seen in surveys))
            for seen in surveys:
                log.say(Event.SITE_LISTED, site=seen.site.site, count=len(seen.fresh))
                summary.waiting += seen.waiting
                named = name_arrivals(deployment, seen, some, tell, digests, stones)
                other[seen.site.site] = differing(seen, digests)
                summary.differing += len(other[seen.site.site])
                if named.num_rows:
                    summary.named += named.num_rows
                    books.add(named)
                    busy.add(seen.site.site)
            log.counted(summary.named)
            log.begin(Stage.SURVEY)
            tell("comparing with the lake", 0, 1)
            surveys, since = surveyed_again(deployment, surveys, busy, config, books)
            summary.unlisted |= since
            del books
            ready = [seen for seen in surveys if not seen.tables.tally.short(seen.site.sidecar)]
            log.begin(Stage.OBJECTS)
            heed_lists(deployment, surveys, stones, summary.run_id)  # before anybody is cut off
            carry_objects(deployment, ready, cluster, summary, tell, log, stones, gate)
            mask(lake, stones, unmasked(lake), summary.run_id)
            log.counted(summary.objects)
            log.begin(Stage.HEADERS)
            read_anew(deployment, ready, cluster, summary, tell, log, stones, gate)
            log.counted(summary.reread)
            for seen in ready:
                told = state_measurements(deployment, seen, summary.run_id)
                summary.warnings += [f"{seen.site.site}: {one}" for one in told]
            gate.finish(seen.site.site for seen in ready)
            heed_lists(deployment, surveys, stones, summary.run_id)  # those in archives are known
            log.begin(Stage.DUPLICATES)
            tell("duplicates", 0, 1)
            run_id = summary.run_id
            log.counted(deduplicate_lake(lake, deployment.config, run_id, cluster, gate))
            log.begin(Stage.LABELS)
            tell("labels", 0, 1)
            # Last: a frame without a label is in no release, so none is that was not compared
            if not gate.whole.failures:
                log.counted(label_lake(lake, deployment.config, gate))
        log.begin(Stage.GATE)
        tell("balancing the books", 0, 1)
        worked = bool(summary.named or summary.objects or summary.reread)
        summary.gate, summary.held_back = gate.checks(), gate.said()
        summary.balance = balance(lake)
        summary.warnings += gate.warnings()
        if worked or summary.gate:
            publish_pages(lake.storage, summary.run_id, gate.parts())
        log.begin(Stage.RECEIPTS)
        tell("writing receipts", 0, 1)
        summary.silent = [
            seen.site.site
            for seen in surveys
            if not write_receipts(
                deployment,
                seen.site,
                (*seen.tables.told, *seen.tables.lists),
                seen.arrived.whole,
                digests,
                other.get(seen.site.site, ()),
            )
        ]
        _speak_of_tables(lake, surveys, summary)
        tell_queue(lake.storage, surveys, [seen.site.site for seen in ready])
        summary.seconds = time.monotonic() - clock
        if worked:
            _record(deployment, chosen, summary, started)
        else:
            looked.keep(deployment, surveys, summary)
        log.ending = Ending.FAILED if summary.failed else Ending.DONE
    return summary


def _speak_of_tables(lake: Lake, surveys: list[Survey], summary: Summary) -> None:
    """Say what a person should look at in the sites' tables, and keep the counts."""
    unlisted, known = unlisted_objects(lake), heeded(lake)
    for seen in surveys:
        site, counts = seen.site, seen.tables.tally
        remember_tables(lake.storage, site.site, counts)
        if short := counts.short(site.sidecar):
            summary.held.append(f"{site.site}: {short}")
        said = counts.warnings() + warnings_of(seen.tables.lists, known.get(site.site))
        if (found := known.get(site.site)) and found.held:
            summary.held.append(f"{site.site}: {HELD}")
        if packed := unlisted.get(site.site):
            said.append(packed.warning)
            if packed.share < site.sidecar.min_matched:
                summary.held.append(f"{site.site}: {packed.warning}")
        summary.warnings += [f"{site.site}: {one}" for one in said]


def heed_lists(
    deployment: Deployment, surveys: list[Survey], stones: Tombstones, run_id: str
) -> None:
    """Keep what sites' tables say of patients, whatever files they name."""
    for seen in surveys:
        locators = (place for place in seen.arrived.listing.locators.to_pylist())
        key = deployment.site_key(seen.site.site)
        heed(deployment.lake, key, seen.tables.lists, locators, stones, run_id)


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
