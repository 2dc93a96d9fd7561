"""Who trains on little of a release on S3 brings that little into the cache, not whole shards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echoatlas import load
from echoatlas.loader.shards import forget_cached
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.storage.fetch import make_room
from echoatlas.pipeline.storage.storage import Storage
from tests.helpers.tables import picture
from tests.release.test_digests import (
    CLIP,
    KINDS,
    SIDE,
    as_before,
    cut,
    flipped,
    lake_of,
    rows_of,
)

FEW = "frame_index % 30 = 0"  # 480 kB lie between two


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return lake_of(tmp_path_factory.mktemp("lake"))


@pytest.fixture
def remote(lake: Lake, bucket: Storage) -> Storage:
    cut(lake, bucket, "zstd", codec="zstd")
    return bucket


def brought(cache: Path) -> list[Path]:
    return sorted((cache / "shards").glob("*.tar"))


def on_disk(cache: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in brought(cache))


def is_part(path: Path) -> bool:
    return "-" in path.stem


def assert_same(data: Any, known: Any) -> None:
    """Images, masks and patch maps of samples are those of others."""
    assert len(data) == len(known) > 0
    for one, other in zip(data, known, strict=True):
        assert one.frame_id == other.frame_id
        assert np.array_equal(one.image, other.image)
        assert [m.kind for m in one.annotations] == [m.kind for m in other.annotations]
        for mine, theirs in zip(one.annotations, other.annotations, strict=True):
            assert np.array_equal(mine.mask, theirs.mask)
        for mine, theirs in ((one.patch_map, other.patch_map), (one.overlay, other.overlay)):
            assert (mine is None) == (theirs is None)
            assert mine is None or np.array_equal(mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_of_what_is_asked_for_no_more_comes_than_it_takes(
    kind: str, lake: Lake, bucket: Storage, tmp_path: Path
) -> None:
    local = Storage.open(tmp_path / "releases")
    for place in (bucket, local):
        cut(lake, place, kind, **KINDS[kind])
    known = load(kind, releases=local.uri, cache=tmp_path / "local", where=FEW)

    data = load(kind, releases=bucket.uri, cache=tmp_path / "cache", where=FEW)

    assert_same(data, known)
    assert all(map(is_part, brought(tmp_path / "cache")))
    sizes = sum(shard.bytes for shard in manifest_of(bucket, kind).shards)
    assert 0 < on_disk(tmp_path / "cache") < sizes / 4
    bucket.delete([entry.key for entry in bucket.list("shards/")])  # and it is needed no more
    assert_same(load(kind, releases=bucket.uri, cache=tmp_path / "cache", where=FEW), known)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_and_who_fetches_ahead_bring_the_same_parts(
    remote: Storage, tmp_path: Path, method: str
) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    data = load("zstd", releases=remote.uri, cache=tmp_path / "cache", where=FEW)

    for epoch in range(2):
        found: dict[str, Any] = {}
        for batch in data.loader(3, workers=2, context=method, drop_last=False, seed=epoch):
            found |= dict(zip(batch["frame_id"], batch["image"], strict=True))
        assert {f"f{n:04d}" for n in range(0, 300, 30)} == set(found)
        for name, image in found.items():
            assert torch.equal(image[0], torch.from_numpy(picture(int(name[1:]), SIDE)))
    assert all(map(is_part, brought(tmp_path / "cache")))
    assert len(brought(tmp_path / "cache")) == len(manifest_of(remote, "zstd").shards)


def test_windows_of_clips_are_cut_of_parts_too(remote: Storage, tmp_path: Path) -> None:
    where = f"frame_index // {CLIP} % 20 = 0"

    data = load("zstd", releases=remote.uri, cache=tmp_path / "cache", where=where)
    windows = data.clips(frames=CLIP, fps=25.0)

    assert len(windows) == 5
    for window in windows:
        number = int(window.frame_id[1:])
        shown = [picture(number + at, SIDE) for at in range(CLIP)]
        assert np.array_equal(window.image, np.stack(shown))
    assert all(map(is_part, brought(tmp_path / "cache")))


def test_a_part_that_is_not_what_was_published_is_refused(remote: Storage, tmp_path: Path) -> None:
    row = rows_of(remote, "zstd", FEW)[2]
    whole = remote.read(row["shard"])
    remote.write(row["shard"], flipped(whole, row["offset"] + 100))
    where = f"frame_id = '{row['frame_id']}'"

    with pytest.raises(CheckFailed, match="a shard is damaged: run `echoatlas verify`"):
        _ = load("zstd", releases=remote.uri, cache=tmp_path / "cache", where=where)[0]
    assert brought(tmp_path / "cache") == []
    remote.write(row["shard"], flipped(whole, row["offset"] + row["length"] + 4000))
    assert load("zstd", releases=remote.uri, cache=tmp_path / "cache", where=where)[0].image.any()


def test_where_much_is_wanted_or_nobody_vouches_for_parts_whole_shards_come(
    lake: Lake, remote: Storage, tmp_path: Path
) -> None:
    shards = len(manifest_of(remote, "zstd").shards)
    data = load("zstd", releases=remote.uri, cache=tmp_path / "much", where="frame_index % 2 = 0")
    assert len(list(data)) == 150
    assert [is_part(path) for path in brought(tmp_path / "much")] == [False] * shards
    # What lies there whole is used by who needs little of it
    assert len(list(load("zstd", releases=remote.uri, cache=tmp_path / "much", where=FEW))) == 10
    assert len(brought(tmp_path / "much")) == shards

    as_before(remote, "zstd")
    data = load("zstd", releases=remote.uri, cache=tmp_path / "before", where=FEW)
    assert len(list(data)) == 10
    assert [is_part(path) for path in brought(tmp_path / "before")] == [False] * shards


def test_a_small_release_of_a_large_ones_shards_brings_what_it_lists(
    lake: Lake, remote: Storage, tmp_path: Path
) -> None:
    cut(lake, remote, "small", codec="zstd", where=FEW)
    assert {one.file for one in manifest_of(remote, "small").shards} == {
        one.file for one in manifest_of(remote, "zstd").shards
    }

    data = load("small", releases=remote.uri, cache=tmp_path / "cache")

    assert len(list(data)) == 10
    assert all(map(is_part, brought(tmp_path / "cache")))


@pytest.fixture
def parts(remote: Storage, tmp_path: Path) -> Iterator[Path]:
    """A cache with parts of each shard."""
    assert len(list(load("zstd", releases=remote.uri, cache=tmp_path / "cache", where=FEW))) == 10
    yield tmp_path / "cache"


def test_parts_take_of_the_caches_limit_what_they_take_of_the_disk(parts: Path) -> None:
    there = brought(parts)
    make_room(parts / "shards", on_disk(parts), there[0])
    assert brought(parts) == there
    make_room(parts / "shards", on_disk(parts) - 1, there[0])
    assert len(brought(parts)) == len(there) - 1


def test_parts_of_what_was_withdrawn_are_deleted_with_it(parts: Path, remote: Storage) -> None:
    first, *others = manifest_of(remote, "zstd").shards

    forget_cached(parts, [first.file])

    assert len(brought(parts)) == len(others)
    assert not any(path.name.startswith(first.sha256) for path in brought(parts))
