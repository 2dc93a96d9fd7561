"""Sidecar tables: what a site says of its files in a CSV, JSON or XLSX beside them."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Any

from echoatlas.pipeline.read.consent import JOINED, joined_rows, speaking, strictest
from echoatlas.pipeline.read.dicom.values import unsaid
from echoatlas.pipeline.read.headings import file_column, first_line
from echoatlas.pipeline.read.text import text_of
from echoatlas.schemas.config.site import Sidecar

Rows = list[dict[str, str]]
MOST_BYTES = 256 << 20
MOST_CELL = 1 << 14  # characters
MOST_COLUMNS = 1000
MOST_SHEET_BYTES = 512 << 20
MOST_BEFORE = 50  # lines of titles and comments over the headings
SAMPLE = 100  # lines by which the delimiter is told
DELIMITERS = ",;\t|"
# A damaged workbook fails wherever in it the damage is, and no sidecar may end a run.
SHEET_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError,
    RuntimeError, SyntaxError, TypeError, ValueError, struct.error, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SidecarTable:
    """A table that speaks of files. Trusted zone.

    Attributes:
        key: heading of the column that names the files.
        headings: of all columns, in order.
        rows: file name as the table gives it ("/" between folders) to column to value.
        lines: number of lines that name a file; several may name the same.
    """

    key: str
    headings: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]
    lines: int


def read_sidecar(data: bytes, name: str, rule: Sidecar) -> SidecarTable | None:
    """Read a table and key its rows by the file that they speak of.

    Args:
        name: of the table's file; asked only when the content fits several formats.
        rule: which column names the file, if the site says so.

    Returns:
        The table; several rows of one file are joined, the first value that says anything
        winning, and of consent the strictest. None if the bytes are no table, or no column of it
        names files.
    """
    rows = read_rows(data)
    if not rows:
        return None
    key = file_column(rows, rule.key)
    if key is None:
        return None
    headings = tuple(rows[0])
    readers = speaking(headings, rule)
    table: dict[str, dict[str, str]] = {}
    lines = 0
    for row in rows:
        file = row.get(key, "").strip().replace("\\", "/").removeprefix("./")
        if file:
            lines += 1
            if said := strictest(read(row.get(one, ""), rule) for one, read in readers.items()):
                row[JOINED] = said
            table[file] = joined_rows((table[file], row)) if file in table else row
    return SidecarTable(key, headings, table, lines) if table else None


def read_rows(data: bytes) -> Rows | None:
    """The rows of a CSV, JSON or XLSX, all values as text; None if the bytes are no table."""
    if not data or len(data) > MOST_BYTES:
        return None
    if data[:4] == b"PK\x03\x04":
        return _xlsx(data)
    rows = _json(data)
    return _csv(data) if rows is None else rows


def _csv(data: bytes) -> Rows | None:
    text = text_of(data)
    if text is None:
        return None
    # Excel's own way to tell the delimiter, which it neither shows nor strips
    said = re.match(r"\ufeff?\"?sep=(.)\"?[ \t]*\r?\n", text, re.IGNORECASE)
    body = text[said.end() :] if said else text
    delimiter = said[1] if said else _delimiter(body)
    if delimiter is None:
        return None
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


def _rows(lines: Iterable[Iterable[Any]]) -> Rows | None:
    """Lines of cells to rows, by their headings; by number where there are none."""
    iterator = iter(lines)
    head = [[_cell(cell) for cell in line] for line in islice(iterator, MOST_BEFORE)]
    if not head:
        return None
    at = first_line(head)
    if at < 0:
        headings = [f"column {number}" for number in range(1, max(map(len, head)) + 1)]
    else:
        headings = [cell.removeprefix("#").strip() for cell in head[at]]
    if not any(headings) or len(headings) > MOST_COLUMNS:
        return None
    rows = []
    for line in chain(head[at + 1 :], iterator):
        cells = [_cell(cell) for cell in line]
        if any(cells) and not (len(cells) == 1 < len(headings) and cells[0].startswith("#")):
            rows.append({h: c for h, c in zip_longest(headings, cells, fillvalue="") if h})
    return rows


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()[:MOST_CELL]


def _json(data: bytes) -> Rows | None:
    """A list of objects, an object of objects by file name, or one list within an object."""
    if data.lstrip()[:1] not in (b"[", b"{", b"\xef"):
        return None
    text = text_of(data)
    try:
        raw = json.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return None
    if isinstance(raw, dict):
        lists = [value for value in raw.values() if isinstance(value, list)]
        if raw and all(isinstance(value, dict) for value in raw.values()):
            raw = [{"file": name, **row} for name, row in raw.items()]
        elif len(lists) == 1:
            raw = lists[0]
    if not isinstance(raw, list) or not all(isinstance(row, dict) for row in raw):
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


def _xlsx(data: bytes) -> Rows | None:
    """The first sheet of a workbook that names files; the first of all if none does."""
    import openpyxl  # not with the module: few tables need it, and each worker would load it
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            if "xl/workbook.xml" not in package.namelist():
                return None
            if sum(info.file_size for info in package.infolist()) > MOST_SHEET_BYTES:
                return None
        with unsaid():
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            sheets = (_rows(sheet.iter_rows(values_only=True)) for sheet in book.worksheets)
            first = next(sheets, None)
            found = (rows for rows in chain([first], sheets) if rows and file_column(rows, None))
            return next(found, first)
    except (*SHEET_ERRORS, InvalidFileException):
        return None
