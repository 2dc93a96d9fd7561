"""Ids that a spreadsheet damaged on their way: who they stood for can't be told any more.

A spreadsheet shows a long number as 1.2E+11, and keeps 15 digits of any: patients whose numbers
begin alike have the same one afterwards. So such a cell names nobody. Trusted zone.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# What a spreadsheet makes of long numbers, and of what it can't show
SPOILED = re.compile(
    r"[-+]?\d+([.,]\d+)?e\+\d+|#+|#(n/?a|ref|value|name|num|null|div/0)[!?]?", re.IGNORECASE
)
KEPT = 15  # digits that are left of a number; zeros stand for the others
CUT = re.compile(rf"[1-9]\d{{{KEPT - 1}}}(0+)(?:\.0)?")
LONG = re.compile(rf"\d{{{KEPT + 1},}}(?:\.0)?")
ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


def spoiled_ids(cells: Collection[str]) -> frozenset[str]:
    """Those of a column's cells that a spreadsheet damaged.

    Of long numbers that end in zeros it did so if all long ones of the column do: some numbers do
    by chance.
    """
    long = {cell for cell in cells if LONG.fullmatch(cell)}
    cut = long if all(CUT.fullmatch(cell) for cell in long) else set()
    return frozenset(cut | {cell for cell in cells if SPOILED.fullmatch(cell)})


def without_zeros(cell: str) -> str:
    """An id as a spreadsheet has it that takes numbers for numbers: "0012" is "12"."""
    return ZEROS.sub("", cell)


def padded_otherwise(cells: Collection[str]) -> int:
    """How many ids are written with leading zeros and without, so that one may be two patients."""
    written: dict[str, set[str]] = {}
    for cell in cells:
        if cell:
            written.setdefault(without_zeros(cell), set()).add(cell)
    return sum(len(ways) > 1 for ways in written.values())
