"""Pixels that a file says are no squares, while it does not say how large they are.

They are left as they are, and the scan is flagged: its shapes and angles are not those of the body.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

ANAMORPHIC = "anamorphic"
ALIKE = 0.01  # share by which sides differ that were only rounded to whole dots


def unequal(one: float, other: float) -> tuple[str, ...]:
    """The flag, of sides or densities that differ; 0, and what is no number, is one unknown."""
    known = 0 < one < math.inf and 0 < other < math.inf
    return (ANAMORPHIC,) if known and abs(one - other) > ALIKE * max(one, other) else ()


def of_picture(told: Mapping[Any, Any]) -> tuple[str, ...]:
    """The flag, by what Pillow tells of a picture's densities: PNG's pHYs, TIFF's resolution."""
    for name in ("aspect", "dpi"):
        sides = told.get(name)
        if isinstance(sides, tuple) and len(sides) == 2:
            return unequal(*(float(side) for side in sides))
    return ()
