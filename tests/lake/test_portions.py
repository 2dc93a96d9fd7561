"""Tables in portions hold what the tables hold, however their files were made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from echoatlas.pipeline.lake import portions
from echoatlas.pipeline.lake.portions import Portion, Wanted
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.schemas.tables import schema, to_arrow

COLUMNS = ("locator", "container", "site", "ordinal")


def sightings(site: str, numbers: range) -> pa.Table:
    """Rows of scans in archives of three."""
    return to_arrow(
        "sightings",
        [
            SightingRow(f"{site}-{n:03}", f"o{n}", "c", site, "u", f"a{n // 3}", n % 3, n, 7)
            for n in numbers
        ],
    )


@pytest.fixture(params=[1, 10, 1000], ids=["each alone", "large ones alone", "together"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Files of both sites and of one, small ones and large ones of several groups of rows."""
    monkeypatch.setattr(portions, "LARGE", request.param)
    monkeypatch.setattr(portions, "AT_ONCE", 4)
    made = Lake(Storage.open(tmp_path / "lake"))
    made.append("sightings", sightings("qilu", range(3)))
    made.append("sightings", sightings("xiangya", range(2)))
    both = [sightings("qilu", range(3, 40)), sightings("xiangya", range(2, 30))]
    made.append("sightings", pa.concat_tables(both))
    return made


def column(part: Portion, name: str) -> list[Any]:
    return [value for chunk in part.chunks(name) for value in chunk.to_pylist()]


def rows(found: Iterable[Portion], columns: tuple[str, ...] = COLUMNS) -> list[tuple[Any, ...]]:
    some = (zip(*(column(part, name) for name in columns), strict=True) for part in found)
    return sorted(row for part in some for row in part)


@pytest.mark.parametrize("sites", [(), ("xiangya",), ("xiangya", "qilu"), ("nowhere",)])
def test_portions_hold_what_the_table_does(lake: Lake, sites: tuple[str, ...]) -> None:
    where = pc.field("site").isin(list(sites)) if sites else None
    table = lake.read("sightings", COLUMNS, where)
    expected = sorted(tuple(row.values()) for row in table.to_pylist())

    found = rows(lake.portions(Wanted("sightings", COLUMNS, ("site", "container"), sites)))

    assert expected == found


def test_of_a_portion_some_rows_are_taken_whatever_its_chunks_are(lake: Lake) -> None:
    parts = list(lake.portions(Wanted("sightings", COLUMNS)))

    even = [part.filter(np.array(column(part, "ordinal")) % 2 == 0) for part in parts]

    assert [row for row in rows(parts) if row[-1] % 2 == 0] == rows(even)


def test_a_file_from_before_a_column_came_says_nothing_in_it(lake: Lake) -> None:
    (path, *_) = lake.files("sightings")
    file = lake.storage.sub("tables/sightings").path(path)  # type: ignore[attr-defined]
    older = pq.read_table(file)
    pq.write_table(older.drop_columns(["upload", "bytes"]), file)
    names = ("locator", "upload", "bytes")

    found = rows(lake.portions(Wanted("sightings", names, ("upload",))), names)

    mine = {row[0] for row in found if row[1:] == ("", 0)}
    assert set(older.column("locator").to_pylist()) == mine
    assert len(found) == lake.count("sightings")


def test_a_table_that_is_not_there_has_no_portions(lake: Lake) -> None:
    assert list(lake.portions(Wanted("readings", schema("readings").names))) == []
