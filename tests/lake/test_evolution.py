"""A lake of an earlier version has fewer columns; it is read, and written to, as one of today."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.rows.frames import MeasureRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made

NEW = "view_phash256"


def row(number: int) -> MeasureRow:
    return made(
        MeasureRow, frame_id=f"f{number}", object_id=f"o{number}", blur=float(number),
        view_phash256=b"v" * 8,
    )  # fmt: skip


def earlier(place: Path, *numbers: int) -> Lake:
    """A lake whose measures were made before a column was thought of."""
    rows = to_arrow("measures", [row(number) for number in numbers]).drop_columns([NEW])
    write_deltalake(place / "tables" / "measures", rows)
    return Lake(Storage.open(str(place)))


def test_rows_from_before_a_column_say_nothing_in_it(tmp_path: Path) -> None:
    lake = earlier(tmp_path, 1, 2)

    found = lake.read("measures", ["frame_id", NEW, "blur"], pc.field("blur") > 1)
    streamed = [one for batch in lake.batches("measures", [NEW]) for one in batch.to_pylist()]

    assert found.to_pylist() == [{"frame_id": "f2", NEW: b"", "blur": 2.0}]
    assert streamed == [{NEW: b""}, {NEW: b""}]


def test_a_table_gets_its_new_columns_when_it_is_written_to(tmp_path: Path) -> None:
    lake = earlier(tmp_path, 1, 2)

    lake.append("measures", to_arrow("measures", [row(3)]))
    lake.drop_rows("measures", "frame_id", ["f1"], "t1")

    left = {one["frame_id"]: one[NEW] for one in lake.read("measures").to_pylist()}
    assert left == {"f2": b"", "f3": b"v" * 8}
    names = [field.name for field in DeltaTable(tmp_path / "tables" / "measures").schema().fields]
    assert NEW in names


def test_what_a_column_means_may_be_said_in_other_words(tmp_path: Path) -> None:
    told = to_arrow("measures", [row(1)])
    fields = [field.with_metadata({"comment": "in other words"}) for field in told.schema]
    write_deltalake(tmp_path / "tables" / "measures", told.cast(pa.schema(fields)))
    lake = Lake(Storage.open(str(tmp_path)))

    lake.append("measures", to_arrow("measures", [row(2)]))
    lake.replace("measures", to_arrow("measures", [row(3)]))

    assert lake.read("measures", ["frame_id"]).column(0).to_pylist() == ["f3"]


def test_a_version_that_a_release_pins_is_read_as_it_was(tmp_path: Path) -> None:
    lake = earlier(tmp_path, 1)
    lake.append("measures", to_arrow("measures", [row(3)]))

    pinned = lake.read("measures", ["frame_id", NEW], version=0)

    assert pinned.to_pylist() == [{"frame_id": "f1", NEW: b""}]
