"""Cells of tables that people open in a spreadsheet: a name must not be run as a formula."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet runs what begins so


def inert(text: str) -> str:
    """A text as a cell that no spreadsheet runs: where it has to be, behind an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA) else text
