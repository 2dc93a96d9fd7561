"""What a training found out about samples comes back: as versions, in weights and stages."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import echoatlas
from echoatlas import Stage, load
from echoatlas.loader.shards import Shards
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.notices import publish, redaction_notice
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.schemas.config.release import ReleaseConfig
from tests.helpers.tables import quick_lake


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return quick_lake(tmp_path_factory.mktemp("lake"), [{} for _ in range(20)])


@pytest.fixture(scope="module")
def one(cut: Lake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of it."""
    folder = tmp_path_factory.mktemp("one")
    create(cut, LocalStorage(folder), ReleaseConfig(name="one", codec="zstd"))
    return folder


@pytest.fixture
def releases(one: Path, tmp_path: Path) -> Storage:
    """A copy of it."""
    return LocalStorage(shutil.copytree(one, tmp_path / "releases"))


def told(releases: Storage, version: int | str, column: str, cache: Path) -> dict[str, Any]:
    data = load("one", releases=releases.uri, feedback=version, cache=cache)
    return {one.frame_id: one.meta[f"feedback_{column}"] for one in data}


def test_a_version_says_what_it_says_and_else_what_earlier_ones_said(
    releases: Storage, tmp_path: Path
) -> None:
    first = {"frame_id": ["f0000", "f0001", "f0000"], "loss": [1.0, 2.0, 3.0]}
    second = pa.table({"frame_id": ["f0001", "f0002"], "loss": [9, None], "seen": [4, 5]})

    assert echoatlas.feedback("one", first, releases=releases.uri) == 1
    assert echoatlas.feedback("one", second, releases=releases.uri, note="epoch 2") == 2

    none = dict.fromkeys([f"f{at:04d}" for at in range(20)])
    assert none | {"f0000": 2.0, "f0001": 2.0} == told(releases, 1, "loss", tmp_path)
    assert none | {"f0000": 2.0, "f0001": 9.0} == told(releases, 2, "loss", tmp_path)
    assert none | {"f0001": 4.0, "f0002": 5.0} == told(releases, "latest", "seen", tmp_path)


def test_weights_stages_and_batches_use_it(releases: Storage, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    losses = {"frame_id": [f"f{at:04d}" for at in range(10)], "loss": np.arange(10.0)}
    maps = [np.full(256, at, np.float32) for at in range(10)]
    echoatlas.feedback("one", {**losses, "patches": maps}, releases=releases.uri)
    data = load("one", releases=releases.uri, feedback="latest", cache=tmp_path)
    where = load("one", releases=releases.uri, feedback=1, cache=tmp_path, where="feedback_loss>=8")

    loader = data.loader(
        5,
        also=["feedback_loss", "feedback_patches"],
        stages=[Stage(1, where="feedback_loss < 5"), Stage(weight="feedback_loss", samples=90)],
    )
    easy = list(loader)
    hard = [loss for batch in loader for loss in batch["feedback_loss"].tolist()]

    assert sorted(one.frame_id for one in where) == ["f0008", "f0009"]
    assert sorted(easy[0]["feedback_loss"].tolist()) == [0, 1, 2, 3, 4]
    assert tuple(easy[0]["feedback_patches"].shape) == (5, 256)
    assert {(float(at), 2 * at) for at in range(1, 10)} == {(one, hard.count(one)) for one in hard}


def test_of_many_who_write_at_once_each_has_a_version(releases: Storage) -> None:
    def write(at: int) -> int:
        table = {"frame_id": [f"f{at:04d}"], "loss": [float(at)]}
        return echoatlas.feedback("one", table, releases=releases.uri)

    with ThreadPoolExecutor(4) as pool:
        assert list(range(1, 9)) == sorted(pool.map(write, range(8)))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"frame_id": ["f0000", "nobody"], "loss": [1.0, 2.0]}, "1 sample that release 'one'"),
        ({"loss": [1.0]}, "has a column frame_id"),
        ({"frame_id": ["f0000"]}, "one of numbers at least"),
        ({"frame_id": ["f0000"], "loss": ["much"]}, "holds no numbers"),
        ({"frame_id": ["f0000", "f0001"], "patches": [[1.0], [1.0, 2.0]]}, "differ in length"),
        ({"frame_id": ["f0000"], "a b": [1.0]}, "letters, digits"),
        ({"frame_id": ["f0000", "f0001"], "loss": [1.0]}, "is no table"),
        ({"frame_id": ["x"], "l" * 65: [1.0]}, "at most 64"),
        ({"frame_id": ["x"], "Loss": [1.0], "loss": [2.0]}, "differ by case alone"),
        ({"frame_id": ["x"], "loss": [2**70]}, "feedback is no table"),
    ],
)
def test_what_is_no_feedback_is_refused(
    releases: Storage, table: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        echoatlas.feedback("one", table, releases=releases.uri)
    with pytest.raises(UsageError, match="it has none yet"):
        load("one", releases=releases.uri, feedback="latest")


def test_damaged_feedback_is_refused(releases: Storage, tmp_path: Path) -> None:
    releases.write("one/feedback-0001.parquet", b"nothing of the kind")

    with pytest.raises(CheckFailed, match="feedback 1 of release 'one' is damaged"):
        load("one", releases=releases.uri, feedback=1, cache=tmp_path)


def test_the_cache_keeps_to_its_limit_and_what_goes_comes_again(
    cut: Lake, bucket: Storage, tmp_path: Path
) -> None:
    frames: list[dict[str, Any]] = [
        {"image": np.random.default_rng(at).bytes(400_000), "patient": f"p{at}"} for at in range(6)
    ]
    big = quick_lake(tmp_path / "big", frames)
    create(big, bucket, ReleaseConfig(name="many", codec="zstd", shard_mb=1))
    data = load("many", releases=bucket.uri, cache=tmp_path / "cache", cache_gb=0.0015)
    keys = data.samples.shards
    assert len(keys) > 1

    lengths = {key: len(data.shards.whole(key)) for key in keys}
    kept = list((tmp_path / "cache" / "shards").glob("*.tar"))
    again = Shards(data.shards.releases, data.shards.cache, data.shards.limit)

    assert sum(file.stat().st_size for file in kept) <= 1.5e6 < sum(lengths.values())
    assert tmp_path / "cache" / "shards" / Path(keys[-1]).name in kept
    assert len(kept) < len(keys)
    assert lengths == {key: len(again.whole(key)) for key in keys}


def test_nothing_of_a_redacted_release_stays_in_the_cache(
    releases: Storage, cut: Lake, tmp_path: Path
) -> None:
    create(cut, releases, ReleaseConfig(name="two", codec="zstd", where="frame_id <> 'f0000'"))
    echoatlas.feedback("one", {"frame_id": ["f0000"], "loss": [1.0]}, releases=releases.uri)
    cache = tmp_path / "cache"
    before = load("one", releases=releases.uri, cache=cache, feedback=1)
    assert any(one.frame_id == "f0000" for one in before)
    gone = [f"{before.manifest.index.sha256}.parquet", *before.samples.shards]
    for shard in before.samples.shards:  # fetched by somebody who was killed
        (cache / "shards").mkdir(exist_ok=True)
        (cache / "shards" / f".partial-{Path(shard).stem}-x1").write_bytes(b"f0000")

    publish(releases, "one", redaction_notice("a patient left", "two", gone))
    with pytest.warns(UserWarning, match="use two"):
        after = load("one", releases=releases.uri, cache=cache)

    assert len({one.frame_id for one in after}) == 19
    left = [file for file in cache.rglob("*") if file.is_file()]
    assert left and not any(b"f0000" in file.read_bytes() for file in left)
