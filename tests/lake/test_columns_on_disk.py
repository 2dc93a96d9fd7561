"""Columns that lie on disk: as they were, in any order, read no further than asked."""

from __future__ import annotations

import errno
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake import columns_on_disk
from echoatlas.pipeline.lake.columns_on_disk import ColumnsOnDisk

SCHEMA = pa.schema([("name", pa.string()), ("code", pa.binary()), ("number", pa.int64())])
PIECE = 4  # rows, so that few make several


def rows(numbers: range) -> pa.Table:
    columns = [f"row {one}" for one in numbers], [bytes(one % 3) for one in numbers], [*numbers]
    return pa.table([*columns], schema=SCHEMA)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_on_disk, "AT_ONCE", PIECE)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=5), st.data())
def test_rows_are_what_they_were_however_they_came(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    ends = [sum(sizes[:at]) for at in range(len(sizes) + 1)]
    parts = [rows(range(*span)) for span in pairwise(ends)]
    every = rows(range(sum(sizes)))
    least = min(1, every.num_rows)
    asked = data.draw(st.lists(st.integers(0, max(every.num_rows - 1, 0)), max_size=9 * least))

    found = ColumnsOnDisk.written(parts, SCHEMA, tmp_path_factory.mktemp("columns"))

    assert found.num_rows == every.num_rows and found.column_names == SCHEMA.names
    for name in SCHEMA.names:
        assert found.column(name) == every.column(name)
    wanted = pa.array(asked, pa.int64())
    assert found.take(wanted) == every.take(wanted)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    def parts():
        yield rows(range(9))
        raise OSError(errno.ENOSPC, "there is no room")

    with pytest.raises(UsageError, match="no space left in"):
        ColumnsOnDisk.written(parts(), SCHEMA, tmp_path)
