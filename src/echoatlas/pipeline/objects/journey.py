"""One object's way from bytes to frames: the pipeline, in order. Who reads this has read it.

Steps know nothing of each other; this module strings them, and nothing else does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.pixels.check import check_redacted, check_written
from echoatlas.pipeline.deidentify.pixels.planes import check_planes
from echoatlas.pipeline.deidentify.pixels.redact import redact
from echoatlas.pipeline.deidentify.pixels.sight import Sight
from echoatlas.pipeline.evidence import all_hints, evidence, measured, numbers
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.frames.stored import Pane, frame_rows
from echoatlas.pipeline.geometry import geometry
from echoatlas.pipeline.objects.companions import origin_of_all, with_companions, without_text
from echoatlas.pipeline.objects.copies import spoken_of
from echoatlas.pipeline.objects.result import ObjectResult, Row
from echoatlas.pipeline.objects.rows import (
    audit_row,
    evidence_rows,
    frame_columns,
    measurement_rows,
)
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.read import read, read_report
from echoatlas.pipeline.sidecars.statements import in_words
from echoatlas.pipeline.stopwatch import Stopwatch

if TYPE_CHECKING:
    from echoatlas.schemas.records import Hint, Scan


def journey(task: ObjectTask, context: SiteContext, watch: Stopwatch | None = None) -> ObjectResult:
    """Carry one object from its bytes to normalized, measured, de-identified frames.

    Args:
        watch: takes the time of each step.

    Returns:
        All rows of the object; nothing of it is written if any step rejects it.

    Raises:
        Reject: by the step that found the record at fault.
    """
    watch, site, config = watch or Stopwatch(), context.site, context.config
    with watch.step("read"):
        report = read_report(task.data, config.read)
    if report is not None and (told := measured(report, config.evidence)):
        return _of_report(report, told, task, context, watch)
    with watch.step("read"):
        scan = read(task.data, config.read)
        origin = origin_of_all(scan, task, context)
        scan, marked = with_companions(scan, origin, task, context)
        clip = Clip(scan)
    with watch.step("evidence"):  # the last place where text is seen
        said = in_words(task.statements)
        hints = all_hints(evidence(scan, one, site, config.evidence) for one in said)
    with watch.step("decode"):
        spread = clip.spread(config.geometry.pictures)
    with watch.step("geometry"):
        fans = geometry(scan, spread, config.geometry)
    with watch.step("deidentify"):
        spoken = spoken_of(scan, task, context)
    with watch.step("redact"):
        sight = Sight(context.key.draws("witness", task.sighting.object_id, config.redact.witness))
        redactions = redact(clip, fans, config.redact, sight)
    with watch.step("check"):
        check_redacted(clip, redactions, config.redact, sight)
        check_planes(clip, redactions, scan.stack, config.redact)
        scan, marked = without_text(scan, marked, config.redact)
    with watch.step("normalize"):
        panes = [Pane.of(*one, config.normalize) for one in zip(fans, redactions, strict=True)]
    marks = context.marks(task)
    columns = frame_columns(task.sighting, spoken, site, origin.facts, marks)
    rows: list[Row] = [*evidence_rows(hints, task.sighting, marks), *spoken.rows]
    rows += frame_rows(clip, scan, panes, columns, marked, config.frames(site.sampling), watch)
    with watch.step("check"):
        for pane in panes:  # each is a clip of its own: time must not mix them
            for pictures, left in pane.looks():
                check_written(pictures, config.redact, left, sight.whole)
    rows.append(audit_row(task.sighting, scan, spoken.header, marks.frames, fans, redactions))
    frames = sum(len(pane.written) for pane in panes)
    return ObjectResult(rows, scan, spoken.header, frames, spoken.flags, spoken.consent.value)


def _of_report(
    report: Scan, told: tuple[Hint, ...], task: ObjectTask, context: SiteContext, watch: Stopwatch
) -> ObjectResult:
    """What a structured report of ultrasound measurements becomes.

    It has no frames: of what it measured is evidence, which ``label`` joins to the pictures of its
    study, and its numbers are told with them in a release.
    """
    with watch.step("deidentify"):
        spoken = spoken_of(report, task, context)
    marks = context.marks(task)
    audited = audit_row(task.sighting, report, spoken.header, marks.frames)
    rows: list[Row] = [*evidence_rows(told, task.sighting, marks), *spoken.rows, audited]
    rows += measurement_rows(numbers(report), task.sighting, spoken.header, marks)
    return ObjectResult(rows, report, spoken.header, 0, spoken.flags, spoken.consent.value)
