"""How many patients share what a release says of them: k-anonymity, measured and brought about.

Quasi-identifiers are what an outsider may know of a patient and finds in the index: where and
with which device, age and sex. The lake keeps no dates, names or places besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.schemas.config.release import Suppression
from echoatlas.schemas.index import ROLES, Role
from echoatlas.taxonomy.devices import UNKNOWN

QUASI = ROLES[Role.QUASI]
BLANK: Mapping[str, Any] = {"age": None, "sex": "", "maker": UNKNOWN, "model": UNKNOWN}
DECADE = 10  # years

Signature = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Anonymity:
    """How far the patients of a population are hidden among each other.

    Attributes:
        k: patients of the smallest class of equals; 0 without patients.
        unique: patients who are alone in their class. under: in classes smaller than ``asked``.
        distinct: column to number of values that patients have in it.
        unique_without: column to patients who would be alone if it were not published.
    """

    patients: int
    classes: int
    k: int
    asked: int
    unique: int
    under: int
    distinct: Mapping[str, int]
    unique_without: Mapping[str, int]

    @property
    def share_under(self) -> float:
        """Share of patients in classes smaller than ``asked``."""
        return self.under / self.patients if self.patients else 0.0


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What was suppressed so that ``k`` patients share each class.

    Attributes:
        decades: ages are decades, for all patients: a column means one thing.
        blanked: column to patients of whom it was blanked.
        left_out: patients whose frames were left out, as nothing else sufficed.
    """

    k: int
    decades: bool
    blanked: Mapping[str, int]
    left_out: int


def measured(index: pa.Table, asked: int, columns: Sequence[str] = QUASI) -> Anonymity:
    """Measure how unique patients are.

    Args:
        index: one row a frame, with ``patient`` and the columns.
        asked: size under which a class counts as small.
    """
    told = signatures(index, columns)
    sizes = Counter(told.values())
    without = {
        name: Counter(said[:at] + said[at + 1 :] for said in told.values())
        for at, name in enumerate(columns)
    }
    return Anonymity(
        patients=len(told),
        classes=len(sizes),
        k=min(sizes.values(), default=0),
        asked=asked,
        unique=_in_small(sizes, 2),
        under=_in_small(sizes, asked),
        distinct={
            name: len({value for said in told.values() for value in said[at]})
            for at, name in enumerate(columns)
        },
        unique_without={name: _in_small(counts, 2) for name, counts in without.items()},
    )


def signatures(index: pa.Table, columns: Sequence[str] = QUASI) -> dict[str, Signature]:
    """Patient to what is published of them: for each column its distinct values, in order."""
    found: dict[str, list[set[str]]] = {}
    for row in (
        index.select(["patient", *columns])
        .group_by(["patient", *columns])
        .aggregate([])
        .to_pylist()
    ):
        sets = found.setdefault(row["patient"], [set() for _ in columns])
        for values, name in zip(sets, columns, strict=True):
            values.add("" if row[name] is None else str(row[name]))
    return {
        patient: tuple(tuple(sorted(values)) for values in sets) for patient, sets in found.items()
    }


def anonymized(
    index: pa.Table, k: int, suppress: Sequence[Suppression]
) -> tuple[pa.Table, Suppressed]:
    """Suppress until every patient shares what is published with at least ``k - 1`` others.

    Patients who are hidden already keep their values. The others lose one column after the other,
    a whole class at a time, so that no class that was large enough gets smaller. What comes out
    depends on the set of patients alone, not on the order of rows.

    Args:
        index: one row a frame, as of ``index_of``.
        k: 1 changes nothing.
        suppress: in the order in which it is done.
    """
    decades = "age_decade" in suppress and measured(index, k).k < k
    if decades:
        index = _replaced(index, "age", _decades(index.column("age")))
    ladder = [name for name in suppress if name != "age_decade"]
    told = signatures(index)
    levels = dict.fromkeys(told, 0)
    while small := _too_small(told, levels, ladder, k):
        for patient in small:
            levels[patient] += 1
    out = {patient for patient, level in levels.items() if level > len(ladder)}
    gone = pc.is_in(index.column("patient"), value_set=pa.array(sorted(out), pa.string()))
    kept = index.filter(pc.invert(gone))
    blanked: dict[str, int] = {}
    for at, name in enumerate(ladder):
        losing = {p for p, level in levels.items() if level > at} - out
        blanked[name] = len(losing)
        kept = _blanked(kept, name, losing)
    if "device" in kept.column_names:
        kept = _replaced(kept, "device", _devices(kept))
    return kept, Suppressed(k, decades, blanked, len(out))


def _too_small(
    told: Mapping[str, Signature], levels: Mapping[str, int], ladder: Sequence[str], k: int
) -> list[str]:
    published = {
        patient: _coarse(told[patient], ladder[:level])
        for patient, level in levels.items()
        if level <= len(ladder)
    }
    sizes = Counter(published.values())
    return [patient for patient, said in published.items() if sizes[said] < k]


def _coarse(said: Signature, blank: Sequence[str]) -> Signature:
    return tuple(
        (str(BLANK[name] or ""),) if name in blank else values
        for name, values in zip(QUASI, said, strict=True)
    )


def _in_small(sizes: Mapping[Any, int], least: int) -> int:
    return sum(size for size in sizes.values() if size < least)


def _decades(ages: pa.ChunkedArray) -> pa.ChunkedArray:
    whole = pc.multiply(pc.floor(pc.divide(pc.cast(ages, pa.float64()), DECADE)), DECADE)
    return pc.cast(whole, ages.type)


def _blanked(index: pa.Table, name: str, patients: Collection[str]) -> pa.Table:
    losing = pc.is_in(index.column("patient"), value_set=pa.array(sorted(patients), pa.string()))
    column = index.column(name)
    blank = pa.scalar(BLANK[name], column.type)
    return _replaced(index, name, pc.if_else(losing, blank, column))


def _devices(index: pa.Table) -> pa.Array:
    pairs = zip(index.column("maker").to_pylist(), index.column("model").to_pylist(), strict=True)
    return pa.array([f"{maker} {model}".strip() for maker, model in pairs], pa.string())


def _replaced(index: pa.Table, name: str, values: pa.ChunkedArray | pa.Array) -> pa.Table:
    at = index.column_names.index(name)
    return index.set_column(at, index.schema.field(name), values)
