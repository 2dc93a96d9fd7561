"""Tables that people open in a spreadsheet and hand back."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from echoatlas.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet runs what begins so


def inert(text: str) -> str:
    """A text as a cell that no spreadsheet runs: where it has to be, behind an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA) else text


@contextmanager
def told_lines(reader: csv.DictReader[Any], source: Path) -> Iterator[None]:
    """Tell what is no line of a table by its number, and nothing of it.

    Raises:
        UsageError: a line is longer than any table's, or has a character that ends none.
    """
    try:
        yield
    except csv.Error:
        raise UsageError(f"{source}, line {reader.line_num + 1}: no line of a table") from None
