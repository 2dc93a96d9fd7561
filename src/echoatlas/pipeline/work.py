"""What a worker does with a batch: plain functions, no Ray. A few hundred bytes go back.

This is the one place where any error is caught: what escapes a step is a bug of ours, and must
cost one object, not its batch. What it said may quote the object, so only its type and the place
in our code are kept.
"""

from __future__ import annotations

import faulthandler
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

import cv2

from echoatlas.pipeline.booking import companion_rows, kept_row, rejection_rows
from echoatlas.pipeline.companions import Attached, Shelf, is_companion
from echoatlas.pipeline.cores import leave_no_core
from echoatlas.pipeline.crosswalk import Entry, entry_of
from echoatlas.pipeline.errors import Reason, Reject, Retry, where
from echoatlas.pipeline.fingerprints import Marks, marks_of
from echoatlas.pipeline.ingest import Arrival, Reader, Seen, identify
from echoatlas.pipeline.journey import JourneyConfig, Traveled, journey
from echoatlas.pipeline.metrics import Stopwatch
from echoatlas.pipeline.part import Part, write_part
from echoatlas.pipeline.read.archive import is_archive, opened
from echoatlas.pipeline.read.detached import read_whole
from echoatlas.pipeline.sidecars import Inside, is_table
from echoatlas.pipeline.storage import Storage
from echoatlas.schemas.records import Origin
from echoatlas.schemas.rows import SightingRow
from echoatlas.schemas.tables import BY_ROW, to_arrow

if TYPE_CHECKING:
    from collections.abc import Callable

    from echoatlas.pipeline.read.archive import Content
    from echoatlas.pipeline.vault import SiteKey
    from echoatlas.schemas.config import SiteConfig

PART_BYTES = 64 << 20  # of images held before a Parquet file is written
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Register:
    """A batch of newly listed files to be named by their content."""

    site: SiteConfig
    bucket: Storage
    arrivals: tuple[Arrival, ...]
    key: SiteKey
    retries: int

    def split(self) -> tuple[Register, ...]:
        """Halves, so that a file which kills its worker can be found; () for a single file."""
        half = len(self.arrivals) // 2
        if not half:
            return ()
        return tuple(
            Register(self.site, self.bucket, part, self.key, self.retries)
            for part in (self.arrivals[:half], self.arrivals[half:])
        )


@dataclass(frozen=True, slots=True)
class Item:
    """An object to be worked on. Trusted zone: names of files and sidecar values.

    Attributes:
        companions: names of what lies beside it in its collection.
        tables: names of loose tables that may speak of it as a member of its archive.
        rejected: it is in quarantine; only asked where its evidence is read anew.
    """

    sighting: SightingRow
    name: str
    sidecar: Mapping[str, str] = field(default_factory=dict)
    companions: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """A deterministic list of objects of one site, to be carried from bytes to rows.

    Attributes:
        crosswalk: public key to which patients' identities are sealed, if they are kept at all.
        apart: archives that hold only masks and tables of the collection's pictures.
    """

    id: str
    lake: Storage
    bucket: Storage
    items: tuple[Item, ...]
    site: SiteConfig
    key: SiteKey
    config: JourneyConfig
    retries: int
    seconds: int
    crosswalk: str | None = None
    apart: tuple[str, ...] = ()
    marks: Marks | None = None  # what the rows depend on; of steps and site alone if not given

    @property
    def made_by(self) -> Marks:
        """What its rows depend on."""
        return self.marks or marks_of(self.config, self.site)

    def split(self) -> tuple[Batch, ...]:
        """Halves, so that an object which kills its worker can be found; () for a single one."""
        half = len(self.items) // 2
        if not half:
            return ()
        return tuple(
            replace(self, id=f"{self.id}{letter}", items=items)
            for letter, items in zip("ab", (self.items[:half], self.items[half:]), strict=True)
        )


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of a batch: the files written, and counts.

    Attributes:
        renewed, reread: objects that were worked on, or only read, anew.
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


def register(task: Register) -> list[tuple[Arrival, list[Seen]]]:
    """Read each listed file once, to name it and the members of archives."""
    named = []
    for arrival in task.arrivals:
        try:
            key, read = arrival.key, task.bucket.read
            data = retrying(partial(read_whole, key, read), task.retries)
        except FileNotFoundError:  # removed since it was listed: seen again when it is back
            continue
        found = identify(task.site.site, arrival, data, task.key, partial(_no_scan, task.site))
        named.append((arrival, list(found)))
    return named


def _no_scan(site: SiteConfig, name: str, content: Content) -> bool:
    return is_companion(site, name) or is_table(site, name, content)


def _only_companions(site: SiteConfig, name: str, data: bytes) -> bool:
    """Whether a file is an archive in which a collection's adapter knows every member as no
    picture."""
    if site.collection is None or not is_archive(data):
        return False
    known = [is_companion(site, f"{name}!{one.name}") for one, _ in opened(data)]
    return bool(known) and all(known)


def work(batch: Batch) -> Worked:
    """Carry each object of a batch from bytes to rows, and write the rows as Parquet files."""
    cv2.setNumThreads(1)
    leave_no_core()
    marks = batch.made_by
    writer = Writer(batch.lake, batch.id)
    watch = Stopwatch()
    rejected: Counter[str] = Counter()
    crashes: list[str] = []
    sealed: dict[str, Entry] = {}
    frames = 0
    sources = Sources.of(batch)
    for item in batch.items:
        faulthandler.dump_traceback_later(batch.seconds, exit=True, file=sys.__stderr__ or 2)
        try:
            traveled = _travel(batch, item, sources, watch, sealed)
        except Reject as rejection:
            writer.add(rejection_rows(item.sighting, batch.site, rejection, marks))
            rejected[rejection.reason.value] += 1
        except (MemoryError, Retry):
            raise
        except Exception as error:  # noqa: BLE001  (the boundary: see the module's docstring)
            crash = Reject(Reason.CRASHED, where(error), "journey")
            crashes.append(crash.detail)
            writer.add(rejection_rows(item.sighting, batch.site, crash, marks))
            rejected[crash.reason.value] += 1
        else:
            if traveled is None:
                writer.add(companion_rows(item.sighting, batch.site, marks))
                continue
            kept = kept_row(item.sighting, batch.site, traveled, marks.frames)
            writer.add([*traveled.rows, kept])
            frames += traveled.frames
        finally:
            faulthandler.cancel_dump_traceback_later()
    writer.flush()
    return Worked(
        tuple(writer.parts),
        len(batch.items),
        frames,
        dict(rejected),
        dict(watch.seconds),
        tuple(crashes),
        tuple(sealed.values()),
    )


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a batch's objects come from, and what is said of them there."""

    read: Callable[..., bytes]
    reader: Reader
    shelf: Shelf
    tables: Inside

    @staticmethod
    def of(batch: Batch) -> Sources:
        def read(key: str, length: int | None = None) -> bytes:
            return retrying(lambda: batch.bucket.read(key, 0, length), batch.retries)

        members: dict[str, set[int]] = {}
        for item in batch.items:
            if item.sighting.member >= 0:
                members.setdefault(item.name, set()).add(item.sighting.member)
        tables = Inside(batch.site, read)
        shelf = Shelf(
            batch.site,
            read,
            {key: frozenset(some) for key, some in members.items()},
            tuple(item.name for item in batch.items if item.sighting.member < 0),
            batch.apart,
        )
        return Sources(read, Reader(read, tables), shelf, tables)

    def said_of(self, item: Item, name: str, attached: Attached) -> dict[str, str]:
        """What tables say of an object, those of its collection first to be overruled.

        Args:
            name: of the object; archive and member joined by "!".
        """
        said = self.tables.row(name, item.tables) if item.sighting.member >= 0 else {}
        return {**attached.row, **item.sidecar, **said}


def _travel(
    batch: Batch,
    item: Item,
    sources: Sources,
    watch: Stopwatch,
    sealed: dict[str, Entry],
) -> Traveled | None:
    """What an object became; None for an archive of masks and tables alone."""
    with watch.step("ingest"):
        data, member = sources.reader.content(item.name, item.sighting.member, item.sighting.bytes)
        name = f"{item.name}!{member}" if member else item.name
        if is_companion(batch.site, name):
            raise Reject(Reason.NOT_IMAGING, "Its collection files it as no picture.", "ingest")
        if item.sighting.member < 0 and _only_companions(batch.site, name, data):
            return None
        attached = sources.shelf.beside(name, item.companions)
        row = sources.said_of(item, name, attached)
    origin = Origin(batch.site.site, item.sighting.upload, name, row)
    site, key = batch.site, batch.key
    traveled = journey(
        data, item.sighting, origin, site, key, batch.config, watch, attached, batch.made_by
    )
    patient = traveled.header.patient
    if batch.crosswalk and patient not in sealed:
        entry = entry_of(batch.crosswalk, traveled.header, traveled.scan, origin, batch.site)
        if entry is not None:
            sealed[patient] = entry
    return traveled


def retrying(call: Callable[[], Answer], times: int) -> Answer:
    """Call, and call again with backoff while the world is at fault.

    Raises:
        Retry: it was at fault each time.
    """
    for attempt in range(times):
        try:
            return call()
        except Retry:
            time.sleep(min(0.2 * 2**attempt, 10) * random.uniform(0.5, 1.0))
    return call()


class Writer:
    """Rows of a batch on their way to Parquet files, a bounded number of bytes at a time."""

    def __init__(self, lake: Storage, stem: str) -> None:
        self._lake = lake
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
            self.parts.append(write_part(self._lake, to_arrow(name, rows), name, stem))
        self._rows, self._bytes = [], 0


def _table(row: object) -> str:
    return BY_ROW[type(row)].name
