"""What looks ask for, counted: views, boxes, readings. What makes a clip expensive shows here.

A process's running totals, as a clock is: who wants those of one object takes a difference.
"""

from __future__ import annotations

from collections import Counter

SPENT: Counter[str] = Counter()


def spend(what: str, count: int = 1) -> None:
    """Count what a look asks for.

    Args:
        what: "views" that are shown to a network, their "pixels" as it sees them, "boxes" of a
            view that are, or "readings" of a line.
    """
    SPENT[what] += count


def spent_since(before: Counter[str]) -> Counter[str]:
    """What was asked for since ``SPENT.copy()`` was taken."""
    return SPENT - before
