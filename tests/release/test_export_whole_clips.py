"""Releases of whole clips as trainers of video take them: tar files, tables, masks by object."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.storage.storage import Storage
from tests.helpers.exported import CLIPS, WIDE, area, releases_of_clips, shown, times

Array = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    return releases_of_clips(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def tables(releases: Storage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    pull(releases, "whole", folder, "parquet")
    return folder


@pytest.fixture(scope="module")
def shards(releases: Storage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    pull(releases, "whole", folder, "webdataset")
    return folder


def film(data: bytes) -> tuple[Array, list[float]]:
    """Frames, (T, H, W, 3), and their times, ms."""
    av = pytest.importorskip("av")
    with av.open(io.BytesIO(data)) as file:
        found = [(one.to_ndarray(format="rgb24"), one.time * 1000) for one in file.decode(video=0)]
    return np.stack([frame for frame, _ in found]), [time for _, time in found]


def in_colors(name: str) -> Array:
    frames = shown(name)
    return frames if frames.ndim == 4 else np.repeat(frames[..., None], 3, 3)


def samples(folder: Path) -> dict[str, dict[str, bytes]]:
    """Object to the members of its sample, by ending."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted((folder / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            for one in tar:
                key, _, ending = one.name.partition(".")
                file = tar.extractfile(one)
                assert file is not None
                found.setdefault(key, {})[ending] = file.read()
    return {called(json.loads(one["json"])): one for one in found.values()}


def called(told: dict[str, Any]) -> str:
    return str(told["patient"]).removeprefix("p-")


def test_a_sample_of_a_tar_is_a_clip_as_it_was_with_its_times(shards: Path) -> None:
    found = samples(shards)

    assert sorted(found) == sorted(CLIPS)
    assert len({tuple(one) for one in found.values()}) == 1  # the same members in each
    for name, members in found.items():
        frames, stamps = film(members["mp4"])
        told = json.loads(members["json"])
        assert np.array_equal(in_colors(name), frames)
        assert stamps == pytest.approx(times(name), abs=0.1)
        assert told["frames"] == len(told["frame_ids"]) == len(told["times_ms"]) == len(frames)
        assert members["cls"].isdigit()


def test_a_clip_in_a_tar_says_what_is_drawn_of_which_frame(shards: Path) -> None:
    tools = pytest.importorskip("pycocotools.mask")
    found = samples(shards)
    told = json.loads(found["even"]["json"])

    masks = [
        (place, one["name"], one["mask"])
        for place, one in zip(told["annotation_frames"], told["annotations"], strict=True)
        if one["mask"]
    ]
    assert {place for place, _, _ in masks} == set(range(2, 10))
    for place, name, ending in masks:
        drawn = cv2.imdecode(np.frombuffer(found["even"][ending], np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(area(place + (3 if name == "cyst" else 0)), drawn)

    assert [place for place, one in enumerate(told["overlay"]) if one] == [3, 4]
    assert np.array_equal(tools.decode(told["overlay"][4]) > 0, area(4) > 0)
    patches = np.frombuffer(base64.b64decode(told["patch_map"]), np.uint8).reshape(-1, 16, 16)
    assert patches[:, 0, 0].tolist() == list(range(1, 24))
    assert np.array_equal(tools.decode(told["fan_mask"]) > 0, WIDE.mask(48, 64))
    assert json.loads(found["odd"]["json"])["overlay"] is None


def test_webdataset_itself_gives_each_clip(shards: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    pattern = str(shards / "shards" / "train-{00000..00000}.tar")

    read = list(webdataset.WebDataset(pattern, shardshuffle=False, empty_check=False).decode())

    assert sorted(called(one["json"]) for one in read) == sorted(CLIPS)
    for one in read:
        assert np.array_equal(in_colors(called(one["json"])), film(one["mp4"])[0])


def test_a_row_of_a_table_is_a_clip_and_its_pictures_are_a_frame_each(tables: Path) -> None:
    rows = {
        row["object_id"]: row for row in pq.read_table(tables / "train-00000.parquet").to_pylist()
    }

    assert sorted(rows) == sorted(CLIPS)
    for name, row in rows.items():
        assert np.array_equal(in_colors(name), film(row["video"]["bytes"])[0])
        assert row["video"]["path"].endswith(".mp4")
    overlays, patches = rows["even"]["overlay"], rows["even"]["patch_map"]
    assert [place for place, one in enumerate(overlays) if one] == [3, 4]
    assert [_picture(one["bytes"])[0, 0] for one in patches] == list(range(1, 24))
    assert np.array_equal(_picture(overlays[4]["bytes"]) > 0, area(4) > 0)
    assert np.array_equal(_picture(rows["even"]["fan_mask"]["bytes"]) > 0, WIDE.mask(48, 64))
    assert rows["color"]["overlay"] is None


def _picture(data: bytes) -> Array:
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert found is not None
    return np.asarray(found, np.uint8)


@pytest.mark.parametrize("form", ["tables", "shards"])
def test_hugging_face_knows_the_clips_for_videos(
    form: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    folder, column = request.getfixturevalue(form), {"tables": "video", "shards": "mp4"}[form]

    read = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"]

    assert read.features[column]._type == "Video"
    assert "- video-classification\n" in (folder / "README.md").read_text()
    for row in read.cast_column(column, datasets.Video(decode=False)):
        name = called(row["json"] if form == "shards" else row)
        assert np.array_equal(in_colors(name), film(row[column]["bytes"])[0])


def test_masks_by_object_are_those_of_a_release_of_frames(
    releases: Storage, tmp_path: Path
) -> None:
    for name in ("one", "whole"):
        pull(releases, name, tmp_path / name, "sa-v")

    first, second = (
        {
            one.relative_to(root): one.read_bytes()
            for part in ("images", "gt", "fans", "overlays", "patch_maps")
            for one in (root / part).rglob("*")
            if one.is_file()
        }
        for root in (tmp_path / "one", tmp_path / "whole")
    )
    assert first == second
    assert (tmp_path / "whole/times.json").read_bytes() == (
        tmp_path / "one/times.json"
    ).read_bytes()


def test_formats_of_single_pictures_are_refused_with_those_that_hold_clips(
    releases: Storage, tmp_path: Path
) -> None:
    able = "pull them with --format webdataset, parquet, clips or sa-v"
    with pytest.raises(UsageError, match=f"release 'whole' holds clips: {able}"):
        pull(releases, "whole", tmp_path, "files")
