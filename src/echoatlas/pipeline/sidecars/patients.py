"""What tables say of patients, whatever files they name, if any: lists of who left. Trusted zone.

A hospital writes down who opted out by patient, not by file. Such a table is told by its columns,
else by its name. One that speaks of leaving and can't be read, or does not say whom it means, is
never passed over: it has a fault, and whoever reads it makes the site's pictures wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.read.consent import (
    base_name,
    departed,
    row_consent,
    speaking,
    speaks_of_leaving,
    strictest,
    told_by_name,
    told_of_patients,
)
from echoatlas.pipeline.read.headings import (
    AGREEING,
    BESIDE_WHO,
    LOOKS_LIKE_FILE,
    NAMED,
    PATIENT,
    PATIENT_NAME,
    file_column,
    id_columns,
    meaning,
    plain,
)
from echoatlas.pipeline.read.spoiled import spoiled_ids
from echoatlas.schemas.values import Consent

if TYPE_CHECKING:
    from echoatlas.pipeline.sidecars.tables import Rows, Sheet, SidecarTable
    from echoatlas.schemas.config.site import Sidecar

SHEETS = (".csv", ".tsv", ".xlsx", ".xlsm")  # looked into, whatever they are called
WRITTEN = (
    *SHEETS, ".txt", ".json", ".xls", ".xlsb", ".ods", ".numbers", ".pdf", ".doc", ".docx", ".odt",
    ".rtf", ".htm", ".html", ".xml", ".eml", ".msg", ".sav", ".dta", ".parquet", ".gz", ".7z",
    ".rar", ".gpg", ".p7m", ".enc",
)  # fmt: skip
LISTED = (*SHEETS, ".txt", ".xls", ".xlsb", ".ods")
TABULAR = (*SHEETS, ".txt", ".json", ".xls", ".xlsb", ".ods")
LEFT = (Consent.WITHDRAWN, Consent.REFUSED, Consent.UNCLEAR, Consent.RESTRICTED)
UNREADABLE = "can't be read as a table"
WHOM = "has no column that is sure to name the patient by a number"
BY_NAME = (
    "names people by name or birth date, which scans may write otherwise, and no patient by the "
    "number in its scans: send the numbers, one a row, in a column PatientID"
)
DAMAGED = "has patient ids that a spreadsheet damaged (1.2E+11, ###, digits that became zeros)"
ELSEWHERE = "is not among sidecar.files"
IGNORED = "ignore"
TITLES = 50  # lines among which a heading is looked for
GENERIC = ("id", "name")  # headings over files, or over patients


@dataclass(frozen=True, slots=True)
class PatientList:
    """What a table says of patients. Trusted zone.

    Attributes:
        key: of the file.
        alone: it names no files: a list of patients and nothing else.
        said: patient id as it is written there to what is said, the strictest; of a table that
            names files only what takes away: who agrees does so for the picture.
        nameless: rows that take away, and name nobody by number; who is named by name or birth
            date alone is among them, as those are compared with no scan's.
        fault: why it can't be heeded, in words; "" if it can.
        weak: it is one only if none of its rows names a file: "id" and "name" may be a file's.
        columns: heading to meaning of those understood.
    """

    key: str
    alone: bool
    said: Mapping[str, Consent] = field(default_factory=dict, repr=False)
    nameless: int = 0
    fault: str = ""
    weak: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)

    def of_files(self) -> PatientList:
        """The same of a table whose rows turn out to name files: what takes away is left of it."""
        said = {who: word for who, word in self.said.items() if word in LEFT}
        return replace(self, alone=False, weak=False, said=said)

    @property
    def ignored(self) -> bool:
        """Whether the site's file says that it says nothing."""
        return not (self.alone or self.said or self.nameless or self.fault)

    @property
    def says_nothing(self) -> bool:
        """Whether it is a list of patients of whom nobody knows what it means to be in it."""
        spoken = {"consent", "opt_out"}.intersection(self.columns.values())
        return self.alone and not spoken and Consent.UNCLEAR in self.said.values()

    @property
    def leaving(self) -> int:
        """Of how many patients it says that they refused, withdrew, or agreed to less than all."""
        return sum(one in LEFT for one in self.said.values())


def may_list_patients(key: str, rule: Sidecar) -> bool:
    """Whether a file is to be asked whether it lists patients, by its name."""
    name = base_name(key)
    if name.endswith(SHEETS) or (name.endswith(WRITTEN) and told_by_name(key, rule)):
        return True
    return name.endswith(LISTED) and bool(told_of_patients(key, rule) or _speaks_of_consent(key))


def patients_of(
    key: str, sheets: Sequence[Sheet] | None, table: SidecarTable | None, rule: Sidecar
) -> PatientList | None:
    """What a file says of patients; None if it never says anything of their consent.

    Args:
        sheets: all that could be read of it as tables; None if it is none.
        table: the same as a table whose rows are given to the files that they name; None if not.
    """
    by_name = told_by_name(key, rule)
    if by_name == IGNORED:  # what was read of it before that was said holds no more
        return PatientList(key, alone=False)
    if sheets is None:
        name = base_name(key)
        spoken = by_name or (name.endswith(TABULAR) and _speaks_of_consent(key))
        spoken = spoken or (name.endswith(LISTED) and told_of_patients(key, rule))
        return PatientList(key, alone=True, fault=UNREADABLE) if spoken else None
    found = [_sheet(key, one, table is not None, rule, by_name) for one in sheets]
    return _joined(key, [one for one in found if one is not None])


def _joined(key: str, found: Sequence[PatientList]) -> PatientList | None:
    """The sheets of a workbook as one."""
    if len(found) < 2:
        return found[0] if found else None
    said: dict[str, Consent] = {}
    for one in found:
        for who, says in one.said.items():
            said[who] = strictest((said.get(who, Consent.UNSAID), says))
    columns = {heading: means for one in found for heading, means in one.columns.items()}
    fault = next((one.fault for one in found if one.fault), "")
    alone = all(one.alone for one in found)
    nameless, weak = sum(one.nameless for one in found), all(one.weak for one in found)
    return PatientList(key, alone, said, nameless, fault, weak, columns)


def _sheet(key: str, sheet: Sheet, heeded: bool, rule: Sidecar, by_name: str) -> PatientList | None:
    """Args:
    heeded: whether the rows of a table that names files are given to these.
    """
    sheet = _under_titles(sheet, rule)
    if not by_name and any(map(speaks_of_leaving, (sheet.title, *sheet.above))):
        by_name = Consent.WITHDRAWN.value
    file = file_column(sheet.rows, rule.key) if sheet.rows else None
    who, weak = id_columns(sheet.headings, rule), False
    if file is not None and rule.key is None and plain(file) in GENERIC:
        weak = not any(LOOKS_LIKE_FILE.search(row.get(file, "")) for row in sheet.rows)
        who = who or [file] * (weak and plain(file) == "id")
        file = None if weak else file
    if file is None and not by_name and key.lower().endswith(LISTED):
        by_name = told_of_patients(key, rule)
    asked = by_name or _speaks_of_consent(key)
    if asked and not who and file is None and len(sheet.headings) == 1:
        sheet = _bare(sheet)
        who = list(sheet.headings) if _are_numbers(sheet.rows) else []
    readers = {one: meaning(one, rule) for one in speaking(sheet.headings, rule)}
    beside = [one for one in sheet.headings if one not in who]
    if who and file is None and not readers:  # words by which no file's row would be judged
        readers = {one: "opt_out" for one in beside if speaks_of_leaving(one)}
    # Of what are they a list?
    unclear = all(map(_beside, beside)) or any(AGREEING.search(plain(one)) for one in beside)
    if not readers and not by_name and not (who and file is None and unclear):
        return None
    words = [
        _word(row, rule, readers, by_name) if readers or by_name else Consent.UNCLEAR
        for row in sheet.rows
    ]
    leaving = any(word in LEFT for word in words)
    columns = dict.fromkeys(who, "patient") | readers
    if file is not None and not heeded and leaving:
        return PatientList(key, alone=False, fault=ELSEWHERE, columns=columns)
    if not who:
        lost = (leaving or by_name) and file is None
        fault = BY_NAME if any(map(_names_people, sheet.headings)) else WHOM
        rows = zip(sheet.rows, words, strict=True)
        unmatched = sum((word in LEFT or bool(by_name)) and any(row.values()) for row, word in rows)
        made = PatientList(key, True, {}, unmatched, fault, weak, columns)
        return made if lost else None
    found = _said(key, sheet.rows, words, who, alone=file is None)
    found = replace(found, weak=weak, columns=columns)
    return found if found.alone or found.said or found.nameless else None


def _speaks_of_consent(key: str) -> bool:
    return bool(AGREEING.search(plain(base_name(key))))


def _under_titles(sheet: Sheet, rule: Sidecar) -> Sheet:
    """A table by the line in which a column is called a patient's, where titles stand over it."""
    if id_columns(sheet.headings, rule):
        return sheet
    lines = [[row.get(one, "") for one in sheet.headings] for row in sheet.rows[:TITLES]]
    at = next((at for at, line in enumerate(lines) if id_columns(filter(None, line), rule)), None)
    if at is None:
        return sheet
    names = dict(zip(sheet.headings, lines[at], strict=True))
    above = (*sheet.above, *sheet.headings, *(cell for line in lines[:at] for cell in line))
    rows = [
        {name: row.get(one, "") for one, name in names.items() if name}
        for row in sheet.rows[at + 1 :]
    ]
    return replace(sheet, headings=tuple(filter(None, names.values())), rows=rows, above=above)


def _bare(sheet: Sheet) -> Sheet:
    """A column of ids under a title, or under the first of them."""
    (heading,) = sheet.headings
    ids = [heading] * any(map(str.isdigit, heading)) + [row[heading] for row in sheet.rows]
    return replace(sheet, headings=("id",), rows=[{"id": one} for one in ids])


def _beside(heading: str) -> bool:
    """Whether a column only says who somebody is, or when and why they were written down."""
    name = plain(heading)
    return not name or bool(
        BESIDE_WHO.fullmatch(name) or PATIENT.fullmatch(name) or PATIENT_NAME.fullmatch(name)
    )


def _names_people(heading: str) -> bool:
    name = plain(heading)
    return bool(NAMED.fullmatch(name) or PATIENT_NAME.fullmatch(name))


def _are_numbers(rows: Rows) -> bool:
    """Whether a column holds ids, and no names of people."""
    numbers = sum(any(map(str.isdigit, row["id"])) for row in rows)
    return 2 * numbers >= max(len(rows), 1)


def _word(
    row: Mapping[str, str], rule: Sidecar, readers: Mapping[str, str], by_name: str
) -> Consent:
    """What a row says. The list's name holds for all, but where a column says who left."""
    if "opt_out" in readers.values():
        by_name = ""
    guessed = [
        departed(row.get(one, ""), rule)
        for one, means in readers.items()
        if means == "opt_out" and not meaning(one, rule)
    ]
    return strictest((row_consent(row, rule), by_name, *guessed))


def _said(
    key: str,
    rows: Rows,
    words: Sequence[Consent],
    who: Sequence[str],
    *,
    alone: bool,
) -> PatientList:
    said: dict[str, Consent] = {}
    nameless, spoiled = 0, False
    damaged = frozenset[str]().union(
        *(spoiled_ids({row.get(one, "").strip() for row in rows}) for one in who)
    )
    for row, word in zip(rows, words, strict=True):
        if not (word in LEFT or (alone and word is Consent.GIVEN)):
            continue
        ids = list(_ids(row, who))
        for one in ids:
            spoiled |= one in damaged and word in LEFT
            said[one] = strictest((said.get(one, Consent.UNSAID), word))
        nameless += not ids and word in LEFT and any(row.values())
    return PatientList(key, alone, said, nameless, DAMAGED if spoiled else "")


def _ids(row: Mapping[str, str], who: Sequence[str]) -> Iterator[str]:
    for column in who:
        cell = row.get(column, "").strip()
        if cell.strip("-?. "):
            yield cell
