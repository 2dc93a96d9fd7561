"""A run: from what sites dropped to labels and duplicates, resumable at any moment.

1. What an interrupted run left is settled or swept away.
2. New files are named (``sightings``).
3. Objects that are new, or whose steps changed, go through the journey batch by batch; the
   driver alone commits.
4. Where only words or rules changed, headers are read anew for evidence, and no pixels.
5. What depends on the whole lake is computed anew: labels, duplicates.
6. The gate is passed, the books are balanced, and each site gets its receipts.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from echoatlas._version import __version__
from echoatlas.pipeline.engine.cluster import Cluster, connected
from echoatlas.pipeline.errors import CheckFailed, Reason, Reject
from echoatlas.pipeline.lake.lock import run_lock
from echoatlas.pipeline.objects.rows import object_row, rejection_rows
from echoatlas.pipeline.plan.batch import batches
from echoatlas.pipeline.plan.plan import remember
from echoatlas.pipeline.plan.settings import journey_config
from echoatlas.pipeline.plan.survey import Survey, survey
from echoatlas.pipeline.run.commit import Committer, recover
from echoatlas.pipeline.run.conservation import Balance, balance
from echoatlas.pipeline.run.lake_steps import deduplicate_lake, gate, label_lake
from echoatlas.pipeline.run.metrics import run_metrics
from echoatlas.pipeline.run.register import name_arrivals
from echoatlas.pipeline.run.reread import reread
from echoatlas.pipeline.run.worker import work
from echoatlas.pipeline.sites.receipts import write_receipts
from echoatlas.pipeline.step import fingerprint
from echoatlas.pipeline.vault.crosswalk import Crosswalk
from echoatlas.schemas.rows import RunRow
from echoatlas.schemas.tables import to_arrow

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.schemas.config import SiteConfig


Progress = Callable[[str, int, int], None]  # what, done, of


@dataclass(slots=True)
class Summary:
    """What a run did, in numbers."""

    run_id: str
    named: int = 0
    objects: int = 0
    reread: int = 0
    frames: int = 0
    repeats: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    step_seconds: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    gate: list[tuple[str, bool, str]] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    balance: Balance = field(default_factory=Balance)
    seconds: float = 0.0

    @property
    def failed(self) -> list[str]:
        """Why the run did not end well, in words; empty when it did."""
        reasons = list(self.balance.faults)
        reasons += [f"{name}: {detail}" for name, ok, detail in self.gate if not ok]
        if self.crashes:
            reasons.append(f"{len(self.crashes)} objects crashed, first: {self.crashes[0]}")
        return reasons


def curate(
    deployment: Deployment, sites: list[str] | None = None, progress: Progress | None = None
) -> Summary:
    """Run the pipeline over sites, from their buckets to labels and duplicates.

    Args:
        sites: names; all if not given.
        progress: told what is being done, how much of it is done, and of how much.

    Raises:
        UsageError: an unknown site, an unreadable bucket, a full disk, or another run.
        Retry: storage failed time and again; what was committed stays, run again.
    """
    tell = progress or (lambda what, done, of: None)
    started = datetime.now(UTC)
    clock = time.monotonic()
    summary = Summary(f"r{started:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}")
    chosen = deployment.chosen(sites)
    lake = deployment.lake
    with run_lock(lake.storage, summary.run_id) as lock:
        if lock.before:
            recover(lake, lock.before)
        config = journey_config(deployment.config)
        remember(lake.storage, config, chosen)
        with ExitStack() as stack:
            cluster = _WhenNeeded(deployment, stack)
            for site in chosen:
                seen = survey(deployment, site, config)
                summary.named += name_arrivals(deployment, seen, cluster, tell)
            surveys = [survey(deployment, site, config) for site in chosen]
            _carry(deployment, surveys, cluster, summary, tell)
            _reread(deployment, surveys, cluster, summary, tell)
            tell("labels", 0, 1)
            label_lake(lake, deployment.config)
            tell("duplicates", 0, 1)
            deduplicate_lake(lake, deployment.config, cluster)
        worked = bool(summary.named or summary.objects or summary.reread)
        summary.gate = gate(lake)
        summary.balance = balance(lake)
        summary.silent = [s.site for s in chosen if not write_receipts(deployment, s)]
        summary.seconds = time.monotonic() - clock
        if worked:
            _record(deployment, chosen, summary, started)
    return summary


class _WhenNeeded:
    """A cluster that is started by the first who has work for it: doing nothing costs nothing."""

    def __init__(self, deployment: Deployment, stack: ExitStack) -> None:
        self._deployment = deployment
        self._stack = stack
        self._cluster: Cluster | None = None

    def __call__(self) -> Cluster:
        if self._cluster is None:
            self._cluster = self._stack.enter_context(connected(self._deployment.config.engine))
        return self._cluster


def _carry(
    deployment: Deployment,
    surveys: list[Survey],
    cluster: Callable[[], Cluster],
    summary: Summary,
    tell: Progress,
) -> None:
    """Take all objects that have something to do through the journey, and commit as it goes."""
    committer = Committer(deployment.lake, summary.run_id, deployment.config.engine)
    marks = {seen.site.site: seen.marks for seen in surveys}
    crosswalks = {site: Crosswalk(deployment.vault.path, site) for site in marks}
    stale = {one.object_id for seen in surveys for one in seen.stale}
    for seen in surveys:
        vanished = Reject(Reason.VANISHED, step="ingest")
        rows: list[object] = []
        for one in seen.lost:
            rows += rejection_rows(one, seen.site, vanished, seen.marks)
        rows += [object_row(one, seen.site, seen.marks.frames, "duplicate") for one in seen.repeats]
        committer.rows(seen.site.site, rows)
        summary.repeats += len(seen.repeats)
        summary.rejected[Reason.VANISHED.value] += len(seen.lost)
    total = sum(len(seen.pending) + len(seen.stale) for seen in surveys)
    if total:
        tasks = (
            batch
            for seen in surveys
            for batch in batches(deployment, seen, seen.due, summary.run_id)
        )
        for done in cluster().scatter(work, tasks):
            site = done.task.site.site
            if done.answer is None:
                crash = Reject(Reason.CRASHED, "Its worker died, each time.", "journey")
                sighting = done.task.items[0].sighting
                committer.rows(site, rejection_rows(sighting, done.task.site, crash, marks[site]))
                summary.crashes.append(crash.detail)
                summary.rejected[Reason.CRASHED.value] += 1
                summary.objects += 1
            else:
                if done.answer.sealed:  # before the commit: a killed run then finds them there
                    crosswalks[site].add(done.answer.sealed)
                committer.parts(site, done.answer.parts)
                summary.objects += done.answer.objects
                summary.frames += done.answer.frames
                summary.rejected.update(done.answer.rejected)
                summary.step_seconds.update(done.answer.seconds)
                summary.crashes += done.answer.crashes
            ids = [item.sighting.object_id for item in done.task.items]
            committer.finished(site, [one for one in ids if one in stale])
            tell("objects", summary.objects, total)
    committer.close()
    summary.rejected = +summary.rejected


def _reread(
    deployment: Deployment,
    surveys: list[Survey],
    cluster: Callable[[], Cluster],
    summary: Summary,
    tell: Progress,
) -> None:
    """Read the evidence of objects anew where only words or rules changed, and commit as it goes.

    What can't be read is a crash of ours, and costs nothing: such evidence stays as it was.
    """
    total = sum(len(seen.unread) for seen in surveys)
    if not total:
        return
    committer = Committer(deployment.lake, f"{summary.run_id}-e", deployment.config.engine)
    tasks = (
        batch
        for seen in surveys
        for batch in batches(deployment, seen, seen.items(seen.unread), f"{summary.run_id}-e")
    )
    passed = 0
    for done in cluster().scatter(reread, tasks):
        site, answer = done.task.site.site, done.answer
        passed += len(done.task.items)
        if answer is None:
            summary.crashes.append("A worker died, each time, as it read a header anew.")
            continue
        if answer.sealed:
            Crosswalk(deployment.vault.path, site).add(answer.sealed)
        committer.parts(site, answer.parts)
        committer.finished(site, answer.renewed, answer.reread)
        summary.reread += len(answer.reread) + len(answer.renewed)
        summary.rejected.update(answer.rejected)
        summary.step_seconds.update(answer.seconds)
        summary.crashes += answer.crashes
        tell("headers", passed, total)
    committer.close()


def _record(
    deployment: Deployment, sites: list[SiteConfig], summary: Summary, started: datetime
) -> None:
    """One row in ``runs``, and the run's metrics beside the tables."""
    row = RunRow(
        run_id=summary.run_id,
        started=started.isoformat(timespec="seconds"),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        status="failed" if summary.failed else "done",
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
    deployment.lake.storage.write(f"metrics/{summary.run_id}.prom", text.encode())


def must_hold(summary: Summary) -> None:
    """Raise what was wrong with a run.

    Raises:
        CheckFailed: with the first reason.
    """
    if summary.failed:
        raise CheckFailed(f"the run did not end well: {summary.failed[0]}")
