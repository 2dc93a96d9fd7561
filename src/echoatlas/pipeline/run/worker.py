"""What a worker does with a batch: plain functions, no Ray. A few hundred bytes go back.

This is the one place where any error is caught: what escapes a step is a bug of ours, and must
cost one object, not its batch. What it said may quote the object, so only its type and the place
in our code are kept.
"""

from __future__ import annotations

import faulthandler
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import cv2

from echoatlas.pipeline.core_dumps import leave_no_core
from echoatlas.pipeline.deidentify.header.patient import identity_of
from echoatlas.pipeline.errors import Reason, Reject, Retry, UsageError, crash_site
from echoatlas.pipeline.gate.checked import BatchChecks, Checker
from echoatlas.pipeline.gate.mix import Mix
from echoatlas.pipeline.ingest.uploads import is_readable
from echoatlas.pipeline.lake.outcome import erased_row
from echoatlas.pipeline.lake.staged import Part, write_part
from echoatlas.pipeline.objects.copies import consent_of
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.result import ObjectResult
from echoatlas.pipeline.objects.rows import companion_rows, kept_row, rejection_rows
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.plan.batch import Batch
from echoatlas.pipeline.plan.work_item import WorkItem
from echoatlas.pipeline.read.archive import is_archive, opened
from echoatlas.pipeline.read.consent import strictest
from echoatlas.pipeline.retry import retrying
from echoatlas.pipeline.run.claims import content_of, is_of_who_left
from echoatlas.pipeline.run.sources import Sources
from echoatlas.pipeline.sidecars.collection import is_companion
from echoatlas.pipeline.sidecars.site import is_unheeded
from echoatlas.pipeline.stopwatch import Stopwatch
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.pipeline.ticks import tick
from echoatlas.pipeline.vault.crosswalk import Entry, seal
from echoatlas.schemas.tables import BY_ROW, to_arrow
from echoatlas.schemas.values import PatientSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from echoatlas.pipeline.sidecars.statements import Statement
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.records import Origin


PART_BYTES = 64 << 20  # of images held before a Parquet file is written


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch: the files written, and counts.

    Attributes:
        renewed, reread: objects that were worked on, or only read, anew.
        checked: what was found as its rows were held against their suites.
        mix: what kinds of objects were kept.
    """

    parts: tuple[Part, ...]
    objects: int
    frames: int
    rejected: Mapping[str, int]
    seconds: Mapping[str, float]
    crashes: tuple[str, ...] = ()
    sealed: tuple[Entry, ...] = ()
    renewed: tuple[str, ...] = ()
    reread: tuple[str, ...] = ()
    checked: BatchChecks = field(default_factory=BatchChecks)
    mix: Mix = field(default_factory=Mix)


class Forbidden(Exception):  # noqa: N818  (an outcome)
    """An object is of a patient who was erased, or shows a picture that was."""


def _only_companions(site: SiteConfig, name: str, data: bytes) -> bool:
    """Whether a file is an archive in which a collection's adapter knows every member as no
    picture."""
    if site.collection is None or not is_archive(data):
        return False
    known = [is_companion(site, f"{name}!{one.name}") for one, _ in opened(data)]
    return bool(known) and all(known)


def work(batch: Batch) -> BatchResult:
    """Carry each object of a batch from bytes to rows, and write the rows as Parquet files."""
    cv2.setNumThreads(1)
    leave_no_core()
    writer = Writer(batch.lake, batch.id, batch.site)
    watch = Stopwatch()
    rejected: Counter[str] = Counter()
    crashes: list[str] = []
    sealed: dict[str, Entry] = {}
    mix = Mix()
    frames = 0
    sources = Sources.of(batch, reading(batch))
    context = SiteContext.of(batch.site, batch.key, batch.config, batch.marks)
    for item in batch.items:
        marks = item.marks(context.fingerprints)
        said: list[Statement] = []
        faulthandler.dump_traceback_later(batch.seconds, exit=True, file=sys.__stderr__ or 2)
        try:
            traveled = _let_in(batch, item, context, sources, watch, sealed, said)
        except Forbidden:
            writer.add([erased_row(item.sighting)])
        except Reject as rejection:
            heard = _consent(said, batch.site)
            writer.add(rejection_rows(item.sighting, batch.site, rejection, marks, heard))
            rejected[rejection.reason.value] += 1
        except (MemoryError, Retry, UsageError):  # a permission that was taken away, a full disk
            raise
        except Exception as error:  # noqa: BLE001  (the boundary: see the module's docstring)
            crash = Reject(Reason.CRASHED, crash_site(error), "journey")
            crashes.append(crash.detail)
            heard = _consent(said, batch.site)
            writer.add(rejection_rows(item.sighting, batch.site, crash, marks, heard))
            rejected[crash.reason.value] += 1
        else:
            if traveled is None:
                writer.add(companion_rows(item.sighting, batch.site, marks))
                continue
            kept = kept_row(item.sighting, batch.site, batch.key, traveled, marks.frames)
            mix.take(kept, traveled.rows)
            writer.add([*traveled.rows, kept])
            frames += traveled.frames
        finally:
            faulthandler.cancel_dump_traceback_later()
            tick()
    writer.flush()
    return BatchResult(
        tuple(writer.parts),
        len(batch.items),
        frames,
        dict(rejected),
        dict(watch.seconds),
        tuple(crashes),
        tuple(sealed.values()),
        checked=writer.checker.done(),
        mix=mix,
    )


def reading(batch: Batch) -> Callable[..., bytes]:
    """A function that reads a key of the site's bucket, or its first bytes, and tries again."""

    def read(key: str, length: int | None = None) -> bytes:
        return retrying(lambda: batch.bucket.read(key, 0, length), batch.retries)

    return read


def _let_in(
    batch: Batch,
    item: WorkItem,
    context: SiteContext,
    sources: Sources,
    watch: Stopwatch,
    sealed: dict[str, Entry],
    said: list[Statement],
) -> ObjectResult | None:
    """The same as ``_travel``; and whoever left comes back into quarantine as little."""
    try:
        return _travel(batch, item, context, sources, watch, sealed, said)
    except Reject:
        if is_of_who_left(batch, item, sources):
            raise Forbidden from None
        raise


def _travel(
    batch: Batch,
    item: WorkItem,
    context: SiteContext,
    sources: Sources,
    watch: Stopwatch,
    sealed: dict[str, Entry],
    said: list[Statement],
) -> ObjectResult | None:
    """What an object became; None for an archive of masks and tables alone.

    Args:
        said: takes what is said of its copies, also of one that is then rejected.

    Raises:
        Forbidden: it was erased, and must not come back.
    """
    with watch.step("ingest"):
        if not is_readable(batch.bucket, item.name):
            raise Reject(Reason.BAD_NAME, step="ingest")
        data, member = content_of(batch, item, sources)
        name = f"{item.name}!{member}" if member else item.name
        if is_companion(batch.site, name):
            raise Reject(Reason.NOT_IMAGING, "Its collection files it as no picture.", "ingest")
        if item.sighting.member >= 0 and is_unheeded(batch.site, name, data):
            raise Reject(Reason.CONSENT_LIST, step="ingest")
        if item.sighting.member < 0 and _only_companions(batch.site, name, data):
            return None
        said += sources.statements_of(item, name)
    task = ObjectTask(data, item.sighting, tuple(said), item.claims, item.told)
    traveled = journey(task, context, watch)
    if batch.stones is not None and batch.stones.forbid(batch.site.site, traveled.rows):
        raise Forbidden
    for one in said if batch.crosswalk else ():
        header = traveled.scan.header
        entry = entry_of(batch.crosswalk or "", header, one.origin, batch.site, batch.key)
        if entry is not None:
            sealed.setdefault(entry.patient, entry)
    return traveled


def _consent(said: Iterable[Statement], site: SiteConfig) -> str:
    return strictest(consent_of(None, one.origin, site) for one in said).value


class Writer:
    """Rows of a batch on their way to Parquet files, a bounded number of bytes at a time.

    Attributes:
        checker: is shown all of them.
    """

    def __init__(self, lake: Storage, stem: str, site: SiteConfig) -> None:
        self._lake = lake
        self.checker = Checker(site)
        self._stem = stem
        self._rows: list[object] = []
        self._bytes = 0
        self.parts: list[Part] = []

    def add(self, rows: Iterable[object]) -> None:
        for row in rows:
            self._rows.append(row)
            self._bytes += len(getattr(row, "image", b""))
        if self._bytes > PART_BYTES:
            self.flush()

    def flush(self) -> None:
        by_table = sorted(self._rows, key=_table)
        number = len(self.parts)
        for name, rows in groupby(by_table, key=_table):
            stem = f"part-{self._stem}-{number}"
            table = to_arrow(name, rows)
            self.checker.add(name, table)
            self.parts.append(write_part(self._lake, table, name, stem))
        self._rows, self._bytes = [], 0


def _table(row: object) -> str:
    return BY_ROW[type(row)].name


def entry_of(
    public: str, header: Any, origin: Origin, site: SiteConfig, key: SiteKey
) -> Entry | None:
    """The patient of an object's copy, sealed; None if nothing says who it is.

    Args:
        header: pydicom Dataset, or None for a loose file.
    """
    who = identity_of(header, origin, site)
    if who.source == PatientSource.OBJECT:
        return None
    return seal(public, site.site, key.pseudonym("patient", who.value), key.key_id, who.value)
