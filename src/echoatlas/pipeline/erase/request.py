"""What was asked for: a site's patients, as the hospital writes them down. Trusted zone."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.header.patient import (
    named_identity,
    patient_identity,
    study_identity,
)
from echoatlas.pipeline.errors import UsageError, unreadable
from echoatlas.pipeline.read.headings import PATIENT, plain
from echoatlas.pipeline.read.spoiled import spoiled_ids
from echoatlas.pipeline.vault.pseudonyms import normalized
from echoatlas.schemas.erasure import REQUEST

if TYPE_CHECKING:
    from pathlib import Path

    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

NAME = re.compile(REQUEST, re.ASCII)
BINARY = re.compile(r"[\x00-\x08\x0e-\x1b]")  # control characters of no text
SIGNS = frozenset(",;\t")  # between the cells of a table
COLUMNS = ("patient_id", "issuer", "name", "birth_date", "study_uid", "folder", "pseudonym")


@dataclass(frozen=True, slots=True)
class Asked:
    """A line of the file: one patient, under all pseudonyms that the line may stand for.

    Attributes:
        read_as: the columns by which it was read; ``patient_id`` of a list without a head.
    """

    line: int
    pseudonyms: frozenset[str]
    read_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A request to erase patients of a site, or the site whole. Trusted zone.

    Attributes:
        name: opaque; the only word of the request that is kept.
        patients: empty where the site leaves whole.
        again: what it erased, and nothing else, by its tombstones: nobody has to be named.
    """

    name: str
    site: str
    patients: tuple[Asked, ...] = field(repr=False, default=())
    again: bool = False

    @property
    def whole(self) -> bool:
        """Whether the site leaves with all that it ever sent."""
        return not (self.patients or self.again)

    @property
    def pseudonyms(self) -> frozenset[str]:
        """Of all patients."""
        return frozenset(one for asked in self.patients for one in asked.pseudonyms)


def request_of(
    name: str, site: str, key: SiteKey, file: Path | None, *, again: bool = False
) -> Request:
    """Read a request.

    Args:
        key: the site's.
        file: one patient id a line; or a table (CSV) with a head, of some of ``COLUMNS``. None
            where the site leaves whole.
        again: nobody is named, since what the request erased is known by its tombstones.

    Raises:
        UsageError: the request's name says who it is about or is none, or the file can't be read;
            names the line, and no value of it.
    """
    if not NAME.fullmatch(name):
        raise UsageError("--request: an opaque id of letters, digits, '.', '_' and '-'")
    if file is None:
        return Request(name, site, again=again)
    asked, rows = [], list(_rows(file))
    damaged = spoiled_ids([row.get("patient_id", "") for _, row in rows])
    for line, row in rows:
        if row.get("patient_id") in damaged:
            raise UsageError(
                f"{file.name}, line {line}: a spreadsheet made this of a long number, and whose it "
                "was can't be told: ask for the list with ids as text"
            )
        if normalized(name) in {normalized(value) for value in row.values()}:
            raise UsageError("--request: this is what a patient is called; give an opaque id")
        found = list(_pseudonyms(row, key))
        if not found:
            raise UsageError(f"{file.name}, line {line}: nothing by which a patient is known")
        ways = tuple(dict.fromkeys(way for way, _ in found))
        asked.append(Asked(line, frozenset(one for _, one in found), ways))
    if not asked:
        raise UsageError(f"{file.name} names no patient")
    return Request(name, site, tuple(asked))


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(unreadable(file.name, error)) from None
    if BINARY.search(text):  # a workbook, say: no line of it would be anybody's id
        raise UsageError(f"{file.name} is no text: save it as CSV, or one patient id a line")
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line]
    head = next((sign for sign in sorted(SIGNS) if lines and _is_head(lines[0][1], sign)), "")
    if not head:
        first = lines[0][1].casefold() if lines else ""
        column = first if first in COLUMNS else "patient_id"
        headed = first in COLUMNS or bool(PATIENT.fullmatch(plain(first)))  # "PatientID", "MRN"
        if not headed:
            _demand_ids(file, lines)
        yield from ((number, {column: line}) for number, line in lines[headed:])
        return
    names = [name.strip().casefold() for name in lines[0][1].split(head)]
    for number, line in lines[1:]:
        cells = next(csv.reader([line], delimiter=head))
        if len(cells) > len(names):
            raise UsageError(f"{file.name}, line {number}: more cells than columns")
        told = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
        yield number, {name: cell for name, cell in told.items() if cell}


def _demand_ids(file: Path, lines: Sequence[tuple[int, str]]) -> None:
    """Refuse what is a table, and no list of ids: each line of it would be searched as one id."""
    number = next((number for number, line in lines if SIGNS & set(line)), None)
    if number is not None:
        raise UsageError(
            f"{file.name}, line {number}: more than a patient id; a table has a head of some of "
            f"{', '.join(COLUMNS)}, and no other column"
        )


def _is_head(line: str, sign: str) -> bool:
    names = [name.strip().casefold() for name in line.split(sign)]
    return len(names) > 1 and set(names) <= set(COLUMNS)


def _pseudonyms(row: Mapping[str, str], key: SiteKey) -> Iterator[tuple[str, str]]:
    """All that a patient may be called in the lake, each behind what it was made of."""

    def called(identity: str) -> str:
        return key.pseudonym("patient", identity)

    if told := row.get("patient_id"):
        # Tables and file names know ids without their issuer, as do headers of older devices
        yield "patient_id", called(patient_identity(told))
        if issuer := row.get("issuer"):
            yield "issuer", called(patient_identity(told, issuer))
    if "name" in row and "birth_date" in row:
        yield "name and birth_date", called(named_identity(row["name"], row["birth_date"]))
    if told := row.get("study_uid"):
        yield "study_uid", called(study_identity(told))
    if told := row.get("folder"):
        yield "folder", called(normalized(told.strip("/")))
    if told := row.get("pseudonym"):
        yield "pseudonym", told


def sites_of(deployment: Deployment, name: str, *, whole: bool) -> list[str]:
    """The site of that name; or, where all of it goes, the sites that hold that collection.

    Raises:
        UsageError: there is none.
    """
    if name in deployment.sites or not whole:
        return [deployment.site(name).site]
    found = [site.site for site in deployment.sites.values() if site.collection == name]
    return sorted(found) or [deployment.site(name).site]
