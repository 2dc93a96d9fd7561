"""What a worker found as it held a batch's rows against their suites, before anybody else has them.

The worker has the rows in memory: nothing is read again. What takes all rows of a lake to tell,
whether an id stands there already, the driver asks by ``keys``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.gate.rows import NUMBERS, standing_twice, unlike
from echoatlas.pipeline.gate.suites import GATED, REFERENCES, UNIQUE, suite_at
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.schemas.tables import TABLES, columns
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from echoatlas.schemas.config.site import SiteConfig

Check: TypeAlias = tuple[str, bool, str]  # its name, whether it holds, which rows are at fault
THERE, MISSING = "ExpectColumnValuesToNotBeNull", "no value is missing that has to be there"
FEW = 5  # ids that are told of a failing check
OBJECT = "object_id"
KEYED = ("objects", "frames")  # whose keys are new ids; all others repeat these


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that some rows do not pass.

    Attributes:
        rows: how many. some: ids of a few, by the table's key.
        objects: ids of all the objects at fault.
    """

    table: str
    check: str
    rows: int
    some: tuple[str, ...]
    objects: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.table}: {self.check}"

    @staticmethod
    def of(table: str, check: str, rows: pa.Table, mask: NDArray[np.bool_]) -> Failure:
        """What is wrong with those of the (n,) rows for which a mask is true."""
        bad = rows.filter(pa.array(mask))
        ids, objects = (
            bad.column(name).to_pylist() if name in bad.column_names else []
            for name in (TABLES[table].key[0], OBJECT)
        )
        some = tuple(sorted({one for one in ids if one is not None})[:FEW])
        return Failure(table, check, bad.num_rows, some, frozenset(filter(None, objects)))


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a batch's new rows of a table, and the object of each."""

    ids: Ids
    objects: Ids

    @staticmethod
    def of(rows: pa.Table, key: str) -> Keys:
        return Keys(Ids.of(rows.column(key).chunks), Ids.of(rows.column(OBJECT).chunks))

    @staticmethod
    def joined(parts: Sequence[Keys]) -> Keys:
        return Keys(
            Ids.joined([one.ids for one in parts]), Ids.joined([one.objects for one in parts])
        )


@dataclass(frozen=True, slots=True)
class BatchChecks:
    """What was found of a batch.

    Attributes:
        rows: table to how many of its rows were looked at.
        keys: of tables whose keys are new ids, these.
        unasked: checks that were not made, since the rows came without their columns.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    keys: Mapping[str, Keys] = field(default_factory=dict)
    unasked: frozenset[str] = frozenset()

    @staticmethod
    def joined(parts: Iterable[BatchChecks]) -> BatchChecks:
        """What was found of several batches."""
        rows: dict[str, int] = {}
        keys: dict[str, list[Keys]] = {}
        failures: list[Failure] = []
        unasked: frozenset[str] = frozenset()
        for part in parts:
            failures += part.failures
            unasked |= part.unasked
            for table, number in part.rows.items():
                rows[table] = rows.get(table, 0) + number
            for table, some in part.keys.items():
                keys.setdefault(table, []).append(some)
        joined = {table: Keys.joined(some) for table, some in keys.items()}
        return BatchChecks(rows, each_once(failures), joined, unasked)


class Checker:
    """Takes the rows of a batch, table by table, as they are written."""

    def __init__(self, site: SiteConfig | None = None) -> None:
        self._site = site
        self._rows: dict[str, int] = {}
        self._failures: list[Failure] = []
        self._unasked: set[str] = set()
        self._slim: dict[str, list[pa.Table]] = {}  # ids alone, for what speaks of other rows

    def add(self, table: str, rows: pa.Table) -> None:
        """Hold rows against their suite."""
        if table not in GATED or not rows.num_rows:
            return
        self._rows[table] = self._rows.get(table, 0) + rows.num_rows
        there = rows.column_names
        suite = [one for one in suite_at(table, self._site) if one.expect != UNIQUE]
        self._unasked |= {
            f"{table}: {name}" for name, column in _asked(table, self._site) if column not in there
        }
        self._failures += [
            Failure.of(table, check, rows, mask) for check, mask in unlike(rows, suite).items()
        ]
        self._slim.setdefault(table, []).append(
            rows.select([name for name in _ids_of(table) if name in there])
        )

    def done(self, frames: pa.Array | None = None) -> BatchChecks:
        """What was found, of all rows that were taken.

        Args:
            frames: ids of all frames, where the batch does not bring those that it speaks of.
        """
        slim = {table: pa.concat_tables(parts) for table, parts in self._slim.items()}
        failures = list(self._failures)
        for table, rows in slim.items():
            for one in suite_at(table, self._site):
                if one.expect == UNIQUE and one.column in rows.column_names:
                    mask = standing_twice(rows.column(one.column).combine_chunks())
                    failures += [Failure.of(table, one.name, rows, mask)] if mask.any() else []
        failures += _referring(slim, frames)
        keys = {name: Keys.of(slim[name], TABLES[name].key[0]) for name in KEYED if name in slim}
        return BatchChecks(self._rows, each_once(failures), keys, frozenset(self._unasked))


def _referring(slim: Mapping[str, pa.Table], frames: pa.Array | None) -> list[Failure]:
    """Rows that speak of an object or a frame of which the same batch has no row.

    An object's rows are written by one batch, all of them.
    """
    found = []
    for table, column, other, there in REFERENCES:
        if table not in slim or column not in slim[table].column_names:
            continue
        known = slim[other].column(there) if other in slim else pa.array([], pa.string())
        if frames is not None and other == "frames":
            known = frames
        mask = ~pc.is_in(slim[table].column(column), value_set=known).to_numpy()
        if mask.any():
            found.append(Failure.of(table, reference(column, other), slim[table], mask))
    return found


def reference(column: str, other: str) -> str:
    """What a check is called that values of a column stand in another table."""
    return f"{column} is one of {other}"


@cache
def _ids_of(table: str) -> list[str]:
    """Columns by which rows of a table are told apart, and by which they speak of others."""
    named = {column for name, column, _, _ in REFERENCES if name == table}
    named |= {one.column for one in suite_at(table, None) if one.expect == UNIQUE}
    return [
        name for name in columns(TABLES[table].row) if name in {*named, *TABLES[table].key, OBJECT}
    ]


def each_once(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Failures of several parts of a batch, each check once."""
    found: dict[str, Failure] = {}
    for one in failures:
        known = found.get(one.name)
        if known is not None:
            some = tuple(sorted({*known.some, *one.some})[:FEW])
            objects = known.objects | one.objects
            one = Failure(one.table, one.check, known.rows + one.rows, some, objects)
        found[one.name] = one
    return tuple(found[name] for name in sorted(found))


def of_rows(number: int, some: Sequence[str]) -> str:
    """How many rows are at fault, and some of them by their opaque ids; "" for none."""
    named = f", of them {', '.join(some)}" if some else ""
    return f"{number_of(number, 'row')}{named}" if number else ""


def _asked(table: str, site: SiteConfig | None) -> Iterator[tuple[str, str]]:
    """Each check that is made of a table's rows, and the column that it is about."""
    for one in suite_at(table, site):
        yield one.name, one.column
    for name, column, other, _ in REFERENCES:
        if name == table:
            yield reference(column, other), column


def checks_of(checked: BatchChecks, site: SiteConfig | None = None) -> list[Check]:
    """All checks that were made, and of each whether it holds. That values are there is one check
    of all columns, unless one fails."""
    failed = {one.name: one for one in checked.failures}
    names = [
        f"{table}: {MISSING if name.startswith(THERE) else name}"
        for table in GATED
        if checked.rows.get(table)
        for name in (*(name for name, _ in _asked(table, site)), NUMBERS)
    ]
    made = dict.fromkeys(name for name in (*names, *failed) if name not in checked.unasked)
    return [
        (name, False, of_rows(failed[name].rows, failed[name].some))
        if name in failed
        else (name, True, "")
        for name in made
    ]
