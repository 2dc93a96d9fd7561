"""The cache of a trainer's machine: checked once, filled ahead of the reader, within its limit."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echoatlas import Dataset, load
from echoatlas.loader.prefetch import Prefetch
from echoatlas.loader.shards import Shards
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.storage import fetch
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from tests.helpers.tables import quick_lake
from tests.helpers.waiting import wait_until

SHARDS = 6
CONFIG = ReleaseConfig(name="many", codec="zstd", shard_mb=1, splits={"train": 1.0})


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """As many patients as shards, each with a picture of 1.2 MB."""
    frames: list[dict[str, Any]] = [
        {"image": np.random.default_rng(at).bytes(1_200_000), "patient": f"p{at}"}
        for at in range(SHARDS)
    ]
    return quick_lake(tmp_path_factory.mktemp("lake"), frames)


@pytest.fixture
def local(lake: Lake, tmp_path: Path) -> Storage:
    releases = Storage.open(tmp_path / "releases")
    create(lake, releases, CONFIG)
    return releases


@pytest.fixture
def remote(lake: Lake, bucket: Storage) -> Storage:
    create(lake, bucket, CONFIG)
    return bucket


def opened(data: Dataset) -> int:
    """Read every shard, as a process that has none of them yet; bytes."""
    fresh = Shards(data.shards.releases, data.shards.cache, data.shards.limit, data.shards.checked)
    return sum(len(fresh.whole(key)) for key in data.samples.shards)


def test_a_shard_that_rotted_on_the_disk_is_refused_when_it_is_first_opened(
    local: Storage, tmp_path: Path
) -> None:
    data = load("many", releases=local.uri, cache=tmp_path / "cache")
    key = data.samples.shards[2]
    whole = local.read(key)
    local.write(key, whole[:-1] + bytes([whole[-1] ^ 1]))

    with pytest.raises(CheckFailed, match="a shard is damaged"):
        opened(data)
    assert opened(load("many", releases=local.uri, cache=tmp_path / "cache", check=False))
    local.write(key, whole)
    assert opened(data)


def test_what_was_seen_to_be_whole_is_not_read_again_until_it_changes(
    local: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load("many", releases=local.uri, cache=tmp_path / "cache")
    opened(data)
    path = Path(local.uri) / data.samples.shards[0]
    os.utime(path, (1, 1))
    read: list[str] = []
    real = fetch.hashlib.file_digest

    def counted(file: Any, kind: str) -> Any:
        read.append(file.name)
        return real(file, kind)

    monkeypatch.setattr(fetch.hashlib, "file_digest", counted)
    for _ in range(2):
        opened(data)

    assert [str(path)] == read


@pytest.fixture
def begun(remote: Storage, tmp_path: Path) -> Iterator[Any]:
    """Begins to fetch a release ahead, into a cache of a given limit."""
    found: list[Prefetch] = []

    def begin(limit_gb: float | None = None) -> tuple[Dataset, Prefetch]:
        data = load("many", releases=remote.uri, cache=tmp_path / "cache", cache_gb=limit_gb)
        found.append(data.prefetch())
        return data, found[-1]

    yield begin
    for one in found:
        one.close()


def cached(data: Dataset) -> list[int]:
    """Which shards lie in the cache, by their places in the order."""
    there = {path.name for path in (data.shards.cache / "shards").glob("*.tar")}
    return [at for at, key in enumerate(data.samples.shards) if Path(key).name in there]


def test_shards_come_before_they_are_asked_for(begun: Any) -> None:
    data, _ = begun()

    wait_until(lambda: cached(data) == list(range(SHARDS)), "all shards", 60)
    assert opened(data)


def test_no_more_comes_ahead_than_the_cache_has_room_for(begun: Any) -> None:
    data, ahead = begun(0.0048)  # four shards; what is ahead takes up to .8 of it: three

    wait_until(lambda: cached(data) == [0, 1, 2], "three shards", 60)
    time.sleep(0.5)
    assert cached(data) == [0, 1, 2]
    ahead.passed(2)
    wait_until(lambda: {2, 3, 4} <= {*cached(data)}, "what is next", 60)
    held = sum(path.stat().st_size for path in (data.shards.cache / "shards").glob("*.tar"))
    assert held <= 4.8e6 + 1.3e6  # one may have come and not made room yet


def test_a_loader_fetches_ahead_and_a_damaged_shard_is_told_by_who_needs_it(
    remote: Storage, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    data = load("many", releases=remote.uri, cache=tmp_path / "cache")
    last = data.samples.shards[-1]
    remote.write(last, remote.read(last)[:-1] + b"x")

    def bytes_of(positions: list[int]) -> list[int]:
        return [len(data.shards.whole(data.samples.shards[at])) for at in positions]

    Dataset.__getitems__, real = lambda self, at: bytes_of(at), Dataset.__getitems__  # type: ignore[method-assign]
    try:
        batches = iter(data.loader(1, shuffle=False))
        next(batches)
        wait_until(lambda: cached(data) == list(range(SHARDS - 1)), "whole ones", 60)
        for _ in range(SHARDS - 2):
            next(batches)
        with pytest.raises(CheckFailed, match="a shard is damaged"):
            next(batches)
    finally:
        Dataset.__getitems__ = real  # type: ignore[method-assign]
