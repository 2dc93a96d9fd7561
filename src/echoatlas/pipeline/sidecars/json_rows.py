"""Rows of JSON as programs write tables: lists of objects, lines of objects, columns of cells."""

from __future__ import annotations

import json
from typing import Any

from echoatlas.pipeline.read.headings import LOOKS_LIKE_FILE
from echoatlas.pipeline.read.text import text_of

Record = dict[str, Any]


def json_records(data: bytes) -> list[Record] | None:
    """Objects that stand for rows; None if the bytes are no JSON, or none of it is rows."""
    if data.lstrip()[:1] not in (b"[", b"{", b"\xef"):
        return None
    text = text_of(data)
    if text is None:
        return None
    try:
        raw = json.loads(text)
    except RecursionError:
        return None
    except ValueError:
        raw = _lines(text)
    return _records(raw)


def _lines(text: str) -> list[Any] | None:
    """JSON Lines: an object in each line."""
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None


def _records(raw: Any) -> list[Record] | None:
    """A list of objects, an object of objects by file name or of columns by heading, or the only
    list of an object that is rows: as COCO has images beside annotations and categories."""
    if isinstance(raw, dict):
        values = list(raw.values())
        if values and all(isinstance(value, dict) for value in values):
            return _by_name(raw)
        lists = [value for value in values if isinstance(value, list)]
        naming = [one for one in lists if _names_files(one)]
        found = lists if len(lists) == 1 else naming
        raw = found[0] if len(found) == 1 else None
    if not isinstance(raw, list) or not all(isinstance(row, dict) for row in raw):
        return None
    return raw


def _by_name(raw: dict[str, Record]) -> list[Record]:
    """Objects by file name; or by column, as pandas writes a table of its own accord, where files
    are the cells of one."""
    columns = list(raw.values())
    keys = list(columns[0])
    turned = all(list(one) == keys for one in columns) and not any(map(_is_file, raw))
    if turned and any(_is_file(cell) for one in columns for cell in one.values()):
        return [{heading: cells[key] for heading, cells in raw.items()} for key in keys]
    return [{"file": name, **row} for name, row in raw.items()]


def _names_files(rows: list[Any]) -> bool:
    return any(_is_file(cell) for row in rows[:1] if isinstance(row, dict) for cell in row.values())


def _is_file(cell: object) -> bool:
    return isinstance(cell, str) and bool(LOOKS_LIKE_FILE.search(cell.strip()))
