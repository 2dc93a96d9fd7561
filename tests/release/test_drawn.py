"""Fan, overlay and patch map come with every format, where its readers look for more."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from echoatlas.pipeline.frames.codec import encode, encode_mask
from echoatlas.pipeline.frames.measure import measure
from echoatlas.pipeline.frames.normalize import normalize, plan_frames
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.pull import FORMATS, pull
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.records import Redaction
from echoatlas.simulate import make_cine
from tests.helpers.exported import (
    FAN,
    FRAMES,
    GRAPHICS,
    WIDE,
    area,
    drawn,
    releases_of_clips,
    releases_of_frames,
)
from tests.helpers.mds import mds_samples
from tests.helpers.tables import quick_lake

Array = np.ndarray[Any, np.dtype[Any]]
Found = tuple[str, Array | None, Array | None, Array | None]  # frame, fan, overlay, patches
SPLITS = ("train", "val", "test")
LOOSE = ("files", "lists", "chat", "imagefolder", "pairs")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    return releases_of_frames(tmp_path_factory.mktemp("lake"))


def expected(name: str) -> tuple[Array | None, Array | None, Array | None]:
    told = drawn(int(name[1:]))
    patches = told.get("patch_map")
    return (
        FAN.mask(16, 16) if "fan" in told else None,
        GRAPHICS if "overlay" in told else None,
        None if patches is None else np.frombuffer(patches, np.uint8).reshape(16, 16),
    )


def picture_of(data: bytes | None) -> Array | None:
    return None if data is None else cv2.imdecode(np.frombuffer(data, np.uint8), -1)


def of_files(folder: Path) -> Iterator[Found]:
    names = {one.stem for one in folder.rglob("f????.png")}
    for name in names:
        paths = [folder / kind / f"{name}.png" for kind in ("fans", "overlays", "patch_maps")]
        fan, overlay, patches = (
            picture_of(path.read_bytes()) if path.exists() else None for path in paths
        )
        yield name, fan, overlay, patches


def spoken(told: dict[str, Any]) -> tuple[Array | None, Array | None, Array | None]:
    tools = pytest.importorskip("pycocotools.mask")
    masks = [
        None if one is None else tools.decode(one) for one in (told["fan_mask"], told["overlay"])
    ]
    packed = told["patch_map"]
    if packed is None:
        return masks[0], masks[1], None
    patches = np.frombuffer(base64.b64decode(packed), np.uint8)
    return masks[0], masks[1], patches.reshape(16, 16)


def of_webdataset(folder: Path) -> Iterator[Found]:
    wds = pytest.importorskip("webdataset")
    shards = [str(one) for one in sorted((folder / "shards").glob("*.tar"))]
    for one in wds.WebDataset(shards, shardshuffle=False).decode():
        yield one["__key__"], *spoken(one["json"])


def of_hugging_face(folder: Path) -> Iterator[Found]:
    datasets = pytest.importorskip("datasets")
    read = datasets.load_dataset(str(folder), cache_dir=str(folder.parent / "cache"))
    for split in SPLITS:
        for row in read[split]:
            kinds = (row[kind] for kind in ("fan_mask", "overlay", "patch_map"))
            fan, overlay, patches = (None if one is None else np.asarray(one) for one in kinds)
            yield row["frame_id"], fan, overlay, patches


def of_hugging_face_tars(folder: Path) -> Iterator[Found]:
    datasets = pytest.importorskip("datasets")
    read = datasets.load_dataset(str(folder), cache_dir=str(folder.parent / "cache"))
    for split in SPLITS:
        for row in read[split]:
            yield row["json"]["frame_id"], *spoken(row["json"])


def of_coco(folder: Path) -> Iterator[Found]:
    coco = pytest.importorskip("pycocotools.coco")
    for split in SPLITS:
        found = coco.COCO(str(folder / "annotations" / f"instances_{split}.json"))
        for image in found.loadImgs(found.getImgIds()):
            yield image["frame_id"], *spoken(image)


def of_hdf5(folder: Path) -> Iterator[Found]:
    h5py = pytest.importorskip("h5py")
    for path in (folder / "images").iterdir():
        with h5py.File(path) as file:
            kinds = ("fan_mask", "overlay", "patch_map")
            fan, overlay, patches = (file[one][:] if one in file else None for one in kinds)
        yield path.stem, fan, overlay, patches


READERS = {
    **dict.fromkeys(LOOSE, of_files), "webdataset": of_webdataset, "parquet": of_hugging_face,
    "coco": of_coco, "hdf5": of_hdf5,
}  # fmt: skip
CASES = [*READERS.items(), ("webdataset", of_hugging_face_tars)]


@pytest.mark.parametrize(("form", "read"), CASES)
def test_each_sample_brings_what_is_drawn_of_it(
    form: str, read: Callable[[Path], Iterator[Found]], releases: Storage, tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path / "to", form)

    found = list(read(tmp_path / "to"))
    assert len(found) == {"pairs": FRAMES // 3}.get(form, FRAMES)
    for name, fan, overlay, patches in found:
        known_fan, known_overlay, known_patches = expected(name)
        for mask, known in ((fan, known_fan), (overlay, known_overlay)):
            assert (mask is None) == (known is None)
            assert mask is None or np.array_equal(mask > 0, known)
        assert (patches is None) == (known_patches is None)
        assert patches is None or np.array_equal(patches, known_patches)


def of_mds(folder: Path) -> Iterator[tuple[str, dict[str, Array]]]:
    for split in SPLITS:
        for one in mds_samples(folder / split):
            yield one["frame_id"], one


@pytest.mark.filterwarnings("ignore::UserWarning:monai")
def of_monai(folder: Path) -> Iterator[tuple[str, dict[str, Array]]]:
    pytest.importorskip("torch")
    data, transforms = pytest.importorskip("monai.data"), pytest.importorskip("monai.transforms")
    names = ["fan_mask", "overlay", "patch_map"]
    load = transforms.LoadImaged(keys=names, reader="NrrdReader", image_only=True)
    for key in ("training", "validation", "test"):
        items = data.load_decathlon_datalist(str(folder / "dataset.json"), True, key, str(folder))
        for item in items:
            # Only keys of images are joined to the folder
            one = load(item | {name: str(folder / item[name]) for name in names})
            spread = np.abs(np.asarray(one["patch_map"].affine).diagonal()[:2])
            own = np.abs(np.asarray(one["fan_mask"].affine).diagonal()[:2])
            assert np.allclose(spread * 16, own * 16)
            yield item["frame_id"], {name: np.asarray(one[name]).T for name in names}


@pytest.mark.filterwarnings("ignore::UserWarning:monai")
@pytest.mark.parametrize(("form", "read"), [("mds", of_mds), ("monai", of_monai)])
def test_readers_that_want_the_same_of_every_sample_are_given_it(
    form: str,
    read: Callable[[Path], Iterator[tuple[str, dict[str, Array]]]],
    releases: Storage,
    tmp_path: Path,
) -> None:
    pull(releases, "one", tmp_path / "to", form)

    found = list(read(tmp_path / "to"))
    assert len(found) == {"monai": FRAMES // 3}.get(form, FRAMES)
    for name, one in found:
        fan, overlay, patches = expected(name)
        known = {
            "fan_mask": np.ones((16, 16)) if fan is None else fan,
            "overlay": np.zeros((16, 16)) if overlay is None else overlay,
        }
        assert all(np.array_equal(one[kind] > 0, mask) for kind, mask in known.items())
        levels = np.full((16, 16), 255) if patches is None else patches
        assert np.array_equal(one["patch_map"], levels)


@pytest.mark.parametrize("form", sorted({*FORMATS} - {"clips", "sa-v"}))
def test_it_can_be_left_out(form: str, releases: Storage, tmp_path: Path) -> None:
    pull(releases, "one", tmp_path, form, settings={"drawn": "false"})

    assert not any((tmp_path / one).exists() for one in ("fans", "overlays", "patch_maps"))
    for file in tmp_path.rglob("*.json"):
        told = file.read_text()
        assert '"fan_mask": {' not in told and '"fan_mask": "' not in told


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    """A release of frames of 256 x 256, half of them of linear fans and half of phased ones."""
    frames = []
    for seed, shape in enumerate(("linear", "phased", "linear", "phased")):
        scan = make_cine(seed, frames=4, fan=shape, size=(640, 480))
        plan = plan_frames(scan.fans[0], Redaction(scan.fans[0].mask(scan.height, scan.width)))
        for number, shown in enumerate(scan.pictures):
            frame = normalize(shown, plan)
            measures = measure(frame, plan.area, landmarked=False)
            height, width = frame.pixels.shape[:2]
            told = {"object_id": str(seed), "patient": str(seed), "frame_index": number}
            told |= {"image": encode(frame.pixels), "pixel_hash": measures.pixel_hash}
            told |= {"width": width, "height": height, "scale": frame.scale}
            told |= {"offset_x": frame.offset[0], "offset_y": frame.offset[1]}
            told |= {"fan": plan.fan.to_json(), "patch_map": measures.patch_map}
            frames.append(
                told | {"overlay": encode_mask(np.eye(256, dtype=bool)) if number == 0 else b""}
            )
    lake = quick_lake(tmp_path_factory.mktemp("simulated"), frames)
    releases = lake.storage.sub("releases")
    create(lake, releases, ReleaseConfig(name="one", splits={"train": 1.0}))
    return releases


def size_of(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


@pytest.mark.parametrize("form", ["coco", "files", "hdf5", "imagefolder", "mds", "parquet",
                                  "webdataset"])  # fmt: skip
def test_what_every_sample_carries_is_a_small_part_of_the_bytes(
    form: str, simulated: Storage, tmp_path: Path
) -> None:
    for asked in ("true", "false"):
        pull(simulated, "one", tmp_path / asked, form, settings={"drawn": asked})

    without = size_of(tmp_path / "false")
    assert 0 < size_of(tmp_path / "true") - without <= 0.03 * without


def test_a_clip_brings_its_fan_and_what_is_drawn_of_each_frame(tmp_path: Path) -> None:
    tools = pytest.importorskip("pycocotools.mask")
    releases = releases_of_clips(tmp_path / "lake")
    for form, release in (("clips", "one"), ("clips", "whole"), ("sa-v", "one")):
        folder = tmp_path / f"{form}-{release}"
        pull(releases, release, folder, form)

        fan = picture_of((folder / "fans" / "even-0.png").read_bytes())
        assert fan is not None
        assert np.array_equal(WIDE.mask(48, 64), fan > 0)
        overlays = json.loads((folder / "overlays" / "even-0.json").read_text())
        assert [number for number, one in enumerate(overlays) if one] == [3, 4]
        for number in (3, 4):
            assert np.array_equal(area(number) > 0, tools.decode(overlays[number]))
        patches = np.load(folder / "patch_maps" / "even-0.npy")
        assert patches.shape == (23, 16, 16)
        assert patches[:, 5, 5].tolist() == list(range(1, 24))
        assert not (folder / "fans" / "odd-0.png").exists()


def test_masks_of_one_bit_are_a_small_part_of_a_table(releases: Storage, tmp_path: Path) -> None:
    pull(releases, "one", tmp_path, "parquet")

    table = pq.read_table(tmp_path / "train-00000.parquet").to_pylist()
    masks = [row["fan_mask"]["bytes"] for row in table if row["fan_mask"]]
    assert masks and all(len(one) < 120 for one in masks)
    assert io.BytesIO(masks[0]).read(26)[24] == 1  # bits a pixel
