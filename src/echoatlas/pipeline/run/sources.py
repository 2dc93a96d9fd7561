"""Where a batch's objects come from, and what is said there of each of their copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.ingest.reader import Reader
from echoatlas.pipeline.read.archive import opened
from echoatlas.pipeline.read.consent import joined_rows
from echoatlas.pipeline.sidecars.collection import CompanionReader, origin_of
from echoatlas.pipeline.sidecars.site import ArchiveTables
from echoatlas.pipeline.sidecars.statements import Statement

if TYPE_CHECKING:
    from echoatlas.pipeline.plan.batch import Batch
    from echoatlas.pipeline.plan.work_item import WorkItem
    from echoatlas.schemas.config.site import SiteConfig


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

    def statements_of(self, item: WorkItem, name: str, *, masks: bool = True) -> list[Statement]:
        """What is said of an object: of the copy that was read, then of its other copies.

        Args:
            name: of the copy that was read; archive and member joined by "!".
            masks: give the bytes of masks, too.
        """
        return [
            self._statement(item, name, self.tables, masks),
            *(
                self._statement(copy, called, tables, masks)
                for copy in item.copies
                for called, tables in self._place(copy)
            ),
        ]

    def _statement(
        self, item: WorkItem, name: str, tables: ArchiveTables, masks: bool
    ) -> Statement:
        attached = self.shelf.beside(name, item.companions, masks=masks)
        told = item.sidecar
        if item.sighting.member >= 0:
            inside = tables.row(name, item.tables)
            if inside is not None:
                told = joined_rows((inside, told or {}))
        row = joined_rows((told or {}, attached.row))
        origin = origin_of(self.site, item.sighting.upload, name, row)
        listed = None if told is None else bool(told)
        return Statement(item.locator, origin, attached, listed)

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
