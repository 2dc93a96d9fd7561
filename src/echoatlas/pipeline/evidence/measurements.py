"""The numbers of an ultrasound structured report: a code, a value, a unit each. No text is read.

Only concepts of DICOM's context groups for ultrasound measurements (CID 12000 to 12399 of PS3.16)
leave, and only units of its UCUM groups: a vendor's own code could spell anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.evidence.dicom import codes, items, values
from echoatlas.pipeline.evidence.structured_report import code_key
from echoatlas.pipeline.precision import rounded

if TYPE_CHECKING:
    from echoatlas.schemas.records import Scan

GROUPS = range(12000, 12400)
MORE_UNITS = frozenset({"1", "%", "d", "wk", "ml", "g", "cm2", "cm3", "mm[Hg]", "/min"})
PLAIN_UNITS = frozenset(
    {"mm", "cm", "m", "mm2", "cm/s", "m/s", "ms", "s", "kg", "ml/m2", "g/m2", "l/min", "l/min/m2"}
    | {"deg", "kPa", "m2", "cm/s2"}
)
MOST = 1e6  # a number beyond is no measurement; seven figures could be somebody's


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that a report states.

    Attributes:
        code: SCHEME/VALUE of its concept. name: the concept's keyword in PS3.16.
        unit: UCUM.
    """

    code: str
    name: str
    number: float
    unit: str


# As tables write units, beside UCUM itself
WRITTEN: Mapping[str, str] = {
    "": "1", "mmhg": "mm[Hg]", "mm hg": "mm[Hg]", "cm²": "cm2", "cm^2": "cm2", "cm³": "cm3",
    "cm^3": "cm3", "ml/m²": "ml/m2", "ml/m^2": "ml/m2", "g/m²": "g/m2", "g/m^2": "g/m2",
    "bpm": "/min", "beats/min": "/min", "percent": "%", "msec": "ms", "sec": "s", "m/sec": "m/s",
    "cm/sec": "cm/s", "l/min/m²": "l/min/m2", "deg c": "Cel", "degrees": "deg",
}  # fmt: skip


def ucum(written: str) -> str | None:
    """A unit as UCUM writes it; None if it is none that is known."""
    known = {one.casefold(): one for one in sorted(_units() | PLAIN_UNITS)}
    plain = " ".join(written.split())
    if plain in known.values():
        return plain
    folded = plain.casefold()
    return WRITTEN.get(folded) or known.get(folded)


def measured(scheme: str, name: str, value: str, unit: str) -> Measured | None:
    """A number that a table states, by a name that is listed; None if it is none.

    Args:
        unit: UCUM.
    """
    try:
        number = float(value)
    except ValueError:
        return None
    if not math.isfinite(number) or abs(number) >= MOST:
        return None
    return Measured(f"{scheme}/{name}", name, rounded(number, 4), unit)


def numbers(report: Scan) -> tuple[Measured, ...]:
    """The measurements of a report, in its order; each once.

    Args:
        report: trusted zone; its header holds the content tree.
    """
    return tuple(dict.fromkeys(_numbers(report.header)))


def _numbers(item: Any) -> Iterator[Measured]:
    for child in items(item, "ContentSequence"):
        if values(child, "ValueType") == ["NUM"]:
            for value in items(child, "MeasuredValueSequence"):
                yield from _number(child, value)
        yield from _numbers(child)


def _number(child: Any, value: Any) -> Iterator[Measured]:
    stated = values(value, "NumericValue")
    units = [code.value for code in codes(value, "MeasurementUnitsCodeSequence")]
    unit = units[0] if units else "1"
    if len(stated) != 1 or unit not in _units():
        return
    try:
        number = float(stated[0])
    except ValueError:
        return
    if not math.isfinite(number) or abs(number) >= MOST:
        return
    for concept in codes(child, "ConceptNameCodeSequence"):
        key = code_key(concept)
        if key in _concepts():
            yield Measured(key, _concepts()[key], rounded(number, 4), unit)


@cache
def _concepts() -> dict[str, str]:
    """SCHEME/VALUE to keyword."""
    from pydicom.sr._concepts_dict import concepts

    return {
        f"{scheme}/{value}": keyword
        for scheme, known in concepts.items()
        for keyword, spelled in known.items()
        for value, (_, groups) in spelled.items()
        if any(group in GROUPS for group in groups)
    }


@cache
def _units() -> frozenset[str]:
    from pydicom.sr._concepts_dict import concepts

    return MORE_UNITS | {unit for spelled in concepts["UCUM"].values() for unit in spelled}
