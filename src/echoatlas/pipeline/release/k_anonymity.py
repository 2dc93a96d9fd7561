"""How many patients share what a release says of them: k-anonymity, measured and brought about.

Quasi-identifiers are what an outsider may know of a patient and finds in the index: where and
with which device, age and sex. The lake keeps no dates, names or places besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.lake.join import coded
from echoatlas.schemas.config.release import Suppression
from echoatlas.schemas.index import ROLES, Role
from echoatlas.taxonomy.devices import UNKNOWN

QUASI = ROLES[Role.QUASI]
BLANK: Mapping[str, Any] = {"age": None, "sex": "", "maker": UNKNOWN, "model": UNKNOWN}
DECADE = 10  # years


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
    told = Profiles.of(index, columns)
    sizes = _class_sizes(told.codes)
    without = {
        name: _class_sizes(np.delete(told.codes, at, axis=1)) for at, name in enumerate(columns)
    }
    _, first = np.unique(_classes(told.codes), return_index=True)
    return Anonymity(
        patients=len(told.codes),
        classes=len(first),
        k=int(sizes.min()) if len(sizes) else 0,
        asked=asked,
        unique=int((sizes < 2).sum()),
        under=int((sizes < asked).sum()),
        distinct=dict(zip(columns, told.values, strict=True)),
        unique_without={name: int((counts < 2).sum()) for name, counts in without.items()},
    )


@dataclass(frozen=True, slots=True)
class Profiles:
    """What is published of each patient, as numbers: for each column the set of its values.

    Attributes:
        rows: (n,) of each row its patient. codes: (p, columns) equal where the values are.
        values: of each column, how many there are. blank: of each, the code of a blank.
    """

    rows: NDArray[np.int64]
    codes: NDArray[np.int64]
    values: tuple[int, ...]
    blank: tuple[int, ...]

    @staticmethod
    def of(index: pa.Table, columns: Sequence[str] = QUASI) -> Profiles:
        """Of the patients of an index."""
        rows, patients = coded(index.column("patient"))
        made = [
            _profile(index.column(name), str(BLANK.get(name) or ""), rows, len(patients))
            for name in columns
        ]
        codes = np.stack([one for one, _, _ in made], axis=1)
        return Profiles(rows, codes, tuple(n for _, n, _ in made), tuple(b for *_, b in made))


def _profile(
    column: pa.ChunkedArray, blank: str, rows: NDArray[np.int64], patients: int
) -> tuple[NDArray[np.int64], int, int]:
    """The code of each patient's values of a column, how many values there are, and a blank's."""
    if not pa.types.is_dictionary(column.type) or column.null_count:
        column = pc.fill_null(pc.cast(column, pa.string()), "")
    numbers, known = coded(column)
    numbers, known = numbers + 1, known.to_pylist()
    several = len(known) + 1
    pairs = np.unique(rows * several + numbers)
    owner, value = np.divmod(pairs, several)
    codes = np.zeros(patients, np.int64)
    codes[owner] = value
    first = np.searchsorted(owner, np.arange(patients + 1))
    sets: dict[tuple[int, ...], int] = {}
    for one in np.flatnonzero(np.diff(first) > 1).tolist():
        held = tuple(value[first[one] : first[one + 1]].tolist())
        codes[one] = several + sets.setdefault(held, len(sets))
    empty = known.index(blank) + 1 if blank in known else 0
    return codes, len(np.unique(value)), empty


def _classes(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(p,) the class of each patient: equal where all columns are."""
    found = np.zeros(len(codes), np.int64)
    for column in codes.T:
        wide = int(column.max(initial=0)) + 1
        found = np.unique(found * wide + column, return_inverse=True)[1]
    return found


def _class_sizes(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(p,) how many patients are in each one's class."""
    found = _classes(codes)
    sizes: NDArray[np.int64] = np.bincount(found)[found] if len(found) else found
    return sizes


def anonymous(
    index: pa.Table, k: int, suppress: Sequence[Suppression]
) -> tuple[NDArray[np.bool_], Suppressed, dict[str, pa.Array]]:
    """Suppress until every patient shares what is published with at least ``k - 1`` others.

    Patients who are hidden already keep their values. The others lose one column after the other,
    a whole class at a time, so that no class that was large enough gets smaller. What comes out
    depends on the set of patients alone, not on the order of rows.

    Args:
        index: one row a frame, with ``patient`` and what an outsider may know.
        k: 1 changes nothing.
        suppress: in the order in which it is done.

    Returns:
        (n,) which rows stay; what was suppressed; and the columns that are others now, of the
        rows that stay.
    """
    decades = "age_decade" in suppress and measured(index, k).k < k
    changed: dict[str, pa.ChunkedArray] = {}
    if decades:
        changed["age"] = _decades(index.column("age"))
        index = _replaced(index, "age", changed["age"])
    ladder = [name for name in suppress if name != "age_decade"]
    told = Profiles.of(index)
    codes, levels = told.codes.copy(), np.zeros(len(told.codes), np.int64)
    active = np.ones(len(levels), np.bool_)
    while True:
        some = np.flatnonzero(active)
        small = some[_class_sizes(codes[some]) < k]
        if not len(small):
            break
        levels[small] += 1
        active = levels <= len(ladder)
        for at, name in enumerate(ladder):
            column = QUASI.index(name)
            codes[(levels > at) & active, column] = told.blank[column]
    kept = active[told.rows]
    blanked: dict[str, int] = {}
    for at, name in enumerate(ladder):
        losing = (levels > at) & active
        blanked[name] = int(losing.sum())
        if blanked[name]:
            column = changed.get(name, index.column(name))
            plain = pc.cast(column, pa.string()) if pa.types.is_dictionary(column.type) else column
            blank = pa.scalar(BLANK[name], plain.type)
            changed[name] = pc.if_else(pa.array(losing[told.rows]), blank, plain)
    stays = pa.array(kept)
    told_of = Suppressed(k, decades, blanked, int((~active).sum()))
    return kept, told_of, {name: column.filter(stays) for name, column in changed.items()}


def anonymized(
    index: pa.Table, k: int, suppress: Sequence[Suppression]
) -> tuple[pa.Table, Suppressed]:
    """The rows of an index that stay, as they are published then; see ``anonymous``."""
    known = index.select(["patient", *QUASI])
    rows, told, changed = anonymous(known, k, suppress)
    kept = index.filter(pa.array(rows))
    for name, column in changed.items():
        kept = _replaced(kept, name, column)
    if "device" in kept.column_names:
        kept = _replaced(kept, "device", device_of(kept))
    return kept, told


def device_of(index: pa.Table) -> pa.ChunkedArray:
    """Maker and model as one text; one word where both are unknown."""
    maker, model = (pc.cast(index.column(name), pa.string()) for name in ("maker", "model"))
    both = pc.utf8_trim_whitespace(pc.binary_join_element_wise(maker, model, " "))
    neither = pc.and_(pc.equal(maker, UNKNOWN), pc.equal(model, UNKNOWN))
    return pc.if_else(neither, UNKNOWN, both)


def _decades(ages: pa.ChunkedArray) -> pa.ChunkedArray:
    whole = pc.multiply(pc.floor(pc.divide(pc.cast(ages, pa.float64()), DECADE)), DECADE)
    return pc.cast(whole, ages.type)


def _replaced(index: pa.Table, name: str, values: pa.ChunkedArray | pa.Array) -> pa.Table:
    at = index.column_names.index(name)
    return index.set_column(at, index.schema.field(name), values)
