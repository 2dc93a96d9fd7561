"""Batches carried through workers, past the gate, and to the one committer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.gate.checked import BatchChecks, Checker, of_rows
from echoatlas.pipeline.gate.held import batches_held
from echoatlas.pipeline.lake.outcome import erased_row, outcome_row
from echoatlas.pipeline.objects.rows import rejection_rows
from echoatlas.pipeline.plan.batch import UNJUDGED, Left, batches, cut_of_lots
from echoatlas.pipeline.run.commit import Committer
from echoatlas.pipeline.run.exchanged import exchanged
from echoatlas.pipeline.run.lots import Lots
from echoatlas.pipeline.run.reread import reread
from echoatlas.pipeline.run.worker import work
from echoatlas.pipeline.vault.crosswalk import Crosswalk
from echoatlas.schemas.events import Event
from echoatlas.schemas.tables import BY_ROW, to_arrow
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.engine.scatter import Workers
    from echoatlas.pipeline.event_log import EventLog
    from echoatlas.pipeline.gate.gate import Gate
    from echoatlas.pipeline.gate.held import HeldBatches
    from echoatlas.pipeline.lake.staged import Part
    from echoatlas.pipeline.lake.tombstones import Tombstones
    from echoatlas.pipeline.plan.batch import Batch
    from echoatlas.pipeline.plan.survey import Survey
    from echoatlas.pipeline.run.summary import Summary
    from echoatlas.pipeline.run.worker import BatchResult
    from echoatlas.schemas.config.site import SiteConfig

Progress = Callable[[str, int, int], None]  # what, done, of


@dataclass(frozen=True, slots=True)
class Way:
    """What a batch passes on its way into the lake."""

    deployment: Deployment
    committer: Committer
    gate: Gate
    summary: Summary
    log: EventLog

    def rows(self, site: SiteConfig, rows: Sequence[object], renewed: Sequence[str] = ()) -> None:
        """Take rows that the driver itself has to say, if they pass."""
        checker = Checker(site)
        ordered = sorted(rows, key=_table)
        for name, some in groupby(ordered, key=_table):
            checker.add(name, to_arrow(name, some))
        if self._passes(site, checker.done(), renewed, len(rows)):
            self.committer.rows(site.site, rows)

    def answer(self, batch: Batch, answer: BatchResult, stale: Iterable[str] = ()) -> bool:
        """Take what a worker made of a batch, if it passes; else none of it stays.

        Returns:
            Whether it is going to be committed.
        """
        site = batch.site
        ids = {item.sighting.object_id for item in batch.items}
        renewed = sorted({*answer.renewed, *(ids & set(stale))})
        failures = self.gate.failures(answer.checked, renewed)
        if not failures:
            self.gate.passes(site, answer.checked)
            if answer.sealed:  # before the commit: a killed run then finds them there
                vault = self.deployment.vault.path
                Crosswalk(vault, site.site).add(answer.sealed)
            self.committer.parts(site.site, answer.parts)
            self.committer.finished(site.site, renewed, answer.reread)
            return True
        self._clear(answer.parts)
        if len(batch.items) == 1:
            said = f"{failures[0].name}: {of_rows(failures[0].rows, ())}"
            # Of one whose evidence alone was read anew the rows of before go as well
            gone = sorted({*renewed, *answer.reread})
            self.refuse(batch, Reject(Reason.FAILED_GATE, said, "gate"), gone)
            self.gate.refuses(site, failures)
        else:
            self.gate.holds(site, answer.checked, failures, len(batch.items))
            self.log.say(Event.HELD_BACK, site=site.site, count=len(batch.items))
        return False

    def keep(self, batch: Batch, answer: BatchResult) -> None:
        """Take nothing of a batch: it waits for a person."""
        self._clear(answer.parts)
        self.log.say(Event.HELD_BACK, site=batch.site.site, count=len(batch.items))

    def refuse(self, batch: Batch, why: Reject, renewed: Sequence[str]) -> None:
        """Quarantine the one object of a batch."""
        site, item = batch.site, batch.items[0]
        self.rows(
            site, rejection_rows(item.sighting, site, why, item.marks(batch.made_by)), renewed
        )
        self.summary.rejected[why.reason.value] += 1
        self.log.rejected(site.site, {why.reason: 1})
        self.committer.finished(site.site, renewed)

    def _passes(
        self, site: SiteConfig, checked: BatchChecks, renewed: Sequence[str], objects: int
    ) -> bool:
        failures = self.gate.failures(checked, renewed)
        if failures:
            self.gate.holds(site, checked, failures, objects)
        else:
            self.gate.passes(site, checked)
        return not failures

    def _clear(self, parts: Iterable[Part]) -> None:
        storage = self.deployment.lake.storage
        storage.delete([f"tables/{part.table}/{part.path}" for part in parts])


def carry_objects(
    deployment: Deployment,
    surveys: list[Survey],
    cluster: Callable[[int], Workers],
    summary: Summary,
    tell: Progress,
    log: EventLog,
    stones: Tombstones,
    gate: Gate,
) -> None:
    """Take all objects that have something to do through the journey, and commit as it goes."""
    committer = Committer(deployment.lake, summary.run_id, deployment.config.engine, log)
    way = Way(deployment, committer, gate, summary, log)
    stale = {one.object_id for seen in surveys for one in seen.stale}
    for seen in surveys:
        _without_work(way, seen)
    lots = {seen.site.site: Lots(deployment, seen, gate) for seen in surveys}
    total = sum(some.objects for some in lots.values())
    if total:
        held = batches_held(deployment.lake.storage)
        left = Left.of(deployment.config.engine, total)
        tasks = (
            batch
            for seen in surveys
            for batch in batches(
                deployment,
                seen,
                cut_of_lots(lots[seen.site.site].lots, left, _faulty(held, seen)),
                summary.run_id,
                stones,
            )
        )
        workers = cluster(total)
        tell("objects", 0, total)
        for done in workers.scatter(
            work, tasks, lambda some: tell("objects", summary.objects + some, total)
        ):
            batch, answer = done.task, done.answer
            if answer is None:
                crash = Reject(Reason.CRASHED, "Its worker died, each time.", "journey")
                summary.crashes.append(crash.detail)
                ids = [item.sighting.object_id for item in batch.items]
                way.refuse(batch, crash, [one for one in ids if one in stale])
            for (one, made), passes in lots[batch.site.site].settled(batch, answer):
                if not passes:
                    way.keep(one, made)
                elif way.answer(one, made, stale):
                    summary.frames += made.frames
                    summary.rejected.update(made.rejected)
                    log.rejected(one.site.site, made.rejected)
            if answer is not None:
                summary.step_seconds.update(answer.seconds)
                summary.crashes += answer.crashes
            summary.objects += len(batch.items)
            tell("objects", summary.objects, total)
        tell("committing", 0, 1)
    committer.close()
    for some in lots.values():
        some.finish()
    summary.rejected = +summary.rejected


def _without_work(way: Way, seen: Survey) -> None:
    """Book what needs no work: files that are gone, bytes sent before, what was erased, and
    instances in whose place others lie."""
    summary = way.summary
    vanished = Reject(Reason.VANISHED, step="ingest")
    rows: list[object] = []
    for one in seen.lost:
        rows += rejection_rows(one, seen.site, vanished, seen.marks)
    rows += [
        outcome_row(
            one, Status.DUPLICATE, license_id=seen.site.license, fingerprint=seen.marks.frames
        )
        for one in seen.repeats
    ]
    rows += map(erased_row, seen.erased)
    others = exchanged(way.deployment, seen)
    for one in others:
        rows += rejection_rows(one, seen.site, Reject(Reason.EXCHANGED, step="ingest"), seen.marks)
    gone = [one.object_id for one in others]
    if rows:
        way.rows(seen.site, rows, gone)
    if gone:
        way.committer.finished(seen.site.site, gone)
    summary.repeats += len(seen.repeats)
    for why, number in ((Reason.VANISHED, len(seen.lost)), (Reason.EXCHANGED, len(others))):
        summary.rejected[why.value] += number
        way.log.rejected(seen.site.site, {why: number})


def read_anew(
    deployment: Deployment,
    surveys: list[Survey],
    cluster: Callable[[int], Workers],
    summary: Summary,
    tell: Progress,
    log: EventLog,
    stones: Tombstones,
    gate: Gate,
) -> None:
    """Read the evidence of objects anew where only words or rules changed, and commit as it goes.

    What can't be read is a crash of ours, and costs nothing: such evidence stays as it was.
    """
    total = sum(len(seen.unread) for seen in surveys)
    if not total:
        return
    run_id = f"{summary.run_id}-e"
    committer = Committer(deployment.lake, run_id, deployment.config.engine, log)
    way = Way(deployment, committer, gate, summary, log)
    held = batches_held(deployment.lake.storage)
    left = Left.of(deployment.config.engine, total)
    tasks = (
        batch
        for seen in surveys
        for batch in batches(
            deployment,
            seen,
            cut_of_lots([(UNJUDGED, seen.items(seen.unread))], left, _faulty(held, seen)),
            run_id,
            stones,
        )
    )
    passed: list[int] = []  # objects of each task that is done
    workers = cluster(total)
    tell("headers", 0, total)
    for done in workers.scatter(
        reread, tasks, lambda some: tell("headers", sum(passed) + some, total)
    ):
        batch, answer = done.task, done.answer
        passed.append(len(batch.items))
        if answer is None:
            summary.crashes.append("A worker died, each time, as it read a header anew.")
            continue
        if way.answer(batch, answer):
            summary.reread += len(answer.reread) + len(answer.renewed)
            summary.rejected.update(answer.rejected)
            log.rejected(batch.site.site, answer.rejected)
        summary.step_seconds.update(answer.seconds)
        summary.crashes += answer.crashes
        tell("headers", sum(passed), total)
    committer.close()


def _faulty(held: Mapping[str, HeldBatches], seen: Survey) -> frozenset[str]:
    """Objects that kept a batch of the site's from passing, and are taken alone."""
    here = held.get(seen.site.site)
    return frozenset(here.faulty) if here is not None else frozenset()


def _table(row: object) -> str:
    return BY_ROW[type(row)].name
