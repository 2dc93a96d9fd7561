"""Pixels that a file says are no squares, while it does not say how large they are.

They are left as they are, and the scan is flagged: its shapes and angles are not those of the body.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

ANAMORPHIC = "anamorphic"
SQUARE, MOST = (1, 1), 64
TOLD = ("aspect", "dpi", "resolution")  # Pillow's words; the last of TIFF without a unit
ALIKE = 0.01  # share by which sides differ that were only rounded to whole dots


def unequal(one: float, other: float) -> tuple[str, ...]:
    """The flag, of sides or densities that differ; 0, and what is no number, is one unknown."""
    known = 0 < one < math.inf and 0 < other < math.inf
    return (ANAMORPHIC,) if known and abs(one - other) > ALIKE * max(one, other) else ()


def shape_of(width: float, height: float) -> tuple[int, int]:
    """How wide a pixel is to how high, in small whole numbers; (1, 1) of squares and of others."""
    if not unequal(width, height):
        return SQUARE
    found = Fraction(width / height).limit_denominator(MOST)
    return (found.numerator, found.denominator) if 0 < found <= MOST else SQUARE


def shape_of_picture(told: Mapping[Any, Any]) -> tuple[int, int]:
    """The same, by densities: as many pixels more lie in a row as they are less wide."""
    for name in TOLD:
        sides = told.get(name)
        if isinstance(sides, tuple) and len(sides) == 2:
            return shape_of(float(sides[1]), float(sides[0]))
    return SQUARE


def of_picture(told: Mapping[Any, Any]) -> tuple[str, ...]:
    """The flag, by what Pillow tells of a picture's densities: PNG's pHYs, TIFF's resolution."""
    for name in TOLD:
        sides = told.get(name)
        if isinstance(sides, tuple) and len(sides) == 2:
            return unequal(*(float(side) for side in sides))
    return ()
