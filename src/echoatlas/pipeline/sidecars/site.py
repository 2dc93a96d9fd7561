"""Tables that speak of a site's scans, beside them and within archives. Trusted zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read.archive import Content, Member
from echoatlas.pipeline.read.arrays.detached_header import beside_headers
from echoatlas.pipeline.sidecars.collection import Companions, companions, is_companion
from echoatlas.pipeline.sidecars.tables import read_sidecar

if TYPE_CHECKING:
    from echoatlas.pipeline.storage import Storage
    from echoatlas.schemas.config import SiteConfig

MOST_BYTES = 4 << 30  # of one uploaded file; larger ones are refused unread
Table = Mapping[str, Mapping[str, str]]


def is_sidecar(site: SiteConfig, name: str) -> bool:
    """Whether a file may be a table that speaks of the scans beside it."""
    plain = name.replace("!", "/").rsplit("/", 1)[-1]
    return fnmatch(plain.lower(), site.sidecar.files.lower()) and not is_companion(site, name)


@dataclass(slots=True)
class Tables:
    """Rows by the folder of their table, then by name as the table gives it."""

    rows: dict[str, dict[str, Mapping[str, str]]] = field(default_factory=dict)

    def add(self, key: str, table: Table) -> None:
        """Put a table in its place; ``key`` is its own name."""
        self.rows.setdefault(folder_of(key), {}).update(table)

    def row(self, name: str) -> Mapping[str, str]:
        """What the nearest table above a file says of it; empty if none does.

        Args:
            name: key of the file, with "!" and the member's name for members of archives.
        """
        for folder in folders_above(name):
            table = self.rows.get(folder, {})
            for form in forms_of(name):
                if form in table:
                    return table[form]
        return {}


def folders_above(name: str) -> Iterator[str]:
    """The folders and archives that a file lies in, the nearest first, "" last."""
    folder = folder_of(name)
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""


def forms_of(name: str) -> Iterator[str]:
    """What a table may call a file: as much of its path as it cares to give, or its bare stem."""
    parts = name.replace("!", "/").split("/")
    yield from ("/".join(parts[start:]) for start in range(len(parts)))
    if stem := parts[-1].rpartition(".")[0]:
        yield stem


def folder_of(key: str) -> str:
    """The folder or archive that a file lies in."""
    return key.replace("!", "/").rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Sidecars:
    """What lies beside a site's scans.

    Attributes:
        keys: of the files that were read as tables, are companions of a collection's pictures, or
            hold the values of a header beside them.
        tables: the loose ones.
        names: their keys, by folder.
        companions: of the collection that the site names.
    """

    keys: frozenset[str]
    tables: Tables
    names: Mapping[str, tuple[str, ...]]
    companions: Companions

    def above(self, key: str) -> tuple[str, ...]:
        """Keys of the loose tables that may speak of what is in an archive."""
        folder = folder_of(key)
        return tuple(
            name
            for place in sorted(self.names)
            if not place or f"{folder}/".startswith(f"{place}/")
            for name in self.names[place]
        )


def sidecars(site: SiteConfig, bucket: Storage, listed: Iterable[tuple[str, int]]) -> Sidecars:
    """Read the tables that lie among a site's files; a collection's own are told by name.

    Args:
        listed: key and size, bytes, of each file.
    """
    every = list(listed)
    small = [key for key, size in every if size <= MOST_BYTES]
    beside = companions(site, small)
    tables = Tables()
    names: dict[str, tuple[str, ...]] = {}
    for key in small:
        if key in beside.names or not is_sidecar(site, key):
            continue
        try:
            table = read_sidecar(bucket.read(key), key, site.sidecar)
        except FileNotFoundError:  # a link to nothing, or removed since it was listed
            continue
        if table is not None:
            tables.add(key, table)
            names[folder_of(key)] = (*names.get(folder_of(key), ()), key)
    read = frozenset(key for some in names.values() for key in some)
    values = frozenset(beside_headers(key for key, _ in every))
    return Sidecars(beside.names | read | values, tables, names, beside)


def is_table(site: SiteConfig, name: str, content: Content) -> bool:
    """Whether a file is a sidecar table, by its name and then by what is in it."""
    return is_sidecar(site, name) and read_sidecar(content(), name, site.sidecar) is not None


@dataclass(slots=True)
class ArchiveTables:
    """Gives the rows that speak of an archive's members: of tables in it, and of loose ones.

    Attributes:
        read: gives the bytes under a key of the site's bucket.
    """

    site: SiteConfig
    read: Callable[[str], bytes]
    _loose: dict[str, Table] = field(default_factory=dict)
    _held: Tables = field(default_factory=Tables)

    def open(self, archive: str, members: Iterable[tuple[Member, Content]]) -> None:
        """Read the tables of the archive that the next rows are asked of."""
        self._held = Tables()
        try:
            for member, content in members:
                name = f"{archive}!{member.name}"
                if is_sidecar(self.site, name):
                    table = read_sidecar(content(), name, self.site.sidecar)
                    if table is not None:
                        self._held.add(name, table)
        except Reject:  # the object's own turn will say what is wrong with the archive
            return

    def row(self, name: str, above: Sequence[str]) -> Mapping[str, str]:
        """What tables say of a member; of one in its archive first.

        Args:
            name: of archive and member, joined by "!".
            above: keys of loose tables.
        """
        loose = Tables()
        for key in above:
            if key not in self._loose:
                self._loose[key] = self._table(key)
            loose.add(key, self._loose[key])
        return {**loose.row(name), **self._held.row(name)}

    def _table(self, key: str) -> Table:
        try:
            return read_sidecar(self.read(key), key, self.site.sidecar) or {}
        except FileNotFoundError:  # removed since it was listed: the next run sees that
            return {}
