"""Tables are asked by SQL where their files lie, on a local disk and on S3, old rows among new."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from deltalake import write_deltalake

from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.lake.views import views
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.schemas.rows.frames import MeasureRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made

NEW = "view_phash256"


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return Storage.open(tmp_path / "a lake's *")
    return request.getfixturevalue("bucket")


def row(number: int) -> MeasureRow:
    return made(
        MeasureRow, frame_id=f"f{number}", object_id=f"o{number}", thumbnail=bytes([number]),
        view_phash256=b"v", blur=float(number),
    )  # fmt: skip


def earlier(storage: Storage, *numbers: int) -> Lake:
    """A lake whose measures were made before a column was thought of."""
    rows = to_arrow("measures", [row(number) for number in numbers]).drop_columns([NEW])
    folder = storage.sub("tables/measures")
    write_deltalake(folder.uri, rows, storage_options=folder.options() or None)
    return Lake(storage)


def asked(lake: Lake, version: int | None = None) -> list[tuple[object, ...]]:
    versions = {} if version is None else {"measures": version}
    with views(lake, [("m", "measures", ["frame_id", NEW, "motion"])], versions) as database:
        return database.sql("SELECT * FROM m ORDER BY frame_id").fetchall()


def test_a_view_has_all_rows_of_a_version_and_says_nothing_in_columns_that_came_later(
    storage: Storage,
) -> None:
    lake = earlier(storage, 1)
    before = asked(lake)
    lake.append("measures", to_arrow("measures", [row(2)]))

    assert before == [("f1", b"", None)]
    assert asked(lake) == [("f1", b"", None), ("f2", b"v", None)]
    assert asked(lake, 0) == before


def test_a_view_of_a_table_that_is_not_there_has_no_rows(storage: Storage) -> None:
    assert asked(Lake(storage)) == []


def test_what_does_not_fit_into_memory_lies_in_a_lake_on_this_machine(storage: Storage) -> None:
    place = Lake(storage).allowance.place

    local = isinstance(storage, LocalStorage)
    assert place == (Path(storage.uri) / "_scratch" if local else Path(tempfile.gettempdir()))


def test_what_a_killed_process_left_is_gone_once_a_run_holds_the_lake(tmp_path: Path) -> None:
    died = subprocess.Popen([sys.executable, "-c", ""])
    died.wait()
    left = tmp_path / "_scratch" / f"sql-{socket.gethostname()}-{died.pid}-01234567"
    mine = tmp_path / "_scratch" / f"sql-{socket.gethostname()}-{os.getpid()}-01234567"
    for one in (left, mine):
        one.mkdir(parents=True)
        (one / "rows").write_bytes(b"pseudonyms")

    with Lake(Storage.open(tmp_path)).held("r1"):
        assert list((tmp_path / "_scratch").iterdir()) == [mine]
