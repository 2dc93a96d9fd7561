"""How many figures of a stated number leave: as many as it is worth, so that none are free.

A double has room for eight letters and seventeen digits, a record number or a name among them.
What a header or a table states is measured to a few figures; the others say nothing of the scan.
"""

from __future__ import annotations

from typing import overload

MEASURED = 6  # significant figures of any number
SCALE = 4  # of millimeters a pixel: a twentieth of a pixel over a thousand


@overload
def rounded(number: None, figures: int = MEASURED) -> None: ...
@overload
def rounded(number: float, figures: int = MEASURED) -> float: ...
def rounded(number: float | None, figures: int = MEASURED) -> float | None:
    """A finite number to its first significant figures; None stays None."""
    return None if number is None else float(f"{number:.{figures - 1}e}")


def pitch(spacing: tuple[float, float]) -> tuple[float, float]:
    """(x, y) millimeters a pixel, to the figures that a scale has."""
    return rounded(spacing[0], SCALE), rounded(spacing[1], SCALE)


def since(milliseconds: float) -> float:
    """A time as it is worth telling: to the microsecond, and to no more figures than it has."""
    return rounded(round(milliseconds, 3))
