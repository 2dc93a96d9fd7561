"""Everything that a lake holds against the suites, by Great Expectations: asked for by a person.

A run looks at what it brings. Rows of before are what they were when they passed, unless a suite
has changed since, or files were changed by other hands: this finds both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.gate.checked import FEW, Failure, each_once, of_rows, reference
from echoatlas.pipeline.gate.great_expectations import failing_rows
from echoatlas.pipeline.gate.rows import NUMBERS, no_numbers
from echoatlas.pipeline.gate.suites import GATED, REFERENCES, UNIQUE, suite_at
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.in_step import places
from echoatlas.pipeline.lake.portions import Wanted
from echoatlas.schemas.tables import TABLES, columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echoatlas.pipeline.gate.checked import Check
    from echoatlas.pipeline.lake.reader import LakeReader
    from echoatlas.schemas.config.site import SiteConfig

AT_ONCE = 1 << 15  # rows that are looked at together
# In which table's column values have to stand, beside ``REFERENCES``
OF_LAKE = (
    ("objects", "locator", "sightings", "locator"),
    ("quarantine", "locator", "objects", "locator"),
    ("audit", "object_id", "objects", "object_id"),
    ("clips", "object_id", "frames", "object_id"),
)


def whole_lake(
    lake: LakeReader,
    sites: Mapping[str, SiteConfig],
    tell: Callable[[str, int, int], None] = lambda what, done, of: None,
) -> list[Check]:
    """Check all rows of all tables that runs make, a bounded number at a time.

    Returns:
        (name, whether it holds, which rows are at fault by opaque ids) of each check.
    """
    found: list[Check] = []
    for number, table in enumerate(GATED):
        tell(table, number, len(GATED))
        failures = {one.name: one for one in _failures(lake, table, sites)}
        names = [f"{table}: {one.name}" for one in suite_at(table, None)]
        names += [f"{table}: {NUMBERS}"]
        names += [f"{t}: {reference(c, other)}" for t, c, other, _ in _references(table)]
        for name in dict.fromkeys([*names, *failures]):
            bad = failures.get(name)
            found.append((name, bad is None, of_rows(bad.rows, bad.some) if bad else ""))
    return found


def _references(table: str) -> list[tuple[str, str, str, str]]:
    return [one for one in (*REFERENCES, *OF_LAKE) if one[0] == table]


def _failures(lake: LakeReader, table: str, sites: Mapping[str, SiteConfig]) -> tuple[Failure, ...]:
    found: list[Failure] = []
    for rows in _some(lake, table):
        for site, mine in _by_site(rows):
            suite = [one for one in suite_at(table, sites.get(site)) if one.expect != UNIQUE]
            masks = {
                check: np.isin(np.arange(mine.num_rows), places)
                for check, places in failing_rows(table, mine, suite).items()
            }
            masks[NUMBERS] = no_numbers(mine)
            found += [
                Failure.of(table, check, mine, mask) for check, mask in masks.items() if mask.any()
            ]
    for one in suite_at(table, None):
        if one.expect == UNIQUE:
            ids = _ids(lake, table, one.column)
            twice = ids.firsts() != np.arange(len(ids))
            found += _named(table, one.name, ids, twice)
    for _, column, other, there in _references(table):
        ids = _ids(lake, table, column)
        lost = places(ids, _ids(lake, other, there)) < 0
        found += _named(table, reference(column, other), ids, lost)
    return each_once(found)


def _some(lake: LakeReader, table: str) -> Iterator[pa.Table]:
    """Rows of a table without pictures and hashes, a bounded number at a time."""
    names = [
        name for name, (kind, _, _) in columns(TABLES[table].row).items()
        if kind in (str, int, float, bool)
    ]  # fmt: skip
    held: list[pa.RecordBatch] = []
    for batch in lake.batches(table, names):
        held.append(batch)
        if sum(one.num_rows for one in held) >= AT_ONCE:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _by_site(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    if "site" not in rows.column_names:
        yield "", rows
        return
    for site in sorted(pc.unique(rows.column("site")).to_pylist()):
        yield site, rows.filter(pc.equal(rows.column("site"), site))


def _ids(lake: LakeReader, table: str, column: str) -> Ids:
    wanted = Wanted(table, (column,))
    return Ids.joined([Ids.of(portion.chunks(column)) for portion in lake.portions(wanted)])


def _named(table: str, check: str, ids: Ids, bad: np.ndarray) -> Sequence[Failure]:
    if not bad.any():
        return []
    names = tuple(sorted(set(ids.take(bad).texts()))[:FEW])
    return [Failure(table, check, int(bad.sum()), names, frozenset())]
