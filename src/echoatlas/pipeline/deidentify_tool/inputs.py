"""What is to be de-identified: the files of a folder and the members of archives, one at a time.

Trusted zone: names identify. Nothing of them leaves this process but in pseudonyms. As in
``task``, any error is caught where it costs one input: what it says may quote that input.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from echoatlas.pipeline.deidentify.header.patient import loose_id, patient_identity
from echoatlas.pipeline.errors import Reason, Reject, UsageError, crash_site
from echoatlas.pipeline.ingest.listing import DEIDENTIFICATION
from echoatlas.pipeline.ingest.uploads import RECEIPTS
from echoatlas.pipeline.read.archive import ARCHIVES, Content, is_archive, opened
from echoatlas.pipeline.read.arrays.detached_header import beside_headers, read_whole
from echoatlas.pipeline.read.litter import is_litter
from echoatlas.pipeline.read.sniff import sniff
from echoatlas.pipeline.sidecars.patients import PatientList, may_list_patients, patients_of
from echoatlas.pipeline.sidecars.placed import Tables
from echoatlas.pipeline.sidecars.site import MOST_BYTES
from echoatlas.pipeline.sidecars.tables import SidecarTable, read_sheets, table_of
from echoatlas.schemas.config.site import Sidecar
from echoatlas.schemas.values import Consent

TABLES = (".csv", ".tsv", ".json", ".xlsx")
INDEXES = ("DICOMDIR",)  # names of patients and of files, and no picture
NOT_AGREED = (Consent.WITHDRAWN, Consent.REFUSED, Consent.UNCLEAR)
HEAD = 1024  # bytes that tell an archive


@dataclass(frozen=True, slots=True)
class Input:
    """One file or archive member. Trusted zone: ``name`` may identify.

    Attributes:
        index: place in the listing, from 0.
        name: path below SRC; archive and member joined by "!".
        problem: why there are no bytes.
        unwanted: why it is no scan, a code, else empty.
    """

    index: int
    name: str
    data: bytes = b""
    problem: Reject | None = None
    unwanted: str = ""


@dataclass(frozen=True)
class Inputs:
    """A file, a folder or an archive, walked in the order of names; links are not followed.

    Attributes:
        tables: sidecar tables by name; read before anything else, as they say whose scans the
            others are. To that end an archive is listed twice; its scans are unpacked once.
        broken: by name, why a file that may be a table could not be read as one or passed over:
            whose scans the others are would then be a guess.
        number: how many there are, as far as that listing went.
        lists: names of tables that list patients and no files. left: ids of who is said to have
            left, or not to have agreed, as ``loose_id`` has them.
    """

    src: Path
    tables: Mapping[str, SidecarTable] = field(default_factory=dict)
    broken: Mapping[str, Reject] = field(default_factory=dict)
    number: int = 0
    lists: frozenset[str] = frozenset()
    left: frozenset[str] = field(default=frozenset(), repr=False)

    @staticmethod
    def of(src: Path, rule: Sidecar | None = None) -> Inputs:
        """Look for tables; ``rule`` says how a site's are to be read.

        Raises:
            UsageError: there is no ``src``, or a list in it of who left can't be heeded.
        """
        if not src.exists():
            raise UsageError(f"there is no {src}")
        found: dict[str, SidecarTable] = {}
        broken: dict[str, Reject] = {}
        lists: dict[str, PatientList] = {}
        rules, number = rule or Sidecar(), 0
        for name, content in _entries(src):
            number += 1
            if content is None or not (_may_be_table(name) or _may_be_list(name, rules)):
                continue
            try:
                sheets = read_sheets(content())
                table = table_of(sheets or (), name, rules) if _may_be_table(name) else None
                listed = patients_of(name, sheets, table, rules)
            except Reject:
                continue  # told when its turn comes
            except Exception as error:  # noqa: BLE001  (the boundary)
                broken[name] = Reject(Reason.CRASHED, crash_site(error))
                continue
            if listed is not None and listed.fault:
                raise UsageError(f"{name} {listed.fault}: mend it, or who left would not be heeded")
            if listed is not None:
                lists[name] = listed
            if table is not None:
                found[name] = table
        alone = frozenset(name for name, one in lists.items() if one.alone and name not in found)
        return Inputs(src, found, broken, number, alone, _left(lists.values()))

    def __iter__(self) -> Iterator[Input]:
        values = beside_headers(name for name, path in _files(self.src) if path is not None)
        for index, (name, content) in enumerate(_entries(self.src)):
            unwanted = "link" if content is None else _unwanted(name)
            # Compressed values are a file of their own, which looks like an archive of one
            unwanted = unwanted or ("values" if name.partition("!")[0] in values else "")
            unwanted = unwanted or ("list" if name in self.lists else "")
            if content is None or unwanted:
                yield Input(index, name, unwanted=unwanted)
                continue
            if name in self.broken:
                yield Input(index, name, problem=self.broken[name])
                continue
            try:
                yield Input(index, name, content())
            except Reject as problem:
                yield Input(index, name, problem=problem)
            except Exception as error:  # noqa: BLE001  (the boundary)
                yield Input(index, name, problem=Reject(Reason.CRASHED, crash_site(error)))

    @cached_property
    def rows(self) -> Tables:
        """What the tables say, by the folder that each lies in."""
        rows = Tables()
        for name, table in self.tables.items():
            rows.add(name, table)
        if self.tables:
            rows.take(name for name, _ in _entries(self.src) if name not in self.tables)
        return rows

    @cached_property
    def copies(self) -> dict[bytes, tuple[str, ...]]:
        """Digest to the names of inputs with the same bytes, where tables may know more of one than
        of another; nothing without tables, for then names alone differ, and the first one counts.

        Everything is read for it once more.
        """
        found: dict[bytes, list[str]] = {}
        for one in self if self.tables else ():
            if not one.unwanted and one.problem is None and one.name not in self.tables:
                found.setdefault(hashlib.sha256(one.data).digest(), []).append(one.name)
        return {digest: tuple(names) for digest, names in found.items() if len(names) > 1}

    def tables_of(self, name: str) -> Iterator[tuple[str, str]]:
        """The tables that speak of a file, of its own folder or above, and what they call it."""
        for placed, called in self.rows.naming(name):
            yield placed.key, called


def _may_be_list(name: str, rule: Sidecar) -> bool:
    return may_list_patients(name, rule) and not _unwanted(name)


def _left(lists: Iterable[PatientList]) -> frozenset[str]:
    found = {
        loose_id(patient_identity(who))
        for one in lists
        for who, word in one.said.items()
        if word in NOT_AGREED
    }
    return frozenset(found - {""})


def _unwanted(name: str) -> str:
    plain = name.replace("!", "/")
    if is_litter(name) or any(part in plain for part in (RECEIPTS, DEIDENTIFICATION)):
        return "litter"
    return "index" if plain.rpartition("/")[2] in INDEXES else ""


def _entries(src: Path) -> Iterator[tuple[str, Content | None]]:
    """Each file and archive member, with a function that reads it while the walk stands at it.

    None in its place for links and devices.
    """
    for name, path in _files(src):
        if path is None:
            yield name, None
        elif _looks_like_archive(path):
            yield from _members(name, path)
        else:
            yield name, lambda path=path: _whole(path)  # type: ignore[misc]


def _files(src: Path) -> Iterator[tuple[str, Path | None]]:
    """Names and paths, folder by folder, sorted within each; None for what is not followed."""
    if src.is_file():
        yield src.name, src
        return
    waiting = [("", src)]
    while waiting:
        prefix, folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield from _unreadable_folder(prefix, folder, error)
            continue
        below = []
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                below.append((f"{prefix}{entry.name}/", Path(entry.path)))
            elif entry.is_file(follow_symlinks=False):
                yield f"{prefix}{entry.name}", Path(entry.path)
            else:
                yield f"{prefix}{entry.name}", None
        waiting += reversed(below)


def _unreadable_folder(
    prefix: str, folder: Path, error: OSError
) -> Iterator[tuple[str, Path | None]]:
    """A folder that can't be listed counts as one input that can't be read."""
    if not prefix:
        raise UsageError(f"{folder} cannot be listed ({os.strerror(error.errno or 0)})") from None
    yield prefix, folder


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Reject(Reason.TOO_LARGE, f"the file is larger than {MOST_BYTES >> 30} GiB")
        return path.read_bytes()
    except OSError as error:
        told = os.strerror(error.errno or 0)
        raise Reject(Reason.UNREADABLE, f"the file cannot be read ({told})") from None


def _whole(path: Path) -> bytes:
    """A file, with the values of the volume that it is the header of."""

    def beside(name: str) -> bytes:
        there = path.with_name(name)
        if there != path and (there.is_symlink() or not there.is_file()):
            raise FileNotFoundError
        return _read(there)

    return read_whole(path.name, beside)


def _looks_like_archive(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return sniff(file.read(HEAD)) in ARCHIVES
    except OSError:
        return False


def _members(name: str, path: Path) -> Iterator[tuple[str, Content]]:
    """Members one by one; the archive itself where it is not to be opened, or no further."""
    try:
        data = _read(path)
        if not is_archive(data):
            yield name, lambda: data
            return
        for member, content in opened(data):
            yield f"{name}!{member.name}", content
    except Reject as error:
        problem = error
        yield name, lambda: _raise(problem)
    except Exception as error:  # noqa: BLE001  (the boundary)
        crash = Reject(Reason.CRASHED, crash_site(error))
        yield name, lambda: _raise(crash)


def _raise(problem: Reject) -> bytes:
    raise problem


def _may_be_table(name: str) -> bool:
    """Whether a file may be a table, by its name: scans are not read for this."""
    return name.lower().endswith(TABLES) and not _unwanted(name)
