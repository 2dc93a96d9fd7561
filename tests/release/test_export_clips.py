"""Clips as video readers read them: every frame, its number, its time, without a level lost."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.exports.video import ffv1_avi, h264_mp4
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.storage.storage import Storage
from tests.helpers.exported import area, releases_of_clips, shown, times

Array = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    return releases_of_clips(tmp_path_factory.mktemp("lake"))


def by_opencv(path: Path) -> tuple[Array, list[float]]:
    video = cv2.VideoCapture(str(path))
    frames, stamps = [], []
    while True:
        done, frame = video.read()
        if not done:
            return np.stack(frames)[..., ::-1], stamps
        frames.append(frame)
        stamps.append(video.get(cv2.CAP_PROP_POS_MSEC))


def by_decord(path: Path) -> tuple[Array, list[float]]:
    decord = pytest.importorskip("decord")
    video = decord.VideoReader(str(path), num_threads=1)
    stamps = [video.get_frame_timestamp(number)[0] * 1000 for number in range(len(video))]
    order = list(range(len(video)))[::-1]  # by number, from the last
    return video.get_batch(order).asnumpy()[::-1], stamps


def by_av(path: Path) -> tuple[Array, list[float]]:
    av = pytest.importorskip("av")
    with av.open(str(path)) as file:
        found = [(one.to_ndarray(format="rgb24"), one.time * 1000) for one in file.decode(video=0)]
    return np.stack([frame for frame, _ in found]), [time for _, time in found]


def by_imageio(path: Path) -> tuple[Array, list[float]]:
    imageio = pytest.importorskip("imageio.v3")
    return imageio.imread(path, plugin="pyav"), []


READERS = [by_opencv, by_decord, by_av, by_imageio]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("file", ["mp4", "avi"])
def test_every_reader_gives_each_frame_as_it_was(
    file: str,
    reader: Callable[[Path], tuple[Array, list[float]]],
    pulled: dict[str, Path],
) -> None:
    for name in ("even", "odd", "color"):
        expected = shown(name)
        frames, stamps = reader(pulled[file] / "Videos" / f"{name}-0.{file}")

        assert frames.shape == (*expected.shape[:3], 3)
        gray = expected if expected.ndim == 4 else np.repeat(expected[..., None], 3, 3)
        assert np.abs(frames.astype(int) - gray).max() == 0
        if stamps and file == "mp4":
            assert stamps == pytest.approx(times(name), abs=0.1)


@pytest.fixture(scope="module")
def pulled(releases: Storage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The clips in each kind of file."""
    found = {}
    for file in ("mp4", "avi", "npy"):
        found[file] = tmp_path_factory.mktemp(file)
        pull(releases, "one", found[file], "clips", settings={"file": file})
    return found


def test_arrays_and_lists_name_each_clip_and_a_still_is_left_out(pulled: dict[str, Path]) -> None:
    arrays = sorted((pulled["npy"] / "Videos").iterdir())
    assert [one.name for one in arrays] == ["color-0.npy", "even-0.npy", "odd-0.npy"]
    assert np.load(arrays[0]).shape == (11, 48, 64, 3)  # EchoFM: (T, H, W, 3) uint8
    assert "1 of 47 samples are left out" in (pulled["npy"] / "README.md").read_text()

    # V-JEPA 2, video_dataset.py: a table without head, a blank between path and class
    lines = (pulled["mp4"] / "train.csv").read_text().split("\n")[:-1]
    names = (pulled["mp4"] / "classes.txt").read_text().splitlines()
    assert len(lines) == 3
    for line in lines:
        path, number = line.split(" ")
        assert (pulled["mp4"] / path).is_file()
        assert names[int(number)] == "abdomen/liver"

    # EchoNet, echo.py: a name without ending is an AVI in Videos/; splits in capitals
    with (pulled["avi"] / "FileList.csv").open() as stream:
        rows = {row["FileName"]: row for row in csv.DictReader(stream)}
    assert all((pulled["avi"] / "Videos" / f"{one}.avi").is_file() for one in rows)
    assert {row["Split"] for row in rows.values()} == {"TRAIN"}
    assert (rows["even-0"]["EF"], rows["odd-0"]["EF"]) == ("55.0", "")
    assert (rows["odd-0"]["FrameHeight"], rows["odd-0"]["NumberOfFrames"]) == ("41", "12")
    assert rows["color-0"]["acc_num"] == "s-color"

    table = {row["clip"]: row for row in pq.read_table(pulled["mp4"] / "clips.parquet").to_pylist()}
    assert table["even-0"]["times_ms"] == pytest.approx(times("even"))
    studies = json.loads((pulled["mp4"] / "studies.json").read_text())
    assert studies["s-odd"] == ["Videos/odd-0.mp4"]


def test_an_even_rate_is_written_if_asked_for_and_studies_have_folders(
    releases: Storage, tmp_path: Path
) -> None:
    asked = {"even": "true", "folder": "study"}
    pull(releases, "one", tmp_path, "clips", settings=asked)

    frames, stamps = by_av(tmp_path / "Videos" / "s-even" / "even-0.mp4")
    assert np.array_equal(shown("even"), frames[..., 0])
    assert np.diff(stamps) == pytest.approx(np.full(22, np.median(np.diff(times("even")))), abs=0.1)
    table = pq.read_table(tmp_path / "clips.parquet").to_pylist()
    assert {tuple(np.round(one["times_ms"][:3], 3)) for one in table} == {(0.0, 33.4, 66.7)}


def test_hugging_face_takes_clips_for_videos(pulled: dict[str, Path], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    read = datasets.load_dataset(str(pulled["mp4"]), cache_dir=str(tmp_path), streaming=False)
    rows = read["train"].cast_column("video", datasets.Video(decode=False))

    assert read["train"].features["video"]._type == "Video"
    found = {row["clip"]: row["video"]["path"] for row in rows}
    assert sorted(found) == ["color-0", "even-0", "odd-0"]
    assert np.array_equal(shown("odd"), by_opencv(Path(found["odd-0"]))[0][..., 0])


def sam2_masks(folder: Path, name: str, frames_fps: int = 24) -> dict[int, list[Array]]:
    """Masks of a clip by the rules of SAM 2 (JSONRawDataset, JSONSegmentLoader)."""
    tools = pytest.importorskip("pycocotools.mask")
    told = json.loads((folder / "gt" / f"{name}_manual.json").read_text())
    frames, rate = told["masklet"], int(told["fps"])
    assert frames_fps % rate == 0
    every = frames_fps // rate
    there = [int(one.stem) for one in sorted((folder / "images" / name).iterdir())]
    valid = [n * every for n, one in enumerate(frames) if one is not None and None not in one]
    return {
        number: list(tools.decode(frames[number // every]).transpose(2, 0, 1))
        for number in there
        if number in valid
    }


def test_sam_2_finds_each_object_on_each_frame_that_was_drawn_on(
    releases: Storage, tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path, "sa-v")

    assert (tmp_path / "train_list.txt").read_text() == "even-0\n"
    masks = sam2_masks(tmp_path, "even-0")
    assert sorted(masks) == list(range(2, 10))
    for number, (cyst, lesion) in masks.items():
        assert np.array_equal(area(number) > 0, lesion)
        assert np.array_equal(area(number + 3) > 0 if number > 5 else np.zeros((48, 64)), cyst)
    pictures = sorted((tmp_path / "images" / "even-0").iterdir())
    assert [one.name for one in pictures] == [f"{number:05d}.jpg" for number in range(23)]
    worst = max(
        np.abs(cv2.imread(str(one), cv2.IMREAD_UNCHANGED).astype(int) - frame).max()
        for one, frame in zip(pictures, shown("even"), strict=True)
    )
    assert worst <= 3


@pytest.mark.parametrize(
    ("name", "form"),
    [("one", "clips"), ("one", "sa-v")]
    + [("whole", form) for form in ("clips", "sa-v", "webdataset", "parquet")],
)
def test_clips_that_were_cut_off_are_gone_on_with(
    name: str, form: str, releases: Storage, tmp_path: Path
) -> None:
    pull(releases, name, tmp_path / "whole", form)

    def cut(what: str, number: int, of: int) -> None:
        if number > of // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(releases, name, tmp_path / "cut", form, progress=cut)
    pull(releases, name, tmp_path / "cut", form)

    first, second = (
        {one.relative_to(root): one.read_bytes() for one in root.rglob("*") if one.is_file()}
        for root in (tmp_path / "whole", tmp_path / "cut")
    )
    assert first == second


def test_a_release_without_clips_is_told(releases: Storage, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="clips of fewer than 2 frames"):
        pull(releases, "one", tmp_path, "clips", "object_id = 'short'")


def test_a_release_of_clips_gives_the_same_files_as_one_of_frames(
    releases: Storage, pulled: dict[str, Path], tmp_path: Path
) -> None:
    pull(releases, "whole", tmp_path, "clips")

    for name in ("even", "odd", "color"):
        video = f"Videos/{name}-0.mp4"
        assert (pulled["mp4"] / video).read_bytes() == (tmp_path / video).read_bytes()
    first, second = (
        {
            row["clip"]: (row["times_ms"], row["frame_ids"])
            for row in pq.read_table(folder / "clips.parquet").to_pylist()
        }
        for folder in (pulled["mp4"], tmp_path)
    )
    assert first == second


def test_nothing_of_a_clip_is_put_where_temporary_files_lie(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who is killed leaves it there, whoever is erased later; and that folder may be full."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not-there"))
    clip = np.arange(3 * 32 * 32, dtype=np.uint8).reshape(3, 32, 32)

    made = {".mp4": h264_mp4(clip, [0.0, 40.0, 80.0]), ".avi": ffv1_avi(clip, 40.0)}

    for ending, data in made.items():
        file = tmp_path / f"clip{ending}"
        file.write_bytes(data)
        assert (by_opencv(file)[0][..., 0] == clip).all()
