"""Wide rows are put in order by files of a row group each, however they come."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release import finished
from echoatlas.pipeline.release.candidates import ROW
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.dealt_rows import in_order
from echoatlas.schemas.config.release import ReleaseConfig
from tests.helpers.tables import quick_lake


@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 9), st.randoms(use_true_random=False))
def test_rows_come_by_their_places_in_tables_of_one_size(
    number: int, size: int, at_once: int, chance: object
) -> None:
    """... and what has no place, because it was left out, takes none."""
    rng = np.random.default_rng(chance.randrange(2**32))  # type: ignore[attr-defined]
    known = rng.permutation(2 * number)[:number]  # numbers of rows that are in
    places = np.full(2 * number, -1, np.int64)
    places[known] = rng.permutation(number)
    rows = pa.table({ROW: rng.permutation(known), "text": [""] * number})
    rows = rows.set_column(1, "text", pa.array([f"of {one}" for one in rows[ROW].to_pylist()]))

    with tempfile.TemporaryDirectory() as folder:
        reader = pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(at_once))
        found = list(in_order(reader, places, size, Path(folder)))
        assert not list(Path(folder).iterdir())

    assert [start for start, _ in found] == list(range(0, max(number, 1), size))
    assert all(len(part) == size for _, part in found[:-1])
    told = [one for _, part in found for one in part["text"].to_pylist()]
    assert told == [f"of {row}" for row in np.argsort(places)[number:].tolist()]
    assert all(part.column_names == ["text"] for _, part in found)


def test_how_rows_come_does_not_show(tmp_path: Path) -> None:
    """A file of them is the same bytes, whatever the database gave together."""
    places = np.random.default_rng(0).permutation(100)
    rows = pa.table({ROW: np.arange(100), "text": [f"of {at}" for at in range(100)]})
    streams = [
        pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(at_once))
        for at_once in (7, 100)
    ]

    one, other = (list(in_order(stream, places, 30, tmp_path)) for stream in streams)

    for (_, some), (_, same) in zip(one, other, strict=True):
        assert [len(column.chunks) for column in some.columns] == [1]
        assert some.equals(same)


@pytest.mark.parametrize("file", ["index.parquet", "rows-0.arrow"])
def test_where_there_is_no_room_for_them_it_is_said_in_a_line(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """... and the same release is cut once there is."""
    lake = quick_lake(tmp_path / "lake", [{} for _ in range(6)])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / file).symlink_to("/dev/full")

    @contextmanager
    def full(_: object) -> Iterator[Path]:
        yield tmp_path / "full"

    with monkeypatch.context() as patch:
        patch.setattr(finished, "folder_of_files", full)
        patch.setattr(finished, "ROWS", 4)
        with pytest.raises(UsageError, match=f"no space left in {tmp_path}"):
            create(lake, lake.storage.sub("releases"), ReleaseConfig(name="one"))

    assert create(lake, lake.storage.sub("releases"), ReleaseConfig(name="one")).samples == 6
