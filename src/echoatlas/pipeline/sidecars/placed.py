"""A site's tables, and the files that their rows speak of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.pipeline.read.consent import joined_rows
from echoatlas.pipeline.sidecars.called import Called
from echoatlas.pipeline.sidecars.tables import SidecarTable

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Placed:
    """A table, and what it calls files."""

    key: str
    table: SidecarTable
    called: Called


@dataclass(slots=True)
class Tables:
    """Tables by the folder that each lies in."""

    placed: dict[str, list[Placed]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Placed]:
        for folder in sorted(self.placed):
            yield from self.placed[folder]

    def add(self, key: str, table: SidecarTable) -> None:
        """Put a table in its place; ``key`` is its own name."""
        folder = folder_of(key)
        placed = Placed(key, table, Called.of(table.rows, folder))
        self.placed.setdefault(folder, []).append(placed)

    def drop(self, keys: Collection[str]) -> None:
        """Take tables away that speak of no file."""
        for folder, some in list(self.placed.items()):
            left = [one for one in some if one.key not in keys]
            if left:
                self.placed[folder] = left
            else:
                del self.placed[folder]

    def take(self, names: Iterable[str]) -> None:
        """Let tables know all files that they might speak of, so that none gets another's row.

        Args:
            names: keys of files, with "!" and the member's name for members of archives.
        """
        of: dict[str, list[str]] = {}
        for name in names if self.placed else ():
            for folder in folders_above(name):
                if folder in self.placed:
                    of.setdefault(folder, []).append(name)
        for folder, some in of.items():
            for placed in self.placed[folder]:
                placed.called.take(some)

    def naming(self, name: str) -> Iterator[tuple[Placed, str]]:
        """The tables that name a file, the nearest first, and what each calls it."""
        for folder in folders_above(name):
            for placed in self.placed.get(folder, ()):
                if called := placed.called.name_of(name):
                    yield placed, called

    def over(self, name: str) -> Iterator[Placed]:
        """The tables that may speak of a file, the nearest first."""
        for folder in folders_above(name):
            yield from self.placed.get(folder, ())

    def above(self, name: str) -> bool:
        """Whether any table may speak of a file."""
        return any(folder in self.placed for folder in folders_above(name))

    def row(self, name: str) -> Mapping[str, str]:
        """What tables say of a file: of a column that several have, the nearest that says
        anything, of consent the strictest; empty if no row names it.

        Args:
            name: key of the file, with "!" and the member's name for members of archives.
        """
        return joined_rows(placed.table.rows[called] for placed, called in self.naming(name))


def folders_above(name: str) -> Iterator[str]:
    """The folders and archives that a file lies in, the nearest first, "" last."""
    folder = folder_of(name)
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""


def folder_of(key: str) -> str:
    """The folder or archive that a file lies in."""
    return key.replace("!", "/").rpartition("/")[0]
