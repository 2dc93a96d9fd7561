"""An object store that fails one request in twenty costs time, and nothing of the tables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.rows.log import ReleaseRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers import s3server
from tests.helpers.failing_s3 import WAYS, FailingS3
from tests.helpers.rehearsal import Rehearsal, fill
from tests.helpers.stored import in_store, move_lake


@contextmanager
def failing(s3: str, share: float, *ways: str) -> Iterator[FailingS3]:
    """Have the store that the environment names fail."""
    with (
        FailingS3(s3, share, seed=1, ways=ways or WAYS) as proxy,
        pytest.MonkeyPatch.context() as p,
    ):
        p.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


def a_bucket(s3: str) -> str:
    name = f"b{uuid.uuid4().hex[:12]}"
    s3server.client(s3).create_bucket(Bucket=name)
    return f"s3://{name}/lake"


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_fail_is_survived_by_each_thing_that_is_asked(s3: str, way: str) -> None:
    with failing(s3, 0.2, way) as proxy:
        storage = Storage.open(a_bucket(s3))
        for number in range(8):
            storage.write(f"made/{number}", b"once", create=True)
            storage.write(f"written/{number}", bytes([number]) * 5000)
            storage.write("written/again", bytes([number]))
        read = [storage.read(f"written/{number}", 10, 20) for number in range(8)]
        listed = [len(list(storage.list("written/"))) for _ in range(8)]
        storage.delete(f"written/{number}" for number in range(8))
        left = [storage.exists(f"written/{number}") for number in (*range(8), "again")]

    assert proxy.failed[way] > 5
    assert read == [bytes([number]) * 20 for number in range(8)]
    assert listed == [9] * 8
    assert left == [False] * 8 + [True]


def test_what_another_has_made_is_not_taken_for_ours(s3: str) -> None:
    place = a_bucket(s3)
    Storage.open(place).write("lock", b"theirs", create=True)

    with failing(s3, 0.5, "unanswered") as proxy:
        storage = Storage.open(place)
        for _ in range(6):
            with pytest.raises(FileExistsError):
                storage.write("lock", b"ours", create=True)

    assert proxy.failed["unanswered"]


def test_a_commit_whose_answer_is_lost_is_not_made_twice(s3: str) -> None:
    rows = [
        to_arrow("releases", [ReleaseRow(f"r{number}", "m", "2026-11-01", number, "")])
        for number in range(12)
    ]
    with failing(s3, 0.25) as proxy:
        lake = Lake(Storage.open(a_bucket(s3)))
        for one in rows:
            lake.append("releases", one)
        lake.drop_rows("releases", "name", ["r3"], "drop")
        lake.exchange("releases", "name", ["r4"], rows[4], "swap")
        found = sorted(lake.read("releases", ["name"])["name"].to_pylist())

    assert set(proxy.failed) == set(WAYS)
    assert found == sorted(f"r{n}" for n in range(12) if n != 3)


@pytest.mark.heavy
def test_a_run_over_a_store_that_fails_gives_the_same_tables(s3: str, tmp_path: Path) -> None:
    steady = Rehearsal(tmp_path)
    steady.engine(address="processes", workers=2, batch=2, group=1)
    fill(steady.site("st"), stills=4)
    in_store(steady, s3, "st")
    harassed = steady.elsewhere("harassed")
    move_lake(harassed, f"{steady.lake_path}-harassed")
    steady.alone("run")

    with failing(s3, 0.05) as proxy:
        told = harassed.alone("run")

    assert told["conservation"]
    assert set(proxy.failed) == set(WAYS)
    assert steady.rows() == harassed.rows()
