"""A shard or an index that is lost, or was cut off, is told in a line, wherever it lay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echoatlas import load
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.storage import fetch
from echoatlas.pipeline.storage.parts import WantedShard
from echoatlas.pipeline.storage.storage import Storage
from tests.release.test_digests import cut, lake_of, rows_of

LOST, DAMAGED = "a shard is not there: .* release rebuild", "a shard is damaged"
Harm = Callable[[Storage, str], None]


def gone(releases: Storage, key: str) -> None:
    releases.delete([key])


def half(releases: Storage, key: str) -> None:
    data = releases.read(key)
    releases.write(key, data[: len(data) // 2])


def empty(releases: Storage, key: str) -> None:
    releases.write(key, b"")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return lake_of(tmp_path_factory.mktemp("lake"), 60)


@pytest.fixture(params=["disk", "s3"])
def releases(request: pytest.FixtureRequest, lake: Lake, tmp_path: Path) -> Storage:
    found: Storage = (
        Storage.open(tmp_path / "releases")
        if request.param == "disk"
        else request.getfixturevalue("bucket")
    )
    cut(lake, found, "one", codec="jpeg")
    return found


@pytest.mark.parametrize(("harm", "told"), [(gone, LOST), (half, DAMAGED), (empty, DAMAGED)])
@pytest.mark.parametrize("part", [True, False])
def test_a_shard(harm: Harm, told: str, part: bool, releases: Storage, tmp_path: Path) -> None:
    """Also where a part of it is asked for that lies behind what is left of it."""
    last = rows_of(releases, "one")[-1]
    where = f"frame_id = '{last['frame_id']}'" if part else ""
    harm(releases, last["shard"])

    with pytest.raises(CheckFailed, match=told):
        pull(releases, "one", tmp_path / "to", "files", where)
    with pytest.raises(CheckFailed, match=told):
        _ = load("one", releases=releases.uri, cache=tmp_path / "cache", where=where)[-1]


def test_a_shard_that_nobody_asked_to_check(releases: Storage, tmp_path: Path) -> None:
    gone(releases, rows_of(releases, "one")[0]["shard"])

    with pytest.raises(CheckFailed, match=LOST):
        _ = load("one", releases=releases.uri, cache=tmp_path / "cache", check=False)[0]


@pytest.mark.parametrize(("harm", "told"), [(gone, "is not there"), (half, "is damaged")])
@pytest.mark.parametrize("where", ["frame_index < 3", ""])
def test_an_index(harm: Harm, told: str, where: str, releases: Storage, tmp_path: Path) -> None:
    harm(releases, f"one/{manifest_of(releases, 'one').index.file}")

    def asked() -> Any:
        data = load("one", releases=releases.uri, cache=tmp_path / "cache", where=where)
        return data[0].meta

    with pytest.raises(CheckFailed, match=f"the index of .*release.* {told}"):
        asked()


def test_a_shard_that_a_forked_worker_has_another_program_fetch(
    lake: Lake, bucket: Storage, tmp_path: Path
) -> None:
    with pytest.raises(CheckFailed, match=LOST):
        fetch._by_another(bucket, WantedShard("shards/00.tar"), tmp_path)
