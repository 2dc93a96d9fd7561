"""How large the pixels of a TIFF are, and how far apart its frames, where ImageJ or OME say it.

The tags of resolution alone say nothing: they are dots of a printer, and most programs write some.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from echoatlas.pipeline.precision import since
from echoatlas.pipeline.read.arrays.units import millimeters, milliseconds
from echoatlas.pipeline.read.tiff_axes import DESCRIPTION, PIXELS

RESOLUTION = (282, 283)  # TIFF 6.0: pixels along x and y in a unit, which ImageJ names itself
ORIENTATION, SIDEWAYS = 274, (5, 6, 7, 8)  # rows of the file are columns of the picture
IMAGEJ = re.compile(r"^(unit|yunit|finterval|slices)=([^\r\n]*)", re.MULTILINE)
OME = re.compile(
    r"""\b(PhysicalSize[XY](?:Unit)?|TimeIncrement(?:Unit)?|SizeZ)\s*=\s*["']([^"']*)["']"""
)
MICRON, SECOND = "um", "s"  # OME's units where none is stated


@dataclass(frozen=True, slots=True)
class TiffScale:
    """Millimeters a pixel, (x, y), and milliseconds from page to page; None where unknown."""

    spacing: tuple[float, float] | None = None
    step_ms: float | None = None

    def times(self, count: int) -> tuple[float, ...] | None:
        """Times of so many frames, milliseconds from the first."""
        if self.step_ms is None:
            return None
        return tuple(since(index * self.step_ms) for index in range(count))


UNKNOWN = TiffScale()


def tiff_scale(image: Any) -> TiffScale:
    """The scale that a description states; none, if it is of several pictures.

    Args:
        image: a Pillow image, at its first page, or what has its tags.
    """
    tags = getattr(image, "tag_v2", {})
    told = str(tags.get(DESCRIPTION) or "")
    if told.startswith("ImageJ="):
        said = dict(IMAGEJ.findall(told))
        unit = said.get("unit", "").replace("\\u00B5", "\u00b5")
        sides = [_inverse(tags.get(tag)) for tag in RESOLUTION]
        units = (unit, said.get("yunit") or unit)
        step, per = _number(said.get("finterval", "")), milliseconds(SECOND)
        slices = said.get("slices", "1")
    elif len(found := PIXELS.findall(told)) == 1:
        said = dict(OME.findall(found[0]))
        sides = [_number(said.get(f"PhysicalSize{axis}", "")) for axis in "XY"]
        units = (
            said.get("PhysicalSizeXUnit", MICRON),
            said.get("PhysicalSizeYUnit", MICRON),
        )
        step = _number(said.get("TimeIncrement", ""))
        per = milliseconds(said.get("TimeIncrementUnit", SECOND))
        slices = said.get("SizeZ", "1")
    else:
        return UNKNOWN
    if tags.get(ORIENTATION, 1) in SIDEWAYS:
        sides, units = sides[::-1], units[::-1]
    x, y = (side * (millimeters(unit) or 0.0) for side, unit in zip(sides, units, strict=True))
    timed = step > 0 and per is not None and slices == "1"
    return TiffScale((x, y) if x > 0 and y > 0 else None, step * (per or 0.0) if timed else None)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0


def _inverse(value: object) -> float:
    number = _number(str(value))  # a fraction of Pillow's, "nan" if it is one of nothing
    return 1 / number if number else 0.0
