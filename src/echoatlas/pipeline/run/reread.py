"""Read evidence anew where words or rules changed: headers, names and tables, and no pixels.

An object's frames stay as they are; its evidence is what a new run would find. Only an object
whose very outcome hangs on the vocabulary, a structured report, is worked on anew as a whole.
"""

from __future__ import annotations

import faulthandler
import sys
from collections import Counter
from dataclasses import replace

from echoatlas.pipeline.errors import Reject, Retry, UsageError, crash_site
from echoatlas.pipeline.evidence import all_hints, evidence, measured
from echoatlas.pipeline.gate.checked import BatchChecks
from echoatlas.pipeline.objects.rows import evidence_rows
from echoatlas.pipeline.plan.batch import Batch
from echoatlas.pipeline.plan.work_item import WorkItem
from echoatlas.pipeline.read import read_report, read_words
from echoatlas.pipeline.read.archive import is_archive
from echoatlas.pipeline.run.claims import words_of
from echoatlas.pipeline.run.sources import Sources
from echoatlas.pipeline.run.worker import BatchResult, Writer, reading, work
from echoatlas.pipeline.sidecars.statements import in_words
from echoatlas.pipeline.stopwatch import Stopwatch
from echoatlas.pipeline.ticks import heard, tick
from echoatlas.schemas.records import Hint


def reread(batch: Batch) -> BatchResult:
    """Read what a batch's objects say in words, and write it as Parquet files.

    Returns:
        ``reread`` names the objects whose evidence is in the parts; an object that can't be opened
        any more keeps what was read of it before.
    """
    writer, watch, sources = (
        Writer(batch.lake, batch.id, batch.site),
        Stopwatch(),
        Sources.of(batch, reading(batch)),
    )
    crashes: list[str] = []
    done: list[str] = []
    settled: dict[str, BatchResult] = {}
    for item in batch.items:
        faulthandler.dump_traceback_later(batch.seconds, exit=True, file=sys.__stderr__ or 2)
        try:
            with watch.step("evidence"):
                hints = read_evidence(batch, item, sources)
        except (MemoryError, Retry, UsageError):
            raise
        except Reject as rejection:
            if rejection.step != "ingest":  # else its file can't be read today: no fault of ours
                crashes.append(crash_site(rejection))
            continue
        except Exception as error:  # noqa: BLE001  (the boundary: see the module ``work``)
            crashes.append(crash_site(error))
            continue
        finally:
            faulthandler.cancel_dump_traceback_later()
            tick()
        if hints is None:
            alone = replace(batch, id=f"{batch.id}-{item.sighting.ordinal}", items=(item,))
            with heard(lambda: None):  # it is one object, and told of below
                settled[item.sighting.object_id] = work(alone)
        else:
            writer.add(evidence_rows(hints, item.sighting, batch.made_by))
            done.append(item.sighting.object_id)
    writer.flush()
    rejected: Counter[str] = Counter()
    for worked in settled.values():
        rejected.update(worked.rejected)
    return BatchResult(
        parts=(*writer.parts, *(part for worked in settled.values() for part in worked.parts)),
        objects=len(batch.items),
        frames=0,
        rejected=dict(rejected),
        seconds=dict(watch.seconds),
        crashes=(*crashes, *(crash for worked in settled.values() for crash in worked.crashes)),
        sealed=tuple(entry for worked in settled.values() for entry in worked.sealed),
        renewed=tuple(settled),
        reread=tuple(done),
        checked=BatchChecks.joined(
            [writer.checker.done(), *(worked.checked for worked in settled.values())]
        ),
    )


def read_evidence(batch: Batch, item: WorkItem, sources: Sources) -> tuple[Hint, ...] | None:
    """What an object says in words.

    Returns:
        Its hints; nothing for one in quarantine. None for an object that was kept only for what a
        report measured, or could be now: such an outcome has to be found anew.

    Raises:
        Reject: the object can't be opened.
    """
    config, site = batch.config.at(batch.site), batch.site
    try:
        data, name = words_of(batch, item, sources)
        report = read_report(data, config.read)
    except Reject:
        if item.rejected:
            return ()
        raise
    told = measured(report, config.evidence) if report is not None else ()
    if report is not None and bool(told) is item.rejected:
        return None
    if told or item.rejected or (item.sighting.member < 0 and is_archive(data)):
        return told
    origins = in_words(sources.statements_of(item, name, masks=False))
    scan = read_words(data, config.read)
    return all_hints(evidence(scan, origin, site, config.evidence) for origin in origins)
