"""Units of length and time as headers write them: a spacing is none without its unit."""

from __future__ import annotations

import re

MICRO = "\u03bc"  # the letter; the sign of its own is folded to it
MILLIMETERS = {
    "m": 1000.0, "cm": 10.0, "mm": 1.0, "um": 0.001, MICRO + "m": 0.001, "nm": 1e-6, "in": 25.4,
    "meter": 1000.0, "metre": 1000.0, "centimeter": 10.0, "centimetre": 10.0, "millimeter": 1.0,
    "millimetre": 1.0, "micrometer": 0.001, "micrometre": 0.001, "micron": 0.001, "inch": 25.4,
}  # fmt: skip
MILLISECONDS = {
    "s": 1000.0, "sec": 1000.0, "second": 1000.0, "ms": 1.0, "msec": 1.0, "millisecond": 1.0,
    "us": 0.001, "usec": 0.001, MICRO + "s": 0.001, "microsecond": 0.001,
}  # fmt: skip
QUOTED = re.compile(r'"([^"]*)"')
# What programs write where they know of none
NO_UNIT = frozenset({"", "?", "???", "none", "unknown"})


def millimeters(unit: str) -> float | None:
    """Millimeters in a unit of length, None for what is none, or says nothing."""
    return MILLIMETERS.get(_plain(unit))


def milliseconds(unit: str) -> float | None:
    """Milliseconds in a unit of time, None for what is none, or says nothing."""
    return MILLISECONDS.get(_plain(unit))


def has_unit(unit: str) -> bool:
    """Whether a field says a unit at all."""
    return _plain(unit) not in NO_UNIT


def in_quotes(written: str) -> list[str]:
    """Units as NRRD writes them, each in quotation marks."""
    return QUOTED.findall(written)


def _plain(unit: str) -> str:
    # NRRD is read as Latin-1, where the sign in UTF-8 is two letters
    plain = unit.strip().replace("\u00c2\u00b5", "\u00b5").casefold()
    return plain if len(plain) < 4 else plain.removesuffix("s")
