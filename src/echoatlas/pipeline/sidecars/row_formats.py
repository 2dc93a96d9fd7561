"""What collections write beside their pictures and is no table with headings, read as rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from echoatlas.pipeline.read.text import text_of
from echoatlas.pipeline.sidecars.tables import MOST_BYTES, MOST_CELL, Rows, read_rows

if TYPE_CHECKING:
    from echoatlas.taxonomy.collections.annotations import Table

FILE, POINTS = "file", "points"
MOST_POINTS = 100_000


def listed_rows(data: bytes, path: str, rule: Table) -> Rows | None:
    """The rows of what a rule says is a table, whatever its format; None if it is none.

    Args:
        path: of the file; what the rule's pattern names in it stands in every row.
    """
    if len(data) > MOST_BYTES:
        return None
    if rule.format == "table":
        rows = read_rows(data)
    else:
        text = text_of(data)
        rows = None if text is None else READERS[rule.format](text, path, rule)
    match = re.search(rule.path, path)
    groups = {key: text or "" for key, text in match.groupdict().items()} if match else {}
    return [{**groups, **row} for row in rows] if rows else None


def _lines(text: str, path: str, rule: Table) -> Rows:
    """Lines of words by comma, tab or blanks; the headings are the rule's."""
    split = (re.split(r"[,;\s]+", line.strip()) for line in text.splitlines() if line.strip())
    return [dict(zip(rule.headings, words, strict=False)) for words in split]


def _keys(text: str, path: str, rule: Table) -> Rows:
    """Lines of "key: value": one row."""
    pairs = (line.partition(":") for line in text.splitlines())
    row = {key.strip(): value.strip()[:MOST_CELL] for key, colon, value in pairs if colon}
    return [row] if row else []


def _cases(text: str, path: str, rule: Table) -> Rows:
    """The cases of DDTI: ``mark`` elements with the number of an image and outlines in JSON.

    A row for each outline of each image, the case's other elements in it; N.xml is about N_1.jpg,
    N_2.jpg, ...
    """
    if "<!" in text:  # no case declares entities; what does is not for us to expand
        return []
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return []
    said = {one.tag: (one.text or "").strip()[:MOST_CELL] for one in root if one.tag != "mark"}
    rows: Rows = []
    for mark in root.iter("mark"):
        row = said | {FILE: f"{_base(path)}_{(mark.findtext('image') or '').strip()}"}
        outlines = list(_outlines(mark.findtext("svg") or ""))
        rows += [row | {POINTS: points} for points in outlines or [""]]
    return rows


def _outlines(text: str) -> Iterator[str]:
    raw = _json(text)
    for one in raw if isinstance(raw, list) else ():
        points = one.get("points") if isinstance(one, dict) else None
        if isinstance(points, list) and len(points) <= MOST_POINTS:
            pairs = [[p.get("x"), p.get("y")] for p in points if isinstance(p, dict)]
            yield json.dumps(pairs)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _base(path: str) -> str:
    return path.replace("!", "/").rpartition("/")[2].rpartition(".")[0]


READERS: dict[str, Callable[[str, str, Table], Rows]] = {
    "lines": _lines,
    "keys": _keys,
    "cases": _cases,
}
