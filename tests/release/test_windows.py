"""Windows of clips: so many frames, so far apart, by the true times; of clips and of frames."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import echoatlas
from echoatlas import load
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.frames.codec import encode, encode_mask
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.schemas.config.release import ReleaseConfig
from tests.helpers.tables import picture, quick_lake

# 40 frames at 25 a second; 21 at 10 a second, of which five were not kept; a still
TIMES: dict[str, list[float]] = {
    "c0": [40.0 * at for at in range(40)],
    "c1": [100.0 * at for at in range(21) if not 8 <= at < 13],
    "c2": [0.0],
}
FRAMES: list[dict[str, Any]] = [
    {
        "object_id": clip,
        "patient": clip,
        "frame_index": at,
        "time_ms": time,
        "patch_map": bytes([at] * 256),
        "overlay": encode_mask(np.eye(16, dtype=bool)) if clip == "c0" and at == 3 else b"",
        "image": encode(picture(100 * number + at)),
    }
    for number, (clip, times) in enumerate(TIMES.items())
    for at, time in enumerate(times)
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = quick_lake(tmp_path_factory.mktemp("lake"), FRAMES)
    for unit in ("frame", "clip"):
        config = ReleaseConfig(name=unit, unit=unit, codec="zstd", duplicates="keep")
        create(lake, lake.storage.sub("releases"), config)
    return lake


@pytest.fixture(params=["frame", "clip"])
def data(lake: Lake, request: pytest.FixtureRequest, tmp_path: Path) -> echoatlas.Dataset:
    return load(request.param, lake=lake.storage.uri, unit=request.param, cache=tmp_path)


def shown(windows: echoatlas.ClipWindows) -> dict[str, list[tuple[list[float], int]]]:
    found: dict[str, list[tuple[list[float], int]]] = {}
    for at in range(len(windows)):
        batch = windows.batch([at])
        clip = batch[0].column("object_id")
        found.setdefault(clip, []).append((batch.times_ms[0].tolist(), int(batch.real[0].sum())))
    return found


def test_frames_of_a_window_are_those_nearest_to_their_times(data: echoatlas.Dataset) -> None:
    windows = shown(data.clips(frames=4, fps=8))

    assert [[round(time / 40) * 40 for time in times] for times, _ in windows["c0"]] == [
        [0, 120, 240, 360],
        [480, 640, 760, 880],
        [1000, 1120, 1240, 1360],
    ]
    assert {4} == {real for _, real in windows["c0"]}
    assert windows["c2"] == [([0.0] * 4, 1)]


def test_a_window_does_not_reach_over_frames_that_were_not_kept(data: echoatlas.Dataset) -> None:
    windows = shown(data.clips(frames=4, fps=10))["c1"]
    long = shown(data.clips(frames=10, fps=10, short="repeat"))["c1"]

    assert windows == [
        ([0.0, 100.0, 200.0, 300.0], 4),
        ([400.0, 500.0, 600.0, 700.0], 4),
        ([1600.0, 1700.0, 1800.0, 1900.0], 4),
    ]
    assert ([*(100.0 * at for at in range(8)), 700.0, 700.0], 8) == long[0]
    with pytest.raises(UsageError, match="ask for fewer"):
        data.clips(frames=400, short="drop")


def test_a_window_shows_its_frames_and_their_masks(data: echoatlas.Dataset) -> None:
    windows = data.clips(frames=4, fps=25, every_s=0.08)
    batch = windows.batch(range(len(windows)))
    at = next(
        n for n in range(len(windows))
        if batch[n].column("object_id") == "c0" and batch.times_ms[n][0] == 80.0
    )  # fmt: skip

    sample = pickle.loads(pickle.dumps(windows))[at]

    assert sample.image.shape == (4, 16, 16)
    for place, number in enumerate((2, 3, 4, 5)):
        assert np.array_equal(picture(number), sample.image[place])
        assert np.all(sample.patch_map[place] == number)
    assert [bool(one.any()) for one in sample.overlay] == [False, True, False, False]
    assert np.array_equal(sample.image, pickle.loads(pickle.dumps(sample)).image)


def test_windows_make_batches_as_frames_do(data: echoatlas.Dataset) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    windows = data.clips(frames=4, fps=8)

    loader = windows.loader(2, balance="object_id", samples=30, also=["fan_mask", "patch_map"])
    batch = next(iter(loader))

    assert {name: tuple(one.shape) for name, one in batch.items() if hasattr(one, "shape")} == {
        "image": (2, 1, 4, 16, 16),
        "labels": (2, 61),
        "asserted": (2, 61),
        "times_ms": (2, 4),
        "real": (2, 4),
        "fan_mask": (2, 4, 16, 16),
        "patch_map": (2, 4, 16, 16),
    }
    assert len(list(windows.batches(2, balance="object_id", samples=30))) == 15


def test_a_release_of_the_other_unit_is_refused(lake: Lake) -> None:
    with pytest.raises(UsageError, match="is a frame, not a clip"):
        load("frame", lake=lake.storage.uri, unit="clip")
