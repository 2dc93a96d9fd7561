"""Clips as samples: whole, in order, at their true times, with all that their frames carry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import echoatlas
from echoatlas.errors import ConfigError, UsageError
from echoatlas.loader import load
from echoatlas.pipeline.frames.codec import encode, encode_mask
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.release.rebuild import remade
from echoatlas.pipeline.release.verify import verify
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.fan import Fan, Shape
from echoatlas.schemas.rows.frames import AnnotationRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made, picture, quick_lake

TIMES = [0.0, 40.0, 95.0, 130.0]
FAN = Fan(Shape.LINEAR, corners=((2, 2), (30, 2), (30, 30), (2, 30)))


def frame(clip: int, place: int, **more: Any) -> dict[str, Any]:
    """A frame of a clip of four, all of them of one patient a clip."""
    return {
        "object_id": f"c{clip}",
        "patient": f"p{clip}",
        "frame_index": place,
        "time_ms": TIMES[place],
        "blur": 10.0 * place,
        "path": ("thorax", "abdomen/liver")[clip % 2],
        "patch_map": bytes([clip, place] * 128),
        "overlay": encode_mask(np.eye(16, dtype=bool)) if clip == 0 and place == 2 else b"",
        "image": encode(picture(10 * clip + place)),
        "fan": FAN.to_json(),
        "scale": 0.5,
        **more,
    }


FRAMES = [frame(clip, place) for clip in range(3) for place in (3, 1, 0, 2)]


def lake_of_clips(root: Path) -> Lake:
    lake = quick_lake(root, FRAMES)
    mask = np.zeros((16, 16), np.uint8)
    mask[4:9, 2:12] = 1
    drawn = cv2.imencode(".png", mask)[1].tobytes()
    said: list[dict[str, Any]] = [
        {"frame_id": "f0000", "kind": "mask", "name": "lesion", "mask": drawn},  # place 3
        {"frame_id": "f0001", "kind": "mask", "name": "lesion", "mask": drawn},  # place 1
        {"frame_id": "f0002", "kind": "scalar", "name": "ef", "number": 55.5, "unit": "%"},
    ]
    rows = [made(AnnotationRow, annotation_id=f"a{n}", **one) for n, one in enumerate(said)]
    lake.append("annotations", to_arrow("annotations", rows))
    return lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_of_clips(tmp_path / "lake")


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with a release of its clips, to be read alone."""
    lake = lake_of_clips(tmp_path_factory.mktemp("cut"))
    create(lake, lake.storage.sub("releases"), ReleaseConfig(name="clips", unit="clip"))
    return lake


@pytest.fixture
def releases(lake: Lake) -> Storage:
    return lake.storage.sub("releases")


def clips(lake: Lake, name: str = "clips") -> dict[str, Any]:
    return {one.meta["object_id"]: one for one in load(name, lake=lake.storage.uri)}


def test_a_clip_is_whole_in_order_and_at_its_true_times(cut: Lake) -> None:
    releases = cut.storage.sub("releases")
    manifest = manifest_of(releases, "clips")

    found = clips(cut)

    assert (manifest.samples, manifest.frames) == (3, 12)
    assert sorted(found) == ["c0", "c1", "c2"]
    for number in range(3):
        one = found[f"c{number}"]
        expected = np.stack([picture(10 * number + place) for place in range(4)])
        assert np.array_equal(expected, one.image)
        assert one.meta["times_ms"] == TIMES
        assert one.meta["frame_indexes"] == [0, 1, 2, 3]
        assert (one.meta["frames"], one.meta["blur"]) == (4, 15.0)
    assert found["c0"].frame_id == "f0002"
    assert found["c0"].meta["frame_ids"] == ["f0002", "f0001", "f0003", "f0000"]
    assert all(check.ok for check in verify(releases, "clips"))


def test_a_clip_carries_what_its_frames_do(cut: Lake) -> None:
    one, other = (clips(cut)[name] for name in ("c0", "c1"))

    assert one.overlay.shape == (4, 16, 16)
    assert [int(overlay.sum()) for overlay in one.overlay] == [0, 0, 16, 0]
    assert other.overlay is None
    assert one.patch_map.shape == (4, 16, 16)
    assert one.patch_map[3, 0, :2].tolist() == [0, 3]
    assert one.fan_mask.shape == (16, 16)
    assert one.fan_mask[8, 8]
    assert not one.fan_mask[0, 0]
    told = [(mark.kind, place) for mark, place in zip(
        one.annotations, one.meta["annotation_frames"], strict=True)]  # fmt: skip
    assert told == [("scalar", 0), ("mask", 1), ("mask", 3)]
    assert int(one.annotations[1].mask.sum()) == 50


def test_a_clip_of_which_a_frame_may_not_go_does_not_go(tmp_path: Path) -> None:
    frames = [one | {"fan_verdict": "review"} if n == 5 else one for n, one in enumerate(FRAMES)]
    lake = quick_lake(tmp_path / "lake", frames)
    releases = lake.storage.sub("releases")

    manifest = create(lake, releases, ReleaseConfig(name="clips", unit="clip", review=False))

    assert sorted(clips(lake)) == ["c0", "c2"]
    assert manifest.published["left_out"] == {"the fan is to be reviewed": 1}


def test_clips_are_selected_by_what_they_are(lake: Lake, releases: Storage) -> None:
    config = ReleaseConfig(name="clips", unit="clip", where="region = 'thorax' AND frames = 4")
    create(lake, releases, config)

    assert sorted(clips(lake)) == ["c0", "c2"]


def test_frames_and_clips_lie_in_shards_of_their_own_and_stay(
    lake: Lake, releases: Storage, tmp_path: Path
) -> None:
    create(lake, releases, ReleaseConfig(name="frames", codec="zstd"))
    first = create(lake, releases, ReleaseConfig(name="clips", unit="clip"))

    again = create(lake, releases, ReleaseConfig(name="again", unit="clip", seed=3))

    assert {one.file for one in again.shards} == {one.file for one in first.shards}
    elsewhere = LocalStorage(tmp_path / "elsewhere")
    assert remade(lake, releases, "clips", elsewhere) == len(first.shards)
    assert {one.key for one in elsewhere.list()} == {one.file for one in first.shards}


def test_clips_have_a_codec_of_their_own() -> None:
    assert ReleaseConfig(name="clips", unit="clip").codec == "zstd"
    with pytest.raises(ConfigError, match="codec 'zstd'"):
        parse(ReleaseConfig, json.loads('{"name": "x", "unit": "clip", "codec": "png"}'), "release")


def test_a_batch_is_made_of_pictures_and_not_of_clips(cut: Lake) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    data = load("clips", lake=cut.storage.uri)

    with pytest.raises(UsageError, match="windows of clips"):
        echoatlas.collate(data.__getitems__([0, 1]))

    assert torch.from_numpy(data[0].image[2]).shape == (16, 16)


def test_clips_are_pulled_as_others_read_them(cut: Lake, tmp_path: Path) -> None:
    releases = cut.storage.sub("releases")
    asked = {"file": "npy", "least": "1"}
    assert pull(releases, "clips", tmp_path / "to", "clips", settings=asked) == 3

    expected = np.stack([picture(place) for place in range(4)])
    found = [np.load(one)[..., 0] for one in (tmp_path / "to" / "Videos").iterdir()]
    assert any(one.shape == expected.shape and np.array_equal(expected, one) for one in found)
