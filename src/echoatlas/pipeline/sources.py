"""Where a batch's objects come from, and what is said there of each of their copies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.ingest.reader import Reader
from echoatlas.pipeline.read.archive import opened
from echoatlas.pipeline.sidecars.collection import Attached, CompanionReader
from echoatlas.pipeline.sidecars.site import ArchiveTables
from echoatlas.schemas.records import Origin

if TYPE_CHECKING:
    from echoatlas.pipeline.plan.batch import Batch
    from echoatlas.pipeline.plan.survey import WorkItem
    from echoatlas.schemas.config import SiteConfig


@dataclass(frozen=True, slots=True)
class Said:
    """What names, folders and tables say of one copy of an object. Trusted zone.

    Attributes:
        locator: of the copy.
        listed: whether a row names it; None where no table may.
    """

    locator: str
    origin: Origin
    attached: Attached
    listed: bool | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """Reads a batch's objects, and what is said of them where they lie.

    Attributes:
        tables: rows of tables, for the archive that the reader stands in.
        others: other archives that copies lie in: names of their members, and rows.
    """

    site: SiteConfig
    read: Callable[..., bytes]
    reader: Reader
    shelf: CompanionReader
    tables: ArchiveTables
    others: dict[str, tuple[dict[int, str], ArchiveTables]] = field(default_factory=dict)

    @staticmethod
    def of(batch: Batch, read: Callable[..., bytes]) -> Sources:
        """Open nothing yet.

        Args:
            read: gives the bytes under a key of the site's bucket, or the first of them.
        """
        members: dict[str, set[int]] = {}
        loose: list[str] = []
        for item in batch.items:
            for one in (item, *item.copies):
                if one.sighting.member >= 0:
                    members.setdefault(one.name, set()).add(one.sighting.member)
                else:
                    loose.append(one.name)
        tables = ArchiveTables(batch.site, read)
        shelf = CompanionReader(
            batch.site,
            read,
            {key: frozenset(some) for key, some in members.items()},
            tuple(loose),
            batch.apart,
        )
        return Sources(batch.site, read, Reader(read, tables), shelf, tables)

    def said_of(self, item: WorkItem, name: str, *, masks: bool = True) -> list[Said]:
        """What is said of an object: of the copy that was read, then of its other copies.

        Args:
            name: of the copy that was read; archive and member joined by "!".
            masks: give the bytes of masks, too.
        """
        return [
            self._said(item, name, self.tables, masks),
            *(
                self._said(copy, called, tables, masks)
                for copy in item.copies
                for called, tables in self._place(copy)
            ),
        ]

    def _said(self, item: WorkItem, name: str, tables: ArchiveTables, masks: bool) -> Said:
        attached = self.shelf.beside(name, item.companions, masks=masks)
        told: dict[str, str] | None = None if item.sidecar is None else dict(item.sidecar)
        if item.sighting.member >= 0:
            inside = tables.row(name, item.tables)
            if inside is not None:
                told = {**(told or {}), **inside}
        origin = Origin(
            self.site.site, item.sighting.upload, name, {**attached.row, **(told or {})}
        )
        listed = None if told is None else bool(told)
        return Said(item.sighting.locator, origin, attached, listed)

    def _place(self, copy: WorkItem) -> Iterator[tuple[str, ArchiveTables]]:
        """The name of a copy, and the tables of its archive; nothing if it can't be found."""
        if copy.sighting.member < 0:
            yield copy.name, self.tables
            return
        if copy.name not in self.others:
            inside = ArchiveTables(self.site, self.read)
            try:
                members = inside.open(copy.name, opened(self.read(copy.name)))
            except (FileNotFoundError, Reject):  # the next run sees that, or its own turn says so
                members = []
            self.others[copy.name] = {one.index: one.name for one in members}, inside
        names, inside = self.others[copy.name]
        if copy.sighting.member in names:
            yield f"{copy.name}!{names[copy.sighting.member]}", inside


def joined(said: Iterable[Said]) -> Attached:
    """What lies beside all copies of an object, each mask and row once."""
    masks = [mask for one in said for mask in one.attached.masks]
    rows = [row for one in said for row in one.attached.rows]
    unique = {data: (rule, data) for rule, data in reversed(masks)}
    return Attached(
        tuple(mask for mask in masks if unique.pop(mask[1], None) is not None),
        tuple(row for at, row in enumerate(rows) if row not in rows[:at]),
    )


def in_words(said: Iterable[Said]) -> list[Origin]:
    """Where copies lie, each way of being spoken of once."""
    found: list[Origin] = []
    for one in said:
        if one.origin not in found:
            found.append(one.origin)
    return found


def with_rows(origin: Origin, others: Iterable[Origin]) -> Origin:
    """An origin whose row says what it leaves open by what others say."""
    row = dict(origin.sidecar)
    for other in others:
        row |= {column: text for column, text in other.sidecar.items() if not row.get(column)}
    return replace(origin, sidecar=row)
