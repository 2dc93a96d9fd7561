"""Sidecar tables: what a site says of its files in a CSV, JSON or XLSX beside them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Any

from echoatlas.pipeline.read.consent import JOINED, joined_rows, speaking, strictest, told_by_name
from echoatlas.pipeline.read.headings import (
    file_column,
    first_line,
    folder_column,
    patient_columns,
    speaks,
)
from echoatlas.pipeline.read.spoiled import spoiled_ids
from echoatlas.pipeline.read.text import text_of
from echoatlas.pipeline.sidecars.json_rows import json_records
from echoatlas.pipeline.sidecars.workbook import SHEET_ERRORS, workbook_sheets
from echoatlas.schemas.config.site import Sidecar

Rows = list[dict[str, str]]
MOST_BYTES = 256 << 20
OLE = b"\xd0\xcf\x11\xe0"  # an old workbook, or one that needs a password
MOST_CELL = 1 << 14  # characters
MOST_COLUMNS = 1000
MOST_BEFORE = 50  # lines of titles and comments over the headings
SAMPLE = 100  # lines by which the delimiter is told
DELIMITERS = ",;\t|"
WHOLE = re.compile(r"-?\d+\.0")
ALONE = "\x1f"  # stands between no cells: of a single column


@dataclass(frozen=True, slots=True)
class SidecarTable:
    """A table that speaks of files. Trusted zone.

    Attributes:
        key: heading of the column that names the files.
        headings: of all columns, in order.
        rows: file name as the table gives it ("/" between folders) to column to value.
        lines: number of lines that name a file; several may name the same.
        spoiled: of these, how many name the patient by what a spreadsheet left of an id: it is not
            in ``rows``, as several patients may have the same.
    """

    key: str
    headings: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]
    lines: int
    spoiled: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as it is written, whatever it speaks of. Trusted zone.

    Attributes:
        title: of a workbook's sheet; "" elsewhere.
        headings: of all columns, in order. rows: heading to cell, all as text.
        above: cells of lines that stand over the headings.
    """

    title: str
    headings: tuple[str, ...]
    rows: Rows
    above: tuple[str, ...] = ()


def read_sidecar(data: bytes, name: str, rule: Sidecar) -> SidecarTable | None:
    """Read a table and key its rows by the file that they speak of.

    Args:
        name: of the table's file, which may say that whoever is in it left.
        rule: which column names the file, if the site says so.

    Returns:
        The table; several rows of one file are joined, the first value that says anything
        winning, and of consent the strictest. None if the bytes are no table, or no column of it
        names files.
    """
    return table_of(read_sheets(data) or (), name, rule)


def table_of(sheets: Sequence[Sheet], name: str, rule: Sidecar) -> SidecarTable | None:
    """The same of a table that was read: the first sheet that names files."""
    rows = _chosen(sheets)
    if not rows:
        return None
    key = file_column(rows, rule.key)
    if key is None:
        return None
    headings = tuple(rows[0])
    rows, spoiled = _without_spoiled([row for row in rows if row.get(key, "").strip()], key, rule)
    readers = speaking(headings, rule)
    by_name = "" if readers else told_by_name(name, rule).replace("ignore", "")
    named: dict[str, Rows] = {}
    for row in rows:
        cells = [read(row.get(one, ""), rule) for one, read in readers.items()]
        if said := strictest([*cells, by_name]):
            row = {**row, JOINED: said}
        named.setdefault(_path(row[key]), []).append(row)
    lines = sum(map(len, named.values()))
    table: dict[str, Mapping[str, str]] = {}
    for file, same in _apart(named, folder_column(headings)).items():
        table[file] = joined_rows(same) if len(same) > 1 else same[0]
        if _torn(same, headings, rule):  # it is not this file that they all speak of
            table[file] = {one: table[file].get(one, "") for one in (key, JOINED)}
    return SidecarTable(key, headings, table, lines, spoiled) if table else None


def _without_spoiled(rows: Rows, key: str, rule: Sidecar) -> tuple[Rows, int]:
    """Rows without the patients' ids that a spreadsheet damaged, and how many had one."""
    columns = [one for one in patient_columns(rows[0] if rows else (), rule) if one != key]
    bad = {one: spoiled_ids({row.get(one, "") for row in rows} - {""}) for one in columns}
    found, number = [], 0
    for row in rows:
        gone = dict.fromkeys((one for one in columns if row.get(one, "") in bad[one]), "")
        found.append(row | gone if gone else row)
        number += bool(gone)
    return found, number


def _path(cell: str) -> str:
    return cell.strip().replace("\\", "/").removeprefix("./")


def _apart(named: dict[str, Rows], folder: str | None) -> dict[str, Rows]:
    """Rows by file; by folder and file, where a column tells files of one name apart."""
    if folder is None or all(len({row.get(folder) for row in same}) < 2 for same in named.values()):
        return named
    found: dict[str, Rows] = {}
    for file, same in named.items():
        for row in same:
            inside = _path(row.get(folder, "")).strip("/")
            found.setdefault(f"{inside}/{file}" if inside else file, []).append(row)
    return found


def _torn(same: Rows, headings: Sequence[str], rule: Sidecar) -> bool:
    """Whether rows of one name are of several patients."""
    columns = patient_columns(headings, rule)[:1] if len(same) > 1 else []
    return any(len({row.get(one, "") for row in same} - {""}) > 1 for one in columns)


def read_rows(data: bytes) -> Rows | None:
    """The rows of a CSV, JSON or XLSX, all values as text; None if the bytes are no table."""
    found = read_sheets(data)
    return None if found is None else _chosen(found)


def _chosen(sheets: Sequence[Sheet]) -> Rows | None:
    """The first sheet that names files; the first of all if none does."""
    if len(sheets) > 1:
        named = (one.rows for one in sheets if one.rows and file_column(one.rows, None))
        return next(named, sheets[0].rows)
    return sheets[0].rows if sheets else None


def read_sheets(data: bytes) -> list[Sheet] | None:
    """What stands in a CSV or JSON, and in each sheet of an XLSX; None if the bytes are no table.

    A list in one column is a table as well.
    """
    if not data or len(data) > MOST_BYTES or data.startswith(OLE):
        return None
    if data[:4] == b"PK\x03\x04":
        return _xlsx(data)
    rows = _json(data)
    if rows is not None:
        return [Sheet("", tuple(rows[0]) if rows else (), rows)]
    found = _csv(data)
    return None if found is None else [found]


def _csv(data: bytes) -> Sheet | None:
    text = text_of(data)
    if text is None:
        return None
    # Excel's own way to tell the delimiter, which it neither shows nor strips
    said = re.match(r"\ufeff?\"?sep=(.)\"?[ \t]*\r?\n", text, re.IGNORECASE)
    body = text[said.end() :] if said else text
    delimiter = said[1] if said else _delimiter(body) or _blanks(body)
    if delimiter is None and any(mark in body for mark in map(chr, range(9))):
        return None  # no text
    delimiter = delimiter or ALONE
    try:
        return _rows(csv.reader(io.StringIO(body, newline=""), delimiter=delimiter))
    except csv.Error:
        return None


def _delimiter(text: str) -> str | None:
    """What stands between cells: what cuts most lines into the same number of them.

    Titles, free text and decimal commas cut some lines by chance, and not all alike.
    """
    best: tuple[float, int, str] | None = None
    for one in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=one)
        try:
            lines = [len(cells) for cells in islice(reader, SAMPLE) if cells]
        except csv.Error:
            continue
        cut = Counter(number for number in lines if number > 1)
        if cut:
            width, times = max(cut.items(), key=lambda pair: (pair[1], pair[0]))
            share = times / len(lines)
            if best is None or (share, width) > best[:2]:
                best = share, width, one
    return best[2] if best else None


def _blanks(text: str) -> str | None:
    """A blank, if the first line names columns of files or patients and all have as many cells.

    So R writes a table that it is not told how to write.
    """
    lines = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=" "), SAMPLE))
    widths = {len(cells) for cells in lines[1:] if cells}
    if len(widths) != 1 or len(lines[0]) < 2 or widths.pop() - len(lines[0]) not in (0, 1):
        return None
    return " " if any(map(speaks, lines[0])) else None


def _rows(lines: Iterable[Iterable[Any]], title: str = "") -> Sheet | None:
    """Lines of cells to rows, by their headings; by number where there are none."""
    iterator = iter(lines)
    head = [[_cell(cell) for cell in line] for line in islice(iterator, MOST_BEFORE)]
    if not head:
        return None
    at = first_line(head)
    if at < 0:
        headings = [f"column {number}" for number in range(1, max(map(len, head)) + 1)]
    else:
        headings = _headings(head[at], head[at + 1 :])
    if not any(headings) or len(headings) > MOST_COLUMNS:
        return None
    rows = []
    for line in chain(head[at + 1 :], iterator):
        cells = [_cell(cell) for cell in line]
        if any(cells) and not (len(cells) == 1 < len(headings) and cells[0].startswith("#")):
            rows.append({h: c for h, c in zip_longest(headings, cells, fillvalue="") if h})
    above = tuple(cell for line in head[: max(at, 0)] for cell in line if cell)
    names = tuple(dict.fromkeys(filter(None, headings)))
    for heading in names:
        _strip_fractions(rows, heading)
    return Sheet(title, names, rows, above)


def _strip_fractions(rows: Rows, heading: str) -> None:
    """Whole numbers as they were: one empty cell, and pandas writes 7 as 7.0 in all the others.

    A patient who is "7" in a header or in another table would be somebody else.
    """
    told = [row[heading] for row in rows if row.get(heading)]
    if told and all(WHOLE.fullmatch(cell) for cell in told):
        for row in rows:
            row[heading] = row.get(heading, "").removesuffix(".0")


def _headings(cells: Sequence[str], below: Sequence[Sequence[str]]) -> list[str]:
    """Headings of the lines below: one more in front where each has a name of its own, as R writes
    it; and of those that are there twice the first keeps its name.
    """
    headings = [cell.removeprefix("#").strip() for cell in cells]
    lines = [line for line in below if any(line)]
    named = all(len(line) == len(headings) + 1 for line in lines)
    if lines and named and all(headings) and any(line[-1] for line in lines):
        headings = ["", *headings]
    seen: Counter[str] = Counter()
    for place, heading in enumerate(headings):
        seen[heading] += 1
        if heading and seen[heading] > 1:
            headings[place] = f"{heading} ({seen[heading]})"
    return headings


def _cell(value: Any) -> str:
    if value is None:
        return ""
    # Of a longer number not all digits are there, and as an integer it would have others
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        value = int(value)
    return str(value).strip()[:MOST_CELL]


def _json(data: bytes) -> Rows | None:
    raw = json_records(data)
    if raw is None:
        return None
    headings = list(dict.fromkeys(str(key) for row in raw for key in row))
    if not headings or len(headings) > MOST_COLUMNS:
        return None
    try:
        return [{h: _flat(row.get(h)) for h in headings} for row in raw]
    except RecursionError:  # written out it nests deeper than it did when it was read
        return None


def _flat(value: Any) -> str:
    return json.dumps(value)[:MOST_CELL] if isinstance(value, (dict, list)) else _cell(value)


def _xlsx(data: bytes) -> list[Sheet] | None:
    """The sheets of a workbook in which anything stands; None if it is none."""
    try:
        found = [_rows(lines, title) for title, lines in workbook_sheets(data)]
        return [one for one in found if one is not None] or None
    except SHEET_ERRORS:
        return None
