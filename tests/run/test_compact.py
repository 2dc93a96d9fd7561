"""Many small files become few large ones; what a release pinned stays, and stays readable."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from echoatlas.loader import load
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.lake.lock import run_lock
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.release.rebuild import remade
from echoatlas.pipeline.release.verify import verify
from echoatlas.pipeline.run.commit import recover
from echoatlas.pipeline.run.compact import compact_lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.tables import TABLES
from tests.helpers.tables import quick_lake

FRAMES = [{"site": ("st-elsewhere", "breast-clinic")[number % 2]} for number in range(6)]


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake to which each row came alone."""
    folder = tmp_path_factory.mktemp("scattered")
    whole = quick_lake(folder / "whole", FRAMES)
    found = Lake(Storage.open(folder / "lake"))
    for name in TABLES:
        rows = whole.read(name)
        if not rows.num_rows and whole.version(name) >= 0:
            found.append(name, rows)
        for place in range(rows.num_rows):
            found.append(name, rows.slice(place, 1))
    return folder / "lake"


@pytest.fixture
def lake(scattered: Path, tmp_path: Path) -> Lake:
    """A copy of it."""
    return Lake(Storage.open(shutil.copytree(scattered, tmp_path / "lake")))


@pytest.fixture
def releases(lake: Lake) -> Storage:
    return lake.storage.sub("releases")


def rows_of(lake: Lake, version: dict[str, int] | None = None) -> dict[str, list[str]]:
    """Every row, in an order of its own."""
    tables = version or dict.fromkeys(TABLES)
    return {
        name: sorted(map(repr, lake.read(name, version=tables[name]).to_pylist()))
        for name in tables
    }


def add_one(lake: Lake, tmp_path: Path) -> None:
    more = quick_lake(tmp_path / "more", [*FRAMES, {}])
    for name in ("frames", "measures", "objects"):
        lake.append(name, more.read(name).slice(len(FRAMES)))


def files_in(lake: Lake, name: str) -> set[str]:
    return {
        one.key for one in lake.storage.sub(f"tables/{name}").list() if "_delta_log" not in one.key
    }


def test_small_files_become_one_and_every_row_stays(lake: Lake, releases: Storage) -> None:
    before = rows_of(lake)

    found, deleted = compact_lake(lake, releases)

    assert (found["frames"].before, found["frames"].after) == (6, 1)
    assert len(lake.files("frames")) == 1 and deleted == 0
    assert before == rows_of(lake)
    sites = lake.read("frames", ["site"]).column("site").to_pylist()
    assert sorted(sites) == sites, "a site's rows lie together"


def test_a_second_time_nothing_is_left_to_do(lake: Lake, releases: Storage) -> None:
    compact_lake(lake, releases)
    versions = {name: lake.version(name) for name in TABLES}

    compact_lake(lake, releases)

    assert versions == {name: lake.version(name) for name in TABLES}


def test_large_files_stay_and_small_ones_fill_several(lake: Lake, releases: Storage) -> None:
    sizes = dict(lake.sizes("frames"))

    compact_lake(lake, releases, large=max(sizes.values()), target=2 * min(sizes.values()))

    left = dict(lake.sizes("frames"))
    assert {one for one, size in sizes.items() if size == max(sizes.values())} <= set(left)
    assert 1 < len(left) < len(sizes)


def test_a_pinned_release_verifies_loads_and_is_made_again_after_a_sweep(
    lake: Lake, releases: Storage, tmp_path: Path
) -> None:
    create(lake, releases, ReleaseConfig(name="one"))
    pinned = dict(manifest_of(releases, "one").tables)
    before, samples = rows_of(lake, pinned), ids(lake)
    add_one(lake, tmp_path)
    unpinned = set(lake.files("frames")) - set(lake.files("frames", pinned["frames"]))
    now = rows_of(lake)

    _, deleted = compact_lake(lake, releases, sweep_days=0)

    assert deleted > 0 and not unpinned & files_in(lake, "frames")
    assert now == rows_of(lake)
    assert before == rows_of(lake, pinned)
    assert all(check.ok for check in verify(releases, "one"))
    assert samples == ids(lake)
    shard = manifest_of(releases, "one").shards[0].file
    (key,) = [one.key for one in releases.list() if one.key.endswith(shard)]
    data = releases.read(key)
    releases.delete([key])
    assert remade(lake, releases, "one", None) == 1
    assert data == releases.read(key)


def ids(lake: Lake, **more: Any) -> list[str]:
    return sorted(sample.frame_id for sample in load("one", lake=lake.storage.uri, **more))


def test_nothing_is_deleted_where_a_manifest_is_damaged(lake: Lake, releases: Storage) -> None:
    create(lake, releases, ReleaseConfig(name="one"))
    before = files_in(lake, "frames")
    releases.write("one/manifest.json", b"{")

    with pytest.raises(CheckFailed):
        compact_lake(lake, releases, sweep_days=0)

    assert before <= files_in(lake, "frames")


def test_a_lake_that_a_run_holds_is_left_alone(lake: Lake, releases: Storage) -> None:
    with run_lock(lake.storage, "r-1"), pytest.raises(UsageError, match="another run holds"):
        compact_lake(lake, releases)


def test_what_a_kill_leaves_behind_is_swept_away(lake: Lake, releases: Storage) -> None:
    lake.storage.write("tables/frames/part-compact-1-compact-000000.parquet", b"half of it")
    before = rows_of(lake)

    recover(lake, "compact-1")

    assert set(lake.files("frames")) == files_in(lake, "frames")
    assert before == rows_of(lake)


def test_a_pinned_version_stays_readable_however_old_its_log_is(lake: Lake, tmp_path: Path) -> None:
    before = rows_of(lake, {"frames": lake.version("frames")})
    pinned = lake.version("frames")
    log = Path(lake.storage.uri) / "tables/frames/_delta_log"

    for _ in range(45):  # a checkpoint every 20 commits, after which Delta cleans up
        lake.append("frames", lake.read("frames").slice(0, 0))
        for file in log.iterdir():
            os.utime(file, (0, 0))

    assert before == rows_of(lake, {"frames": pinned})


def test_nothing_is_deleted_where_a_pinned_version_is_gone(lake: Lake, releases: Storage) -> None:
    create(lake, releases, ReleaseConfig(name="one"))
    before = files_in(lake, "measures")
    for _ in range(20):  # until a checkpoint holds what newer versions need
        lake.append("measures", lake.read("measures").slice(0, 0))
    log = Path(lake.storage.uri) / "tables/measures/_delta_log"
    for version in range(10):
        (log / f"{version:020d}.json").unlink()

    with pytest.raises(CheckFailed, match="version 6 of 'measures'"):
        compact_lake(lake, releases, sweep_days=0)

    assert before <= files_in(lake, "measures")
