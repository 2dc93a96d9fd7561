"""The files of a public collection that speak of its pictures: masks, and tables. Trusted zone.

By the layout of the collection's adapter they are told from pictures by name alone, and tied to
the pictures that they speak of. They are no objects: what they say becomes annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read.archive import opened
from echoatlas.pipeline.read.headings import LOOKS_LIKE_FILE, file_column, told
from echoatlas.pipeline.sidecars.row_formats import listed_rows
from echoatlas.pipeline.sidecars.tables import Rows
from echoatlas.schemas.records import Origin
from echoatlas.taxonomy.collections import IMAGE, UNLISTED, load

if TYPE_CHECKING:
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.taxonomy.collections import Collection, Layout
    from echoatlas.taxonomy.collections.annotations import Table


@dataclass(frozen=True, slots=True)
class Companions:
    """Names of a collection's masks and tables.

    Attributes:
        names: of all files that are no pictures.
        tables: those that are tables, in order.
        masks: key of a picture to its masks, in order.
    """

    collection: Collection | None = None
    names: frozenset[str] = frozenset()
    tables: tuple[str, ...] = ()
    masks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, name: str) -> tuple[str, ...]:
        """The masks of a picture, and all tables: only their rows say of whom they speak."""
        tied = self.collection.tie(name) if self.collection else None
        return (*(self.masks.get(tied[1], ()) if tied else ()), *self.tables)


def companions(site: SiteConfig, names: Iterable[str]) -> Companions:
    """The masks and tables among files; none where the site names no collection."""
    if site.collection is None:
        return Companions()
    collection = load(site.collection)
    roles: dict[str, list[str]] = {}
    masks: dict[str, tuple[str, ...]] = {}
    for name in names:
        role = collection.role(name)
        if role in (IMAGE, UNLISTED):
            continue
        roles.setdefault(role, []).append(name)
        if role == "mask" and (tied := collection.tie(name)):
            masks[tied[1]] = (*masks.get(tied[1], ()), name)
    return Companions(
        collection,
        frozenset(name for some in roles.values() for name in some),
        tuple(roles.get("table", ())),
        masks,
    )


def is_companion(site: SiteConfig, name: str) -> bool:
    """Whether a file is known by its name to be no picture of the site's collection."""
    return site.collection is not None and load(site.collection).role(name) not in (IMAGE, UNLISTED)


def origin_of(site: SiteConfig, upload: str, name: str, row: Mapping[str, str]) -> Origin:
    """Where an object came from, with what is known of it by its path and row: from the adapter of
    the site's collection, and the size of a pixel from the column that is understood to hold it."""
    facts = load(site.collection).facts(name, row) if site.collection else {}
    for column, text in row.items():
        if text.strip() and told(column, site.sidecar) == "mm_per_px":
            facts.setdefault("mm_per_px", text.strip())
    return Origin(site.site, upload, name, row, facts)


@dataclass(frozen=True, slots=True)
class Attached:
    """What lies beside one picture. Trusted zone.

    Attributes:
        masks: the layout's rule, and the bytes of the file.
        rows: the table's rule, and each row that names the picture.
    """

    masks: tuple[tuple[Layout, bytes], ...] = ()
    rows: tuple[tuple[Table, Mapping[str, str]], ...] = ()

    @property
    def row(self) -> dict[str, str]:
        """All columns of all rows; of a column that several have, the first that says anything."""
        joined: dict[str, str] = {}
        for _, row in self.rows:
            joined |= {key: text for key, text in row.items() if text and not joined.get(key)}
        return joined


@dataclass(frozen=True, slots=True)
class _Archive:
    """An archive's companions, the bytes of those that a batch needs, and the batch's pictures."""

    known: Companions = Companions()
    held: Mapping[str, bytes] = field(default_factory=dict)
    mine: frozenset[str] = frozenset()

    @staticmethod
    def of(
        site: SiteConfig,
        archive: str,
        data: bytes,
        members: frozenset[int] = frozenset(),
        pictures: Iterable[str] = (),
    ) -> _Archive:
        """Open an archive.

        Args:
            members: those of it that the batch is about.
            pictures: what the batch is about elsewhere.
        """
        try:
            listed = {one.index: f"{archive}!{one.name}" for one, _ in opened(data)}
            known = companions(site, listed.values())
            mine = frozenset(listed[index] for index in members & listed.keys())
            wanted = {one for picture in (*mine, *pictures) for one in known.of(picture)}
            held: dict[str, bytes] = {}
            for one, content in opened(data):
                if listed[one.index] in wanted:
                    with suppress(Reject):
                        held[listed[one.index]] = content()
        except Reject:  # the object's own turn will say what is wrong with the archive
            return _Archive()
        if unread := wanted & known.names - held.keys():  # as if they were not there
            known = companions(site, [name for name in listed.values() if name not in unread])
        return _Archive(known, held, mine)


@dataclass(slots=True)
class CompanionReader:
    """Gives what lies beside the pictures of a batch; each table is parsed once.

    Attributes:
        read: gives the bytes under a key of the site's bucket.
        members: archives of the batch, and the members of each that the batch is about.
        loose: names of the batch's pictures that lie in no archive.
        apart: archives in which there are only masks and tables, of pictures elsewhere too.
    """

    site: SiteConfig
    read: Callable[[str], bytes]
    members: Mapping[str, frozenset[int]]
    loose: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    _archives: dict[str, _Archive] = field(default_factory=dict)
    _apart: dict[str, _Archive] = field(default_factory=dict)
    _tables: dict[str, list[tuple[Table, dict[str, Rows]]]] = field(default_factory=dict)

    def beside(self, name: str, listed: Sequence[str], *, masks: bool = True) -> Attached:
        """The masks of a picture, and the rows of tables that name it.

        Args:
            name: of the picture; archive and member joined by "!".
            listed: companions outside archives.
            masks: give the bytes of masks, too.
        """
        if self.site.collection is None:
            return Attached()
        collection = load(self.site.collection)
        archive, inside, _ = name.partition("!")
        held: dict[str, bytes] = {}
        names = list(listed)
        if inside:
            names += self._archive(archive).known.of(name)
            held |= self._archive(archive).held
        for other in self.apart:
            names += self._other(other).known.of(name)
            held |= self._other(other).held
        shown, rows = [], []
        for one in names:
            tied = collection.tie(one)
            try:
                if tied and tied[0].role == "mask":
                    if masks:
                        shown.append((tied[0], held[one] if one in held else self.read(one)))
                elif tied:
                    rows += self._rows(collection, one, held, name)
            except FileNotFoundError:  # removed since it was listed: the next run sees that
                continue
            except Reject:  # it is there, and who opens it as a mask says that it can't be
                shown += [(tied[0], b"")] if tied and tied[0].role == "mask" else []
        return Attached(tuple(shown), tuple(rows))

    def _archive(self, archive: str) -> _Archive:
        """An archive of the batch, and the companions in it that the batch needs."""
        if archive not in self._archives:
            mine = self.members.get(archive, frozenset())
            self._archives[archive] = _Archive.of(self.site, archive, self.read(archive), mine)
        return self._archives[archive]

    def _other(self, archive: str) -> _Archive:
        """An archive without pictures, and the companions in it that the batch needs."""
        if archive not in self._apart:
            pictures = {*self.loose, *(n for one in self.members for n in self._archive(one).mine)}
            try:
                found = _Archive.of(self.site, archive, self.read(archive), pictures=pictures)
            except (FileNotFoundError, Reject):  # removed since it was listed, or not to be read
                found = _Archive()
            self._apart[archive] = found
        return self._apart[archive]

    def _rows(
        self, collection: Collection, table: str, held: Mapping[str, bytes], picture: str
    ) -> list[tuple[Table, Mapping[str, str]]]:
        if table not in self._tables:
            rules = [rule for rule in collection.tables if rule.matches(table)]
            data = (held[table] if table in held else self.read(table)) if rules else b""
            parsed = ((rule, listed_rows(data, table, rule)) for rule in rules)
            self._tables[table] = [
                (rule, _by_file(rows, rule, table)) for rule, rows in parsed if rows
            ]
        base, folder = _stem(picture), _folder(picture)
        return [
            (rule, row)
            for rule, by_file in self._tables[table]
            if rule.speaks_of(picture.replace("!", "/"))
            for row in by_file.get(folder if rule.beside else base, ())
        ]


def _by_file(rows: Rows, rule: Table, path: str) -> dict[str, Rows]:
    if rule.beside:
        return {_folder(path): rows}
    column = file_column(rows, rule.file)
    found: dict[str, Rows] = {}
    for row in rows if column else ():
        if file := row.get(column or "", "").strip():
            found.setdefault(_stem(file), []).append(row)
    return found


def _folder(name: str) -> str:
    return name.replace("!", "/").replace("\\", "/").rpartition("/")[0]


def _stem(name: str) -> str:
    """The last part of a path, without the suffix of a picture or clip, in lower case."""
    base = name.replace("!", "/").replace("\\", "/").rpartition("/")[2]
    return LOOKS_LIKE_FILE.sub("", base).lower()
