"""``echoatlas deidentify SRC DEST``: files in, de-identified files and a report out; no lake.

A hospital runs it before it uploads. What is not certainly clean is not written; every input
ends as released, quarantined (with a reason) or filtered, and the counts add up.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.header.attributes import clean
from echoatlas.pipeline.deidentify.pixels.check import check_written
from echoatlas.pipeline.deidentify.pixels.planes import check_planes
from echoatlas.pipeline.deidentify.pixels.redact import redact
from echoatlas.pipeline.deidentify_tool.containers.tables import cleaned
from echoatlas.pipeline.deidentify_tool.inputs import Inputs
from echoatlas.pipeline.deidentify_tool.journal import Journal, input_id
from echoatlas.pipeline.deidentify_tool.name_list import Names, demand_own
from echoatlas.pipeline.deidentify_tool.outcome import (
    HEAD_OF_REPORT,
    Outcome,
    Summary,
    filtered,
    repeated,
    report,
)
from echoatlas.pipeline.deidentify_tool.rewrite import LOOKED, rewritten
from echoatlas.pipeline.deidentify_tool.task import Job, Task, put, quarantined
from echoatlas.pipeline.deidentify_tool.workers import SECONDS, Workers
from echoatlas.pipeline.errors import Reason, Reject, UsageError, crash_site
from echoatlas.pipeline.geometry import geometry
from echoatlas.pipeline.ingest.listing import DEIDENTIFICATION
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.pipeline.step import fingerprint
from echoatlas.schemas.config.site import hashed
from echoatlas.schemas.values import AuditVerdict
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.deidentify.header.policy import Policy
    from echoatlas.pipeline.deidentify_tool.inputs import Input
    from echoatlas.pipeline.sidecars.tables import SidecarTable
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import SiteConfig

REPORT = f"{DEIDENTIFICATION}report.json"
Progress = Callable[[str, int, int], None]


def deidentify_files(
    src: Path,
    dest: Path,
    policy: Policy,
    key: SiteKey,
    told: Path | None = None,
    names: Path | None = None,
    workers: int = 1,
    seconds: float = SECONDS,
    progress: Progress = lambda *_: None,
    site: SiteConfig | None = None,
) -> Summary:
    """De-identify a file, a folder or an archive.

    Args:
        src: read only. Links are not followed.
        dest: a folder that is not there yet, is empty, or holds a run of the same that was
            stopped and now goes on; outside of ``src``.
        key: makes the pseudonyms; the same key gives the same output.
        told: where the JSON report goes; ``dest``/_deidentification/report.json if not given.
        names: where to say which input is which: names, outcomes and reasons, for the site's own
            eyes; outside of ``dest``, readable by its owner alone. Not written if not given.
        workers: processes; what is written does not depend on their number.
        seconds: that an input may take before it is quarantined as ``crashed``.
        site: whose rules tell patients apart and tables, and whether pictures come cropped.

    Raises:
        UsageError: ``src`` is not there or holds no file, or ``dest`` can't be written or holds
            something else; or a place to write is in ``src``, or is a file of another kind.
    """
    job = Job(dest, key, policy, site=site)
    inputs = Inputs.of(src, job.rules.sidecar)
    if not inputs.number:
        raise UsageError(f"there is no file in {src}: name a file, a folder of files or an archive")
    job = replace(job, left=inputs.left)
    for place in (dest, told, names):
        if place is not None and place.resolve().is_relative_to(src.resolve()):
            raise UsageError(f"{place} lies in {src}, which is only read: name another place")
    if told is not None:
        demand_own(told, HEAD_OF_REPORT)
        _demand_folder(told)
    mark = _mark(job)
    with Names.open(names, dest) as listed, Workers(job, workers, seconds) as crew:
        journal = Journal.open(dest, {"policy": policy.digest, "key": key.key_id, "steps": mark})
        listed.begin()
        run = _Run(inputs, journal, job, listed)
        progress("de-identifying", 0, inputs.number)
        for done, outcome in enumerate(crew.outcomes(run.tasks())):
            run.note(outcome)
            progress("de-identifying", done + 1, max(inputs.number, done + 1))
        run.write_tables()
    summary = Summary.of(policy.digest, key.key_id, journal)
    _write_report(told or dest / REPORT, summary, journal)
    journal.close()
    return summary


def _mark(job: Job) -> str:
    """What outputs depend on, besides inputs and key."""
    return fingerprint(
        [
            (read, ReadConfig()),
            (geometry, LOOKED),
            (clean, job.policy),
            (rewritten, None),
            (redact, job.config),
            (check_planes, job.config),
            (check_written, job.config),
        ],
        (hashed(job.site, {"bucket": True, "expect": True}) if job.site else "")
        # Who has left since is in what lies there already
        + (job.key.pseudonym("left", "\0".join(sorted(job.left))) if job.left else ""),
    )


@dataclass(slots=True)
class _Run:
    """A run under way, and what it has to remember: no scan, only ids.

    Attributes:
        seen: digests of the inputs so far, to the first that had each.
        repeats: inputs whose bytes came before, to the first; and what is held back of those.
        spoken: by table, what it calls inputs to their outputs.
        tables: those that were met: index, name and digest.
        under_way: index of an input to its name and id.
    """

    inputs: Inputs
    journal: Journal
    job: Job
    names: Names
    seen: dict[bytes, int] = field(default_factory=dict)
    repeats: dict[int, int] = field(default_factory=dict)
    held_back: dict[int, Outcome] = field(default_factory=dict)
    spoken: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    tables: list[tuple[int, str, str]] = field(default_factory=list)
    under_way: dict[int, tuple[str, str]] = field(default_factory=dict)

    def tasks(self) -> Iterator[Task | Outcome]:
        """What there is to do, or what is known of an input without doing it."""
        for one in self.inputs:
            todo = self._todo(one)
            if todo is not None:
                yield todo

    def _todo(self, one: Input) -> Task | Outcome | None:
        self.under_way[one.index] = one.name, ""
        if one.unwanted:
            return filtered(one.index, one.unwanted)
        if one.problem is not None:
            return quarantined(one.index, one.problem)
        digest = hashlib.sha256(one.data).digest()
        if digest in self.seen:
            return self._again(one.index, self.seen[digest])
        self.seen[digest] = one.index
        if one.name in self.inputs.tables:
            self.tables.append((one.index, one.name, digest.hex()))
            return None  # its outcome comes last, when all new names are known
        sidecar = self.inputs.rows.row(one.name)
        others = tuple(
            (name, self.inputs.rows.row(name))
            for name in self.inputs.copies.get(digest, ())
            if name != one.name
        )
        task = Task(one.index, one.name, one.data, digest.hex(), sidecar, others)
        identity = input_id(task, self.job.key)
        self.under_way[one.index] = one.name, identity
        former = self.journal.former.get(identity)
        if former is None or former.reason == Reason.CRASHED:  # which is worth another try
            return task
        return replace(former, input=one.index)

    def _again(self, index: int, first: int) -> Outcome | None:
        """The place of an input whose bytes came before; ``note`` fills it in."""
        self.repeats[index] = first
        if any(first == table for table, _, _ in self.tables):
            return None  # after the table's own
        return repeated(index, Outcome(first, AuditVerdict.RELEASED))

    def note(self, outcome: Outcome) -> None:
        """Remember an outcome. Outcomes come in order: a repeat's first is known by now."""
        name, identity = self.under_way.pop(outcome.input)
        first = self.held_back.get(self.repeats.get(outcome.input, -1))
        if first is not None:
            outcome = repeated(outcome.input, first)
        elif outcome.status == AuditVerdict.QUARANTINED:
            self.held_back[outcome.input] = outcome
        self.journal.add(identity, outcome)
        self.names.add(name, outcome)
        if outcome.output:
            for table, called in self.inputs.tables_of(name):
                self.spoken.setdefault(table, {}).setdefault(called, []).append(outcome.output)

    def write_tables(self) -> None:
        """Write the sidecar tables, with the files that they speak of under their new names."""
        for index, name, digest in self.tables:
            outputs = self.spoken.get(name, {})
            self.note(_table(index, digest, self.inputs.tables[name], outputs, self.job))
        for index in sorted(self.under_way):
            self.note(repeated(index, Outcome(self.repeats[index], AuditVerdict.RELEASED)))


def _table(
    index: int, digest: str, table: SidecarTable, outputs: Mapping[str, Sequence[str]], job: Job
) -> Outcome:
    try:
        data = cleaned(table, outputs, job.key, job.rules.sidecar)
    except Exception as error:  # noqa: BLE001  (the boundary, as in ``perform``)
        return quarantined(index, Reject(Reason.CRASHED, crash_site(error)))
    output = f"{job.key.pseudonym('table', digest)}.csv"
    put(job.dest, output, data)
    written = hashlib.sha256(data).hexdigest()
    return Outcome(index, AuditVerdict.RELEASED, format="table", output=output, sha256=written)


def _demand_folder(path: Path) -> None:
    """Find out before the work, not after it, that a report has no place to go."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path} ({os.strerror(error.errno or 0)})") from None


def _write_report(path: Path, summary: Summary, journal: Journal) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        with part.open("w", encoding="utf-8") as file:
            file.writelines(report(summary, journal))
        part.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path} ({os.strerror(error.errno or 0)})") from None


def summary_text(summary: Summary, names: Path | None = None) -> str:
    """A summary for people; ``names`` is the list of which input is which, if one was written."""
    counts = " + ".join(f"{number} {status}" for status, number in summary.counts.items())
    lines = [f"{number_of(summary.inputs, 'input')} = {counts}"]
    lines += [f"  {number:6} {reason}" for reason, number in summary.reasons.items()]
    held = summary.counts[AuditVerdict.QUARANTINED]
    if held:
        were = "was" if held == 1 else "were"
        lines.append(f"exit status 1, since {held} of them {were} held back: {_which(names)}")
    return "\n".join(lines)


def _which(names: Path | None) -> str:
    if names is None:
        return "run again with `--names FILE` for a list of which file is which, for your eyes only"
    return f"{names} says which file is which"
