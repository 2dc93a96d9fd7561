"""A run: from what sites dropped to labels and duplicates, resumable at any moment.

1. What an interrupted run left is settled or swept away.
2. New files are named (``sightings``).
3. Objects that are new, or whose steps changed, go through the journey; the driver alone commits.
4. Where only words or rules changed, headers are read anew for evidence, and no pixels.
5. Labels and duplicates follow, which depend on the whole lake.
6. The gate is passed, the books are balanced, and each site gets its receipts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from echoatlas._version import __version__
from echoatlas.pipeline.engine.when_needed import WhenNeeded
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.event_log import EventLog, run_name
from echoatlas.pipeline.lake.masking import mask, unmasked
from echoatlas.pipeline.lake.outcome import erased_row, outcome_row
from echoatlas.pipeline.lake.tombstones import Tombstones
from echoatlas.pipeline.objects.rows import rejection_rows
from echoatlas.pipeline.plan.batch import batches
from echoatlas.pipeline.plan.plan import checked, remember
from echoatlas.pipeline.plan.settings import journey_config
from echoatlas.pipeline.plan.survey import Survey, books_of, surveyed, surveyed_again
from echoatlas.pipeline.run.commit import Committer, recover
from echoatlas.pipeline.run.conservation import balance
from echoatlas.pipeline.run.drift import drifted
from echoatlas.pipeline.run.idle import Looked
from echoatlas.pipeline.run.lake_steps import SCATTERED, deduplicate_lake, gate, label_lake
from echoatlas.pipeline.run.metrics import FOLDER, PLACE, run_metrics
from echoatlas.pipeline.run.queue import QUEUE, tell_queue
from echoatlas.pipeline.run.register import differing, name_arrivals
from echoatlas.pipeline.run.reread import reread
from echoatlas.pipeline.run.summary import Summary
from echoatlas.pipeline.run.tallies import remember as remember_tables
from echoatlas.pipeline.run.tallies import unlisted_objects
from echoatlas.pipeline.run.unfinished import give_up
from echoatlas.pipeline.run.validation_page import publish_checks
from echoatlas.pipeline.run.worker import work
from echoatlas.pipeline.sites.outbox import write_receipts
from echoatlas.pipeline.step import fingerprint
from echoatlas.pipeline.vault.crosswalk import Crosswalk
from echoatlas.schemas.events import Ending, Event, Stage
from echoatlas.schemas.rows.log import RunRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.schemas.values import RunStatus, Status

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.engine.scatter import Workers
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.config.site import SiteConfig


Progress = Callable[[str, int, int], None]  # what, done, of


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
    fresh: dict[str, set[str]] = {}  # site to objects that were named
    other: dict[str, list[str]] = {}  # site to files that are not what manifests name
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
        stones = Tombstones.of(lake.storage, deployment.key())
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
                fresh[seen.site.site] = set(named.column("object_id").to_pylist())
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
            _carry(deployment, ready, cluster, summary, tell, log, stones)
            mask(lake, stones, unmasked(lake), summary.run_id)
            log.counted(summary.objects)
            log.begin(Stage.HEADERS)
            _reread(deployment, ready, cluster, summary, tell, log, stones)
            log.counted(summary.reread)
            log.begin(Stage.LABELS)
            tell("labels", 0, 1)
            log.counted(label_lake(lake, deployment.config))
            log.begin(Stage.DUPLICATES)
            tell("duplicates", 0, 1)
            run_id, many = summary.run_id, partial(cluster, SCATTERED)
            log.counted(deduplicate_lake(lake, deployment.config, run_id, many))
        log.begin(Stage.GATE)
        tell("checking the tables", 0, 1)
        worked = bool(summary.named or summary.objects or summary.reread)
        summary.gate = gate(lake)
        summary.balance = balance(lake)
        for seen in surveys:
            _compare_with_before(lake, seen.site, fresh.get(seen.site.site, set()), summary)
        if worked:
            publish_checks(lake.storage, summary.run_id, summary.gate)
        log.begin(Stage.RECEIPTS)
        tell("writing receipts", 0, 1)
        summary.silent = [
            seen.site.site
            for seen in surveys
            if not write_receipts(
                deployment,
                seen.site,
                seen.tables.told,
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


def _carry(
    deployment: Deployment,
    surveys: list[Survey],
    cluster: Callable[[int], Workers],
    summary: Summary,
    tell: Progress,
    log: EventLog,
    stones: Tombstones,
) -> None:
    """Take all objects that have something to do through the journey, and commit as it goes."""
    committer = Committer(deployment.lake, summary.run_id, deployment.config.engine, log)
    sites = [seen.site.site for seen in surveys]
    crosswalks = {site: Crosswalk(deployment.vault.path, site) for site in sites}
    stale = {one.object_id for seen in surveys for one in seen.stale}
    for seen in surveys:
        vanished = Reject(Reason.VANISHED, step="ingest")
        rows: list[object] = []
        for one in seen.lost:
            rows += rejection_rows(one, seen.site, vanished, seen.marks)
        rows += [
            outcome_row(
                one,
                Status.DUPLICATE,
                license_id=seen.site.license,
                fingerprint=seen.marks.frames,
            )
            for one in seen.repeats
        ]
        rows += map(erased_row, seen.erased)
        committer.rows(seen.site.site, rows)
        summary.repeats += len(seen.repeats)
        summary.rejected[Reason.VANISHED.value] += len(seen.lost)
        log.rejected(seen.site.site, {Reason.VANISHED: len(seen.lost)})
    total = sum(len(seen.pending) + len(seen.stale) for seen in surveys)
    if total:
        tasks = (
            batch
            for seen in surveys
            for batch in batches(deployment, seen, seen.due, summary.run_id, stones)
        )
        workers = cluster(total)
        tell("objects", 0, total)
        for done in workers.scatter(
            work, tasks, lambda some: tell("objects", summary.objects + some, total)
        ):
            site = done.task.site.site
            if done.answer is None:
                crash = Reject(Reason.CRASHED, "Its worker died, each time.", "journey")
                item = done.task.items[0]
                mark = item.marks(done.task.made_by)
                committer.rows(site, rejection_rows(item.sighting, done.task.site, crash, mark))
                summary.crashes.append(crash.detail)
                summary.rejected[Reason.CRASHED.value] += 1
                log.rejected(site, {Reason.CRASHED: 1})
                summary.objects += 1
            else:
                if done.answer.sealed:  # before the commit: a killed run then finds them there
                    crosswalks[site].add(done.answer.sealed)
                committer.parts(site, done.answer.parts)
                summary.objects += done.answer.objects
                summary.frames += done.answer.frames
                summary.rejected.update(done.answer.rejected)
                log.rejected(site, done.answer.rejected)
                summary.step_seconds.update(done.answer.seconds)
                summary.crashes += done.answer.crashes
            ids = [item.sighting.object_id for item in done.task.items]
            committer.finished(site, [one for one in ids if one in stale])
            tell("objects", summary.objects, total)
        tell("committing", 0, 1)
    committer.close()
    summary.rejected = +summary.rejected


def _reread(
    deployment: Deployment,
    surveys: list[Survey],
    cluster: Callable[[int], Workers],
    summary: Summary,
    tell: Progress,
    log: EventLog,
    stones: Tombstones,
) -> None:
    """Read the evidence of objects anew where only words or rules changed, and commit as it goes.

    What can't be read is a crash of ours, and costs nothing: such evidence stays as it was.
    """
    total = sum(len(seen.unread) for seen in surveys)
    if not total:
        return
    run_id = f"{summary.run_id}-e"
    committer = Committer(deployment.lake, run_id, deployment.config.engine, log)
    tasks = (
        batch
        for seen in surveys
        for batch in batches(deployment, seen, seen.items(seen.unread), run_id, stones)
    )
    passed: list[int] = []  # objects of each task that is done
    workers = cluster(total)
    tell("headers", 0, total)
    for done in workers.scatter(
        reread, tasks, lambda some: tell("headers", sum(passed) + some, total)
    ):
        site, answer = done.task.site.site, done.answer
        passed.append(len(done.task.items))
        if answer is None:
            summary.crashes.append("A worker died, each time, as it read a header anew.")
            continue
        if answer.sealed:
            Crosswalk(deployment.vault.path, site).add(answer.sealed)
        committer.parts(site, answer.parts)
        committer.finished(site, answer.renewed, answer.reread)
        summary.reread += len(answer.reread) + len(answer.renewed)
        summary.rejected.update(answer.rejected)
        log.rejected(site, answer.rejected)
        summary.step_seconds.update(answer.seconds)
        summary.crashes += answer.crashes
        tell("headers", sum(passed), total)
    committer.close()


def _speak_of_tables(lake: Lake, surveys: list[Survey], summary: Summary) -> None:
    """Say what a person should look at in the sites' tables, and keep the counts."""
    unlisted = unlisted_objects(lake)
    for seen in surveys:
        site, counts = seen.site, seen.tables.tally
        remember_tables(lake.storage, site.site, counts)
        if short := counts.short(site.sidecar):
            summary.held.append(f"{site.site}: {short}")
        said = counts.warnings()
        if packed := unlisted.get(site.site):
            said.append(packed.warning)
            if packed.share < site.sidecar.min_matched:
                summary.held.append(f"{site.site}: {packed.warning}")
        summary.warnings += [f"{site.site}: {one}" for one in said]


def _compare_with_before(lake: Lake, site: SiteConfig, fresh: set[str], summary: Summary) -> None:
    said = [f"{site.site}: {one}" for one in drifted(lake, site, fresh)]
    (summary.held if site.drift.stop else summary.warnings).extend(said)


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
    text = run_metrics(summary.balance.sites, summary.rejected, summary.step_seconds, row)
    storage = deployment.lake.storage
    storage.write(PLACE, text)
    storage.delete([entry.key for entry in storage.list(FOLDER) if entry.key not in (PLACE, QUEUE)])
