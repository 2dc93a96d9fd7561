"""Tables that speak of a site's scans, beside them and within archives. Trusted zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import translate
from functools import cache
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read.archive import Content, Member
from echoatlas.pipeline.read.arrays.detached_header import beside_headers
from echoatlas.pipeline.read.consent import base_name, joined_rows
from echoatlas.pipeline.sidecars.called import Called
from echoatlas.pipeline.sidecars.collection import Companions, companions, is_companion
from echoatlas.pipeline.sidecars.patients import PatientList, may_list_patients, patients_of
from echoatlas.pipeline.sidecars.placed import Tables, folder_of
from echoatlas.pipeline.sidecars.tables import (
    SidecarTable,
    read_sheets,
    read_sidecar,
    table_of,
)
from echoatlas.pipeline.sidecars.tally import TableReport, Tally, tally
from echoatlas.taxonomy.collections import load

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.config.study_table import StudyTable


MOST_BYTES = 4 << 30  # of one uploaded file; larger ones are refused unread
TABLE_ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson", ".xlsx")
MOST_TRIED, MOST_TRIED_BYTES = (
    20,
    16 << 20,
)  # of files that may be tables the site does not speak of


def study_tables(site: SiteConfig) -> tuple[StudyTable, ...]:
    """A site's tables of structured measurements: its own, and those of its collection."""
    adapter = load(site.collection) if site.collection else None
    return (*site.sidecar.measurements, *(adapter.measurements if adapter else ()))


def is_sidecar(site: SiteConfig, name: str) -> bool:
    """Whether a file may be a table that speaks of the scans beside it."""
    wanted = _globs(site.sidecar.files).match(base_name(name))
    return wanted is not None and not is_companion(site, name)


@cache
def _globs(files: str) -> re.Pattern[str]:
    """What fits any of some patterns of file names, in lower case."""
    # Not by fnmatch for each name: a bucket has as many names as scans, and each is asked
    return re.compile("|".join(translate(glob.strip()) for glob in files.lower().split(",")))


MOST_COMPARED = 10_000  # files that the names of such a table are held against


@dataclass(frozen=True, slots=True)
class Sidecars:
    """What lies beside a site's scans.

    Attributes:
        keys: of the files that were read as tables, are companions of a collection's pictures,
            hold the values of a header beside them, or measurements of studies.
        tables: the loose ones.
        names: their keys, by folder.
        companions: of the collection that the site names.
        told, tally: what is read of each of them, and how far they speak of the other files.
        lists: what tables, these and others, say of patients.
    """

    keys: frozenset[str]
    tables: Tables
    names: Mapping[str, tuple[str, ...]]
    companions: Companions
    told: tuple[TableReport, ...]
    tally: Tally
    lists: tuple[PatientList, ...] = ()

    def above(self, key: str) -> tuple[str, ...]:
        """Keys of the loose tables that may speak of what is in an archive."""
        folder = folder_of(key)
        return tuple(
            name
            for place in sorted(self.names)
            if not place or f"{folder}/".startswith(f"{place}/")
            for name in self.names[place]
        )


def sidecars(
    site: SiteConfig,
    bucket: Storage,
    listed: Iterable[tuple[str, int]],
    waiting: Collection[str] = (),
) -> Sidecars:
    """Read the tables that lie among a site's files; a collection's own are told by name.

    Args:
        listed: key and size, bytes, of each file.
        waiting: keys of uploads that have not come whole: that no row names them says nothing yet.
    """
    every = list(listed)
    small = [key for key, size in every if size <= MOST_BYTES]
    beside = companions(site, small)
    tables, lists = Tables(), dict[str, PatientList]()
    rules = study_tables(site)
    stated = {key for key, _ in every if any(one.matches(key) for one in rules)} if rules else set()
    for key, size in every:
        if (
            key in beside.names
            or key in stated
            or not (is_sidecar(site, key) or is_list(site, key))
        ):
            continue
        try:
            data = bucket.read(key) if size <= MOST_BYTES else b""
        except FileNotFoundError:  # removed since it was listed
            continue
        except Reject:  # its turn says why not; of a list this says that it can't be heeded
            data = b""
        table, of_patients = looked_at(data, key, site)
        if table is not None:
            tables.add(key, table)
        if of_patients is not None:
            lists[key] = of_patients
    values = frozenset(beside_headers(key for key, _ in every))
    known = beside.names | values | stated | {one.key for one in tables} | _alone(lists.values())
    others = [key for key, _ in every if key not in known]
    tables.take(others)
    of_nobody, lists = _settled(tables, lists, others)
    tables.drop(of_nobody)
    names: dict[str, tuple[str, ...]] = {}
    for one in tables:
        names[folder_of(one.key)] = (*names.get(folder_of(one.key), ()), one.key)
    told, counts = tally(site, tables, [key for key in others if key not in waiting])
    if not told:
        sizes = dict(every)
        counts = replace(
            counts,
            overlooked=sum(
                _speaks(site, bucket, key, others)
                for key in [one for one in others if one.lower().endswith(TABLE_ENDINGS)][
                    :MOST_TRIED
                ]
                if sizes[key] <= MOST_TRIED_BYTES
            ),
        )
    return Sidecars(known, tables, names, beside, tuple(told), counts, tuple(lists.values()))


def is_list(site: SiteConfig, name: str) -> bool:
    """Whether a file is to be asked whether it lists patients."""
    return may_list_patients(name, site.sidecar) and not is_companion(site, name)


def looked_at(
    data: bytes, name: str, site: SiteConfig
) -> tuple[SidecarTable | None, PatientList | None]:
    """A file as a table that speaks of files, and as one that speaks of patients."""
    sheets = read_sheets(data)
    spoken = is_sidecar(site, name)
    table = table_of(sheets or (), name, site.sidecar) if spoken else None
    listed = None
    if is_list(site, name) or (spoken and sheets):
        listed = patients_of(name, sheets, table, site.sidecar)
    return table, listed


def _alone(lists: Iterable[PatientList]) -> set[str]:
    return {one.key for one in lists if one.alone}


def _settled(
    tables: Tables, lists: Mapping[str, PatientList], files: Sequence[str]
) -> tuple[set[str], dict[str, PatientList]]:
    """Tables of files that are lists of patients instead, and all lists: of those that may be
    either, whether one is decided by the files that are there."""
    weak = {one.key for one in lists.values() if one.weak}
    naming: set[str] = set()
    if weak:
        naming = {placed.key for file in files for placed, _ in tables.naming(file)} & weak
    kept = {
        key: one.of_files() if key in naming else one
        for key, one in lists.items()
        if not (key in naming and one.fault)
    }
    return weak - naming, kept


def _speaks(site: SiteConfig, bucket: Storage, key: str, others: Sequence[str]) -> bool:
    """Whether a file that the site does not call a table is one, and names files."""
    try:
        table = read_sidecar(bucket.read(key), key, site.sidecar)
    except (FileNotFoundError, Reject):
        return False
    if table is None:
        return False
    called = Called.of(table.rows, folder_of(key))
    return any(called.name_of(other) is not None for other in others[:MOST_COMPARED])


def _readable(content: Content) -> bytes | None:
    try:
        return content()
    except Reject:  # the member's own turn will say what is wrong with it
        return None


def is_table(site: SiteConfig, name: str, content: Content) -> bool:
    """Whether a file is a sidecar table, by its name and then by what is in it.

    A list of patients is none: in an archive nobody heeds it, and its turn says so.
    """
    if not is_sidecar(site, name):
        return False
    table, listed = looked_at(content(), name, site)
    return table is not None and (listed is None or not listed.alone or listed.weak)


def is_unheeded(site: SiteConfig, name: str, data: bytes) -> bool:
    """Whether what lies in an archive is a list of patients, which is heeded beside it alone."""
    if not (is_list(site, name) or is_sidecar(site, name)):
        return False
    table, listed = looked_at(data, name, site)
    return listed is not None and not listed.ignored and (table is None or bool(listed.fault))


@dataclass(slots=True)
class ArchiveTables:
    """Gives the rows that speak of an archive's members: of tables in it, and of loose ones.

    Attributes:
        read: gives the bytes under a key of the site's bucket.
        held, names: of the archive that was opened last: its tables, and its other members.
    """

    site: SiteConfig
    read: Callable[[str], bytes]
    _parsed: dict[str, SidecarTable | None] = field(default_factory=dict)
    _loose: Tables = field(default_factory=Tables)
    _above: tuple[str, ...] = ()
    held: Tables = field(default_factory=Tables)
    names: list[str] = field(default_factory=list)

    def open(self, archive: str, members: Iterable[tuple[Member, Content]]) -> list[Member]:
        """Read the tables of the archive that the next rows are asked of, and list its members."""
        listed: list[Member] = []
        self.held, self.names, self._above = Tables(), [], ()
        try:
            for member, content in members:
                listed.append(member)
                name = f"{archive}!{member.name}"
                table = None
                if is_sidecar(self.site, name) and (data := _readable(content)) is not None:
                    table = read_sidecar(data, name, self.site.sidecar)
                if table is not None:
                    self.held.add(name, table)
                else:
                    self.names.append(name)
        except Reject:  # the object's own turn will say what is wrong with the archive
            pass
        self.held.take(self.names)
        return listed

    def row(self, name: str, above: Sequence[str]) -> Mapping[str, str] | None:
        """What tables say of a member; of one in its archive first. None if no table may.

        Args:
            name: of archive and member, joined by "!".
            above: keys of loose tables.
        """
        if not self._above or tuple(above) != self._above:
            self._above, self._loose = tuple(above), Tables()
            for key in above:
                if (table := self._table(key)) is not None:
                    self._loose.add(key, table)
            self._loose.take(self.names)
        if not self.held.above(name) and not self._loose.above(name):
            return None
        return joined_rows((self.held.row(name), self._loose.row(name)))

    def _table(self, key: str) -> SidecarTable | None:
        if key not in self._parsed:
            try:
                data = self.read(key)
                self._parsed[key] = read_sidecar(data, key, self.site.sidecar)
            except (FileNotFoundError, Reject):  # removed since it was listed, or not to be read
                self._parsed[key] = None
        return self._parsed[key]
