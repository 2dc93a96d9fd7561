"""A release as Hugging Face's own library reads it: right splits, whole columns, pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.rows.frames import AnnotationRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made, picture, quick_lake

datasets = pytest.importorskip("datasets", reason="Hugging Face's datasets is not installed")
NUMBER = 24


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, and no network."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path / "hf"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Frames of which only a late one has masks; spacing is known of some alone."""
    frames = [
        {"path": ["abdomen/liver", "thorax"][n % 2], "mm_per_px_x": 0.5 if n % 3 == 1 else None}
        for n in range(NUMBER)
    ]
    lake = quick_lake(tmp_path_factory.mktemp("lake"), frames)
    import cv2

    mask = cv2.imencode(".png", np.eye(16, dtype=np.uint8) * 255)[1].tobytes()
    rows = [
        made(AnnotationRow, annotation_id=f"a{n}", frame_id="f0021", kind="mask", mask=mask)
        for n in range(2)
    ]
    rows.append(
        replace(rows[0], annotation_id="b", frame_id="f0002", kind="scalar", mask=b"", number=1.5)
    )
    lake.append("annotations", to_arrow("annotations", rows))
    return lake


@pytest.fixture(scope="module")
def releases(lake: Lake) -> Storage:
    found = lake.storage.sub("releases")
    create(lake, found, ReleaseConfig(name="one"))
    create(lake, found, ReleaseConfig(name="fast", codec="zstd", where="region = 'thorax'"))
    return found


def told(releases: Storage, name: str = "one") -> dict[str, int]:
    return dict(manifest_of(releases, name).counts["split"])


def number_of(row: dict[str, Any]) -> int:
    return int((row.get("frame_id") or row["__key__"])[1:])


def pixels(image: Any) -> np.ndarray[Any, Any]:
    return np.asarray(image)


def rows(read: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for split, part in read.items():
        for row in part:
            yield split, row


def test_a_shard_holds_one_split_and_its_name_says_which(releases: Storage, tmp_path: Path) -> None:
    manifest = manifest_of(releases, "one")
    pull(releases, "one", tmp_path / "whole", "webdataset")
    pull(releases, "one", tmp_path / "part", "webdataset", "region = 'thorax'")

    assert len(told(releases)) == 3
    assert {shard.split: shard.samples for shard in manifest.shards} == told(releases)
    for folder in ("whole", "part"):
        names = {file.name for file in (tmp_path / folder / "shards").glob("*.tar")}
        assert names == {f"{split}-00000.tar" for split in told(releases)}


def test_pulled_again_what_is_whole_stays_and_another_release_does_not(
    releases: Storage, tmp_path: Path
) -> None:
    pull(releases, "fast", tmp_path / "to", "webdataset")
    pull(releases, "one", tmp_path / "to", "webdataset", replace=True)
    before = {one: one.stat().st_mtime_ns for one in (tmp_path / "to" / "shards").glob("*.tar")}

    pull(releases, "one", tmp_path / "to", "webdataset")

    assert before == {
        one: one.stat().st_mtime_ns for one in (tmp_path / "to" / "shards").glob("*.tar")
    }
    read = datasets.load_dataset(str(tmp_path / "to"))
    assert {split: part.num_rows for split, part in read.items()} == told(releases)


@pytest.mark.parametrize("streaming", [False, True])
def test_pulled_shards_are_read_whole_and_by_split(
    releases: Storage, tmp_path: Path, streaming: bool
) -> None:
    pull(releases, "one", tmp_path / "to", "webdataset")

    read = datasets.load_dataset(str(tmp_path / "to"), streaming=streaming)
    seen = {row["json"]["frame_id"]: (split, row) for split, row in rows(read)}

    assert len(seen) == NUMBER
    for frame_id, (split, row) in seen.items():
        assert row["json"]["split"] == split
        assert np.array_equal(pixels(row["png"]), picture(int(frame_id[1:])))
        masks = [pixels(row[f"mask-{number}.png"]) for number in range(2)]  # every sample has both
        named = [one["mask"] for one in row["json"]["annotations"] if one["mask"]]
        assert [bool(mask.any()) for mask in masks] == [frame_id == "f0021"] * 2
        assert named == (["mask-0.png", "mask-1.png"] if frame_id == "f0021" else [])
    assert seen["f0021"][1]["json"]["annotations"][0]["mask"] == "mask-0.png"
    assert seen["f0002"][1]["json"]["annotations"][0]["number"] == 1.5
    assert seen["f0001"][1]["json"]["mm_per_px_x"] == 0.5
    assert seen["f0000"][1]["json"]["mm_per_px_x"] is None


def test_shards_that_say_nothing_of_labels_are_offered_to_nobody(releases: Storage) -> None:
    page = releases.read("README.md").decode()

    assert "| one |" in page
    assert "| fast |" in page
    assert "shards/" not in page


def test_pulled_parquet_shows_pictures(releases: Storage, tmp_path: Path) -> None:
    pull(releases, "one", tmp_path / "to", "parquet")

    read = datasets.load_dataset(str(tmp_path / "to"))
    alone = datasets.load_dataset("parquet", data_files=str(tmp_path / "to" / "train-*.parquet"))

    assert {split: part.num_rows for split, part in read.items()} == told(releases)
    assert alone["train"].num_rows == told(releases)["train"]
    for _, row in [*rows(read), *rows(alone)]:
        assert np.array_equal(pixels(row["image"]), picture(number_of(row)))
    masked = {row["frame_id"]: row["masks"] for _, row in [*rows(read), *rows(alone)]}
    assert [np.array_equal(pixels(one), np.eye(16) * 255) for one in masked["f0021"]] == [True] * 2
    assert masked["f0002"] == []


def test_pulled_files_are_an_image_folder(releases: Storage, tmp_path: Path) -> None:
    pull(releases, "one", tmp_path / "to", "files")

    read = datasets.load_dataset(str(tmp_path / "to"))
    beside = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "to" / "images"))

    assert {split: part.num_rows for split, part in read.items()} == told(releases)
    for split, row in rows(read):
        assert row["split"] == split
        assert np.array_equal(pixels(row["image"]), picture(number_of(row)))
    assert beside["train"].num_rows == NUMBER
    for _, row in rows(beside):
        assert np.array_equal(pixels(row["image"]), picture(number_of(row)))
        assert row["split"] in told(releases)


def test_a_class_that_is_called_by_a_word_of_splits_stays_in_its_split(tmp_path: Path) -> None:
    """``findings/stress_test_split.sh``."""
    count = 96
    lake = quick_lake(tmp_path / "lake", [{"path": "thorax/heart"} for _ in range(count)])
    marks = [
        made(
            AnnotationRow, annotation_id=f"c{n}", frame_id=f"f{n:04}", kind="class", name="state",
            value=["rest", "stress test"][n // 2 % 2],
        )
        for n in range(count)
    ]  # fmt: skip
    lake.append("annotations", to_arrow("annotations", marks))
    releases = lake.storage.sub("releases")
    create(lake, releases, ReleaseConfig(name="one"))
    told: list[str] = []
    pull(
        releases, "one", tmp_path / "to", "imagefolder", settings={"label": "state"},
        missing=told.append,
    )  # fmt: skip

    read = datasets.load_dataset(str(tmp_path / "to"))

    numbers = {picture(n).tobytes(): f"f{n:04}" for n in range(count)}
    assert (told, sum(part.num_rows for part in read.values())) == ([], count)
    for split, part in read.items():
        names = part.features["label"].names
        files = {one.stem: one.parent.name for one in (tmp_path / "to" / split).glob("*/*.png")}
        seen = {numbers[pixels(row["image"]).tobytes()]: names[row["label"]] for row in part}
        assert files == seen
