"""What was asked for: a site's patients, as the hospital writes them down. Trusted zone."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.header.patient import (
    Identity,
    listed_marks,
    loose_id,
    named_identity,
    patient_identity,
    study_identity,
)
from echoatlas.pipeline.deployment import DEPLOYMENT_KEY
from echoatlas.pipeline.errors import UsageError, unreadable
from echoatlas.pipeline.read.headings import PATIENT, PATIENT_NAME, plain
from echoatlas.pipeline.read.spoiled import spoiled_ids
from echoatlas.pipeline.vault.pseudonyms import normalized
from echoatlas.schemas.erasure import REQUEST
from echoatlas.schemas.values import PatientSource

if TYPE_CHECKING:
    from pathlib import Path

    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

NAME = re.compile(REQUEST, re.ASCII)
BINARY = re.compile(r"[\x00-\x08\x0e-\x1b]")  # control characters of no text
SIGNS = frozenset(",;\t")  # between the cells of a table
LIKE_A_HEADING = 0.75  # of difflib's ratio, from which a word is one that is misspelled
ALONE = "\x1f"  # stands between no cells: of a list
COLUMNS = ("patient_id", "issuer", "name", "birth_date", "study_uid", "folder", "pseudonym")
# Of the plain form of a heading, as DICOM and hospitals call these columns
CALLED = {
    "patient_id": PATIENT,
    "issuer": re.compile(r"issuer(?:ofpatientid)?|assigningauthority"),
    "name": re.compile(rf"name|{PATIENT_NAME.pattern}"),
    "birth_date": re.compile(r"(?:patients?)?(?:birthdate|dateofbirth|dob)|geburtsdatum"),
    "study_uid": re.compile(r"study(?:instance)?uid"),
    "folder": re.compile(r"folder"),
    "pseudonym": re.compile(r"pseudonym"),
}
WRITTEN_DATE = re.compile(r"(\d{4})[-./](\d{2})[-./](\d{2})")


@dataclass(frozen=True, slots=True)
class Asked:
    """A line of the file: one patient, under all pseudonyms that the line may stand for.

    Attributes:
        read_as: the columns by which it was read; ``patient_id`` of a list without a head.
        marks: hashes of the id but for its issuer, leading zeros and separators, which others have
            too.
        known_as: the id itself, without these; "" of whom none is given.
    """

    line: int
    pseudonyms: frozenset[str]
    read_as: tuple[str, ...] = ()
    marks: frozenset[str] = frozenset()
    known_as: str = field(repr=False, default="")


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
            more = ": a name tells nobody apart without the birth_date" if "name" in row else ""
            raise UsageError(f"{file.name}, line {line}: nothing by which a patient is known{more}")
        ways = tuple(dict.fromkeys(way for way, _ in found))
        marks, bare = frozenset(_marks(row, key)), loose_id(normalized(row.get("patient_id", "")))
        asked.append(Asked(line, frozenset(one for _, one in found), ways, marks, bare))
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
    first = lines[0][1] if lines else ""
    sign = next((one for one in sorted(SIGNS) if _columns(first, one)), ALONE)
    columns = _columns(first, sign)
    if sign == ALONE and not columns:
        columns = ["patient_id"]
        _demand_ids(file, lines)
        lines.insert(0, (0, ""))
    for number, line in lines[1:]:
        try:
            cells = _cells(line, sign)
        except csv.Error:  # longer than any table's
            raise UsageError(f"{file.name}, line {number}: no line of a table") from None
        if len(cells) > len(columns):
            raise UsageError(f"{file.name}, line {number}: more cells than columns")
        told = dict(zip(columns, cells, strict=False))
        yield number, {name: cell for name, cell in told.items() if cell}


def _cells(line: str, sign: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=sign))]


def _columns(line: str, sign: str) -> list[str]:
    """What the cells of a head mean; nothing if any of them is no heading."""
    found = [_column(cell) for cell in _cells(line, sign)] if line else []
    several = len(found) > 1 or sign == ALONE
    return found if several and all(found) and len({*found}) == len(found) else []


def _column(heading: str) -> str:
    name = plain(heading)
    return next((one for one, called in CALLED.items() if called.fullmatch(name)), "")


def _demand_ids(file: Path, lines: Sequence[tuple[int, str]]) -> None:
    """Refuse what is no list of ids: each line of it would be searched as one id."""
    number = next((number for number, line in lines if SIGNS & set(line)), None)
    if number is not None:
        raise UsageError(
            f"{file.name}, line {number}: more than a patient id; a table has a head of some of "
            f"{', '.join(COLUMNS)}, each once, and no other column"
        )
    first, known = lines[0][1] if lines else "", {plain(one): one for one in COLUMNS}
    near = get_close_matches(plain(first), known, n=1, cutoff=LIKE_A_HEADING)
    if near and not any(map(str.isdigit, first)):
        raise UsageError(
            f"{file.name}, line {lines[0][0]}: nobody's id, by its looks; did you mean the heading "
            f"{known[near[0]]}? An id that does look so stands below a head of patient_id"
        )


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
        for name, born in _as_in_headers(row["name"], row["birth_date"]):
            yield "name and birth_date", called(named_identity(name, born))
    if told := row.get("study_uid"):
        yield "study_uid", called(study_identity(told))
    if told := row.get("folder"):
        yield "folder", called(normalized(told.strip("/")))
    if told := row.get("pseudonym"):
        yield "pseudonym", told


def _as_in_headers(name: str, born: str) -> Iterator[tuple[str, str]]:
    """A name and a birth date as they are written, and as headers write what is written so."""
    family, comma, given = name.partition(",")
    names = [name, f"{family.strip()}^{given.strip()}"] if comma else [name]
    days = {born: None, WRITTEN_DATE.sub(r"\1\2\3", born): None}
    yield from ((one, day) for one in names for day in days)


def _marks(row: Mapping[str, str], key: SiteKey) -> Iterator[str]:
    if told := row.get("patient_id"):
        yield from listed_marks(key, Identity(PatientSource.HEADER, patient_identity(told)))


def sites_of(deployment: Deployment, name: str, *, whole: bool) -> list[str]:
    """The site of that name; or, where all of it goes, the sites that hold that collection.

    Raises:
        UsageError: there is none.
    """
    if name in deployment.sites:
        return [name]
    found = [site.site for site in deployment.sites.values() if site.collection == name]
    if not found and name != DEPLOYMENT_KEY and deployment.vault.has(name):
        raise UsageError(_taken_out(deployment, name))
    return sorted(found if whole else ()) or [deployment.site(name).site]


def _taken_out(deployment: Deployment, name: str) -> str:
    """What to do where a site's file was taken away, and what it sent is still there."""
    file = deployment.root / deployment.config.sites / f"{name}.yaml"
    return (
        f"site '{name}' is no site any more, and what it sent stays until it is erased: put {file} "
        "back, its name and bucket are enough, and the bucket may be gone; then erase it"
    )
