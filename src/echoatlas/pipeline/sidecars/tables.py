"""Sidecar tables: what a site says of its files in a CSV, JSON or XLSX beside them."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from echoatlas.pipeline.read.dicom.values import unsaid
from echoatlas.schemas.config import Sidecar

Rows = list[dict[str, str]]
MOST_BYTES = 256 << 20
MOST_CELL = 1 << 14  # characters
MOST_COLUMNS = 1000
MOST_SHEET_BYTES = 512 << 20
# Names that people give to the column of file names, the likeliest first.
KEY_NAMES = (
    "filename", "file_name", "file", "image", "image_name", "imagename", "image_file",
    "image_path", "img", "img_name", "path", "filepath", "file_path", "image_id", "name", "id",
)  # fmt: skip
# A damaged workbook fails wherever in it the damage is, and no sidecar may end a run.
SHEET_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError,
    RuntimeError, SyntaxError, TypeError, ValueError, struct.error, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
LOOKS_LIKE_FILE = re.compile(
    r"\.(dcm|dicom|png|jpe?g|bmp|tiff?|gif|webp|hei[cf]|avif|mp4|m4v|avi|mov|mpe?g|mjpe?g|h264|mkv"
    r"|nii|nii\.gz|mha|mhd|nrrd|mat|h5)$",
    re.IGNORECASE,
)


def read_sidecar(data: bytes, name: str, rule: Sidecar) -> Mapping[str, Mapping[str, str]] | None:
    """Read a table and key its rows by the file that they speak of.

    Args:
        name: of the table's file; asked only when the content fits several formats.
        rule: which column names the file, if the site says so.

    Returns:
        File name as the table gives it ("/" between folders) to the row: column to value, both
        as text. Several rows of one file are joined, the first value winning. None if the bytes
        are no table, or no column of it names files.
    """
    rows = read_rows(data)
    if not rows:
        return None
    key = file_column(rows, rule.key)
    if key is None:
        return None
    table: dict[str, dict[str, str]] = {}
    for row in rows:
        file = row.get(key, "").strip().replace("\\", "/").removeprefix("./")
        if file:
            table[file] = {**row, **table.get(file, {})}
    return table or None


def read_rows(data: bytes) -> Rows | None:
    """The rows of a CSV, JSON or XLSX, all values as text; None if the bytes are no table."""
    if not data or len(data) > MOST_BYTES:
        return None
    if data[:4] == b"PK\x03\x04":
        return _xlsx(data)
    rows = _json(data)
    return _csv(data) if rows is None else rows


def file_column(rows: Rows, told: str | None) -> str | None:
    """The column that names files: as told, else by its values, else by its heading."""
    headings = list(rows[0])
    if told is not None:
        wanted = told.strip().lower()
        return next((h for h in headings if h.strip().lower() == wanted), None)
    sample = rows[:200]
    shares = {
        heading: sum(bool(LOOKS_LIKE_FILE.search(row.get(heading, "").strip())) for row in sample)
        for heading in headings
    }
    best = max(shares, key=lambda heading: (shares[heading], -headings.index(heading)))
    if shares[best] * 2 > len(sample):
        return best
    plain = {re.sub(r"[\s-]+", "_", heading.strip().lower()): heading for heading in headings}
    named = next((plain[name] for name in KEY_NAMES if name in plain), None)
    distinct = {row.get(named, "") for row in rows} if named else set()
    return named if named and len(distinct) * 2 > len(rows) else None


def text_of(data: bytes) -> str | None:
    """Bytes as text: by their mark, as UTF-8, else in the Windows or Chinese code page."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return _decoded(data, encoding)
    if b"\0" in data[:4096]:
        return None
    for encoding in ("utf-8-sig", "gb18030", "cp1252"):
        text = _decoded(data, encoding)
        if text is not None and (encoding != "gb18030" or _is_chinese(text)):
            return text
    return data.decode("latin-1")


def _is_chinese(text: str) -> bool:
    """Any bytes decode as GB 18030; believe it only if what comes out is common Chinese."""
    foreign = [letter for letter in text if ord(letter) > 127]
    common = sum("\u4e00" <= letter <= "\u9fff" or "\u3000" <= letter <= "\u303f" or
                 "\uff00" <= letter <= "\uffef" for letter in foreign)  # fmt: skip
    pairs = sum(ord(a) > 127 and ord(b) > 127 for a, b in pairwise(text))
    return bool(foreign) and common == len(foreign) and pairs * 2 >= len(foreign)


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _csv(data: bytes) -> Rows | None:
    text = text_of(data)
    if text is None:
        return None
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    if not first.count(delimiter):
        return None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return _rows(reader)
    except csv.Error:
        return None


def _rows(lines: Iterable[Iterable[Any]]) -> Rows | None:
    """Lines of cells to rows, by the headings of the first line."""
    iterator = iter(lines)
    headings = [_cell(cell) for cell in next(iterator, ())]
    if not any(headings) or len(headings) > MOST_COLUMNS:
        return None
    rows = []
    for line in iterator:
        cells = [_cell(cell) for cell in line]
        if any(cells):
            rows.append({h: c for h, c in zip(headings, cells, strict=False) if h})
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
    """The first sheet of a workbook."""
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
            return _rows(book.worksheets[0].iter_rows(values_only=True))
    except (*SHEET_ERRORS, InvalidFileException):
        return None
