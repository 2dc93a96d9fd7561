"""What was pulled, as it is read by packages that trainers install: each sample, each level."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.storage.storage import Storage
from tests.helpers import readers as read
from tests.helpers.exported import (
    FRAMES,
    Array,
    drawn,
    releases_of_clips,
    releases_of_frames,
    ring,
    shown,
    times,
)
from tests.helpers.readers import Readers
from tests.helpers.tables import picture

SPLITS = ["train", "val", "test"]
readers = pytest.fixture(scope="module")(read.readers)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    return releases_of_frames(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    return releases_of_clips(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def rows(releases: Storage) -> dict[str, dict[str, Any]]:
    index = index_table(releases, manifest_of(releases, "one"))
    return {row["frame_id"]: row for row in index.to_pylist()}


def of(frame_id: str) -> Array:
    return picture(int(frame_id[1:]))


def test_torchvision_numbers_the_classes_alike_in_every_split(
    readers: Readers, releases: Storage, rows: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path, "imagefolder")

    seen = []
    for split in SPLITS:
        numbers, found = readers(read.by_torchvision, tmp_path / split)
        assert numbers == {"breast": 0, "liver": 1}
        for path, label, pixels in found:
            name = Path(path).stem
            assert numbers[rows[name]["organ"]] == label
            assert np.array_equal(np.repeat(of(name)[..., None], 3, 2), pixels)
            seen.append((name, split))
    assert sorted((name, row["split"]) for name, row in rows.items()) == sorted(seen)


def test_streaming_brings_mds_and_checks_its_hashes(
    readers: Readers, releases: Storage, rows: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path / "to", "mds")

    names = (tmp_path / "to" / "classes.txt").read_text().splitlines()
    seen = []
    for split in SPLITS:
        local = tmp_path / "local" / split
        for sample in readers(read.by_streaming, tmp_path / "to" / split, local):
            row = rows[sample["frame_id"]]
            assert np.array_equal(of(row["frame_id"]), sample["image"])
            assert names[sample["label"]] == f"{row['region']}/{row['organ']}"
            assert sample["meta"]["split"] == split
            patches = drawn(int(row["frame_id"][1:])).get("patch_map", b"\xff" * 256)
            assert sample["patch_map"].shape == (16, 16)
            assert sample["patch_map"].tobytes() == patches
            assert np.asarray(sample["fan_mask"]).shape == (16, 16)
            seen.append(row["frame_id"])
    assert sorted(rows) == sorted(seen)


def test_streaming_refuses_mds_that_was_changed_on_the_way(
    readers: Readers, releases: Storage, tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path / "to", "mds")
    shard = next((tmp_path / "to" / "val").glob("*.mds"))
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)

    with pytest.raises(Exception, match=r"[Cc]hecksum|hash"):
        readers(read.by_streaming, tmp_path / "to" / "val", tmp_path / "local")


def test_litdata_reads_parquet(
    readers: Readers, releases: Storage, rows: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path / "to", "parquet")

    files = sorted((tmp_path / "to").glob("*-?????.parquet"))
    found = readers(read.by_litdata, files, tmp_path / "indexed")

    assert sorted(rows) == sorted(row["frame_id"] for row in found)
    for row in found:
        data = np.frombuffer(row["image"]["bytes"], np.uint8)
        assert np.array_equal(of(row["frame_id"]), cv2.imdecode(data, cv2.IMREAD_UNCHANGED))
        assert row["organ"] == rows[row["frame_id"]]["organ"]


def test_open_clip_trains_with_shards_and_is_not_told_how_many_samples_they_hold(
    readers: Readers, releases: Storage, rows: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path, "webdataset")

    found = readers(read.by_open_clip, f"{tmp_path}/shards/{{train,val,test}}-{{00000..00000}}.tar")

    expected = {of(name).tobytes(): row["organ"] for name, row in rows.items()}
    assert len(found) == FRAMES == len(expected)
    for pixels, text in found:
        assert f"of the {expected.pop(pixels[..., 0].tobytes())} (" in text


def test_energon_prepares_shards_and_reads_pictures_and_captions(
    readers: Readers, releases: Storage, rows: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path, "webdataset")

    found = readers(read.by_energon, tmp_path, SPLITS)

    seen = []
    for split, samples in found.items():
        for name, pixels, text in samples:
            assert np.array_equal(of(name), np.rint(pixels[..., 0] * 255))
            assert f"of the {rows[name]['organ']} (" in text
            seen.append((name, split))
    assert sorted((name, row["split"]) for name, row in rows.items()) == sorted(seen)


def test_the_faster_reader_of_coco_finds_the_same_masks(
    readers: Readers, releases: Storage, rows: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path, "coco")

    seen = []
    for split in SPLITS:
        file = tmp_path / "annotations" / f"instances_{split}.json"
        for path, name, mask in readers(read.by_faster_coco, file):
            assert name == "lesion"
            assert np.array_equal(ring() > 0, mask)
            seen.append(Path(path).stem)
    masked = [name for name, row in rows.items() if "mask" in row["annotated"]]
    assert sorted(masked) == sorted(seen)


@pytest.mark.parametrize("file", ["mp4", "avi"])
def test_torchcodec_and_decord2_give_each_frame_as_it_was(
    file: str, readers: Readers, clips: Storage, tmp_path: Path
) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("torchcodec opens FFmpeg's libraries, which are not installed")
    pull(clips, "one", tmp_path, "clips", settings={"file": file})

    for name in ("even", "odd", "color"):
        gray = shown(name)
        expected = gray if gray.ndim == 4 else np.repeat(gray[..., None], 3, 3)
        for reader in (read.by_torchcodec, read.by_decord2):
            frames, stamps = readers(reader, tmp_path / "Videos" / f"{name}-0.{file}")
            assert np.array_equal(expected, frames)
            if file == "mp4":
                assert stamps == pytest.approx(times(name), abs=0.1)


def test_hugging_face_decodes_a_column_of_videos(
    readers: Readers, clips: Storage, tmp_path: Path
) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("torchcodec opens FFmpeg's libraries, which are not installed")
    pull(clips, "one", tmp_path / "to", "clips")

    found = readers(read.by_hugging_face, tmp_path / "to", tmp_path / "cache")

    assert sorted(found) == ["color-0", "even-0", "odd-0"]
    for name, frames in found.items():
        gray = shown(name.removesuffix("-0"))
        expected = gray if gray.ndim == 4 else np.repeat(gray[..., None], 3, 3)
        assert np.array_equal(expected, frames)
