"""Batches carried through workers, past the gate, and to the one committer."""

from __future__ import annotations

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
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from echoatlas.pipeline.gate.held import HeldBatches
    from echoatlas.pipeline.lake.staged import Part
    from echoatlas.pipeline.plan.batch import Batch
    from echoatlas.pipeline.plan.survey import Survey
    from echoatlas.pipeline.plan.work_item import WorkItem
    from echoatlas.pipeline.run.under_way import UnderWay
    from echoatlas.pipeline.run.worker import BatchResult
    from echoatlas.schemas.config.site import SiteConfig


@dataclass(frozen=True, slots=True)
class Way:
    """What a batch passes on its way into the lake."""

    run: UnderWay
    committer: Committer

    @staticmethod
    def of(run: UnderWay, run_id: str) -> Way:
        """A way whose commits bear an id."""
        engine = run.deployment.config.engine
        return Way(run, Committer(run.lake, run_id, engine, run.log))

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
        failures = self.run.gate.failures(answer.checked, renewed)
        if not failures:
            self.run.gate.passes(site, answer.checked)
            if answer.sealed:  # before the commit: a killed run then finds them there
                vault = self.run.deployment.vault.path
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
            self.run.gate.refuses(site, failures)
        else:
            self.run.gate.holds(site, answer.checked, failures, len(batch.items))
            self.run.log.say(Event.HELD_BACK, site=site.site, count=len(batch.items))
        return False

    def keep(self, batch: Batch, answer: BatchResult) -> None:
        """Take nothing of a batch: it waits for a person."""
        self._clear(answer.parts)
        self.run.log.say(Event.HELD_BACK, site=batch.site.site, count=len(batch.items))

    def refuse(self, batch: Batch, why: Reject, renewed: Sequence[str]) -> None:
        """Quarantine the one object of a batch."""
        site, item = batch.site, batch.items[0]
        self.rows(
            site, rejection_rows(item.sighting, site, why, item.marks(batch.made_by)), renewed
        )
        self.run.summary.rejected[why.reason.value] += 1
        self.run.log.rejected(site.site, {why.reason: 1})
        self.committer.finished(site.site, renewed)

    def _passes(
        self, site: SiteConfig, checked: BatchChecks, renewed: Sequence[str], objects: int
    ) -> bool:
        failures = self.run.gate.failures(checked, renewed)
        if failures:
            self.run.gate.holds(site, checked, failures, objects)
        else:
            self.run.gate.passes(site, checked)
        return not failures

    def _clear(self, parts: Iterable[Part]) -> None:
        storage = self.run.deployment.lake.storage
        storage.delete([f"tables/{part.table}/{part.path}" for part in parts])


def carry_objects(run: UnderWay, surveys: Sequence[Survey]) -> None:
    """Take all objects that have something to do through the journey, and commit as it goes."""
    way, summary = Way.of(run, run.run_id), run.summary
    stale = {one.object_id for seen in surveys for one in seen.stale}
    for seen in surveys:
        _without_work(way, seen)
    lots = {seen.site.site: Lots(run.deployment, seen, run.gate) for seen in surveys}
    total = sum(some.objects for some in lots.values())
    if total:
        due = {site: some.lots for site, some in lots.items()}
        tasks = _tasks(run, surveys, due, total, run.run_id)
        workers = run.cluster(total)
        run.tell("objects", 0, total)
        for done in workers.scatter(
            work, tasks, lambda some: run.tell("objects", summary.objects + some, total)
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
                    run.log.rejected(one.site.site, made.rejected)
            if answer is not None:
                summary.step_seconds.update(answer.seconds)
                summary.crashes += answer.crashes
            summary.objects += len(batch.items)
            run.tell("objects", summary.objects, total)
        run.tell("committing", 0, 1)
    way.committer.close()
    for some in lots.values():
        some.finish()
    summary.rejected = +summary.rejected


def _without_work(way: Way, seen: Survey) -> None:
    """Book what needs no work: files that are gone, bytes sent before, what was erased, and
    instances in whose place others lie."""
    summary = way.run.summary
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
    others = exchanged(way.run.deployment, seen)
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
        way.run.log.rejected(seen.site.site, {why: number})


def read_anew(run: UnderWay, surveys: Sequence[Survey]) -> None:
    """Read the evidence of objects anew where only words or rules changed, and commit as it goes.

    What can't be read is a crash of ours, and costs nothing: such evidence stays as it was.
    """
    total = sum(len(seen.unread) for seen in surveys)
    if not total:
        return
    run_id, summary = f"{run.run_id}-e", run.summary
    way = Way.of(run, run_id)
    due = {seen.site.site: [(UNJUDGED, seen.items(seen.unread))] for seen in surveys}
    tasks = _tasks(run, surveys, due, total, run_id)
    passed: list[int] = []  # objects of each task that is done
    workers = run.cluster(total)
    run.tell("headers", 0, total)
    for done in workers.scatter(
        reread, tasks, lambda some: run.tell("headers", sum(passed) + some, total)
    ):
        batch, answer = done.task, done.answer
        passed.append(len(batch.items))
        if answer is None:
            summary.crashes.append("A worker died, each time, as it read a header anew.")
            continue
        if way.answer(batch, answer):
            summary.reread += len(answer.reread) + len(answer.renewed)
            summary.rejected.update(answer.rejected)
            run.log.rejected(batch.site.site, answer.rejected)
        summary.step_seconds.update(answer.seconds)
        summary.crashes += answer.crashes
        run.tell("headers", sum(passed), total)
    way.committer.close()


def _tasks(
    run: UnderWay,
    surveys: Sequence[Survey],
    lots: Mapping[str, Sequence[tuple[int, Sequence[WorkItem]]]],
    total: int,
    run_id: str,
) -> Iterator[Batch]:
    """Batches of what is due.

    Args:
        lots: site to what is due at it.
        total: objects in all lots.
        run_id: that names the batches.
    """
    held = batches_held(run.lake.storage)
    left = Left.of(run.deployment.config.engine, total)
    for seen in surveys:
        cut = cut_of_lots(lots[seen.site.site], left, _faulty(held, seen))
        yield from batches(run.deployment, seen, cut, run_id, run.stones)


def _faulty(held: Mapping[str, HeldBatches], seen: Survey) -> frozenset[str]:
    """Objects that kept a batch of the site's from passing, and are taken alone."""
    here = held.get(seen.site.site)
    return frozenset(here.faulty) if here is not None else frozenset()


def _table(row: object) -> str:
    return BY_ROW[type(row)].name
