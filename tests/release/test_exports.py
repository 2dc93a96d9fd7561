"""Each layout as its readers read it, by their own code where it installs, else by its rules."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from echoatlas import load
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.frames.codec import encode, encode_mask
from echoatlas.pipeline.frames.identity import pixel_hash
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.exports.rle import mask_box, run_lengths
from echoatlas.pipeline.release.exports.target import Target
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.release.notices import publish, redaction_notice
from echoatlas.pipeline.release.pull import FORMATS, pull
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.fan import Fan, Shape
from echoatlas.schemas.rows.frames import MeasurementRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.exported import FRAMES, releases_of_clips, releases_of_frames, ring
from tests.helpers.mds import mds_samples
from tests.helpers.tables import made, picture, quick_lake

FORMS = sorted({*FORMATS} - {"clips", "sa-v"})  # those of single frames


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    return releases_of_frames(tmp_path_factory.mktemp("lake"))


def rows_of(releases: Storage, name: str = "one") -> dict[str, dict[str, Any]]:
    index = index_table(releases, manifest_of(releases, name))
    return {row["frame_id"]: row for row in index.to_pylist()}


def read(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels  # type: ignore[return-value]


def is_picture(path: Path) -> bool:
    return np.array_equal(picture(int(path.stem[1:5])), read(path))


def tree_of(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, but for the receipt."""
    found = (one for one in folder.rglob("*") if one.is_file())
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in found}


@pytest.mark.parametrize("form", FORMS)
def test_what_was_cut_off_is_gone_on_with_and_ends_as_if_undisturbed(
    form: str, releases: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(releases, "one", tmp_path / "whole", form)
    for moment in (1, 3):
        dest, done = tmp_path / f"cut-{moment}", 0

        def cut(what: str, number: int, of: int, moment: int = moment) -> None:
            if number > moment * of // 5:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            pull(releases, "one", dest, form, progress=cut)
        before = {one: one.stat().st_mtime_ns for one in dest.rglob("*") if one.is_file()}
        pull(releases, "one", dest, form)

        assert tree_of(tmp_path / "whole") == tree_of(dest)
        kept = [
            one for one, time in before.items() if one.exists() and one.stat().st_mtime_ns == time
        ]
        done += len(kept)
        assert done or len(before) <= 1


def test_what_a_killed_pull_was_writing_goes_when_it_is_gone_on_with(
    releases: Storage, tmp_path: Path
) -> None:
    """Half a picture, which may be of somebody who has left since."""
    pull(releases, "one", tmp_path / "whole", "files")

    def cut(what: str, number: int, of: int) -> None:
        if number > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(releases, "one", tmp_path / "cut", "files", progress=cut)
    (tmp_path / "cut/images/.partial-abcdefgh").write_bytes(b"half a picture")
    pull(releases, "one", tmp_path / "cut", "files")

    assert tree_of(tmp_path / "whole") == tree_of(tmp_path / "cut")


# What is written last is the same of all of them
@pytest.mark.parametrize(
    "form",
    [
        *("files", "parquet"),
        *(pytest.param(one, marks=pytest.mark.heavy) for one in ("coco", "mds", "webdataset")),
    ],
)
def test_killed_at_its_last_writes_a_pull_ends_as_if_undisturbed(
    form: str, releases: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As documents, sums and the receipt are written."""
    real, written = LocalStorage.write, 0
    left = 10**9

    def write(self: LocalStorage, key: str, data: bytes, *, create: bool = False) -> None:
        nonlocal left, written
        left, written = left - 1, written + 1
        if left == 0:
            raise KeyboardInterrupt
        real(self, key, data, create=create)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "write", write)
        pull(releases, "one", tmp_path / "whole", form)
        number = written
        for before_end in (0, 1, 2, 4, 7):
            left = number - before_end
            with pytest.raises(KeyboardInterrupt):
                pull(releases, "one", tmp_path / f"cut-{before_end}", form)

    for dest in tmp_path.glob("cut-*"):
        pull(releases, "one", dest, form)
        assert tree_of(tmp_path / "whole") == tree_of(dest)


@pytest.mark.parametrize("form", FORMS)
def test_sums_tell_what_is_there_and_what_changed_is_made_anew(
    form: str, releases: Storage, tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path / "to", form)
    before = tree_of(tmp_path / "to")
    sums = dict(
        reversed(line.split("  ", 1)) for line in before["SHA256SUMS"].decode().splitlines()
    )
    victim = max(sums, key=lambda name: len(before[name]))
    (tmp_path / "to" / victim).write_bytes(b"changed")
    (tmp_path / "to" / "my-notes.txt").write_text("mine")

    pull(releases, "one", tmp_path / "to", form)

    after = tree_of(tmp_path / "to")
    assert after.pop("my-notes.txt") == b"mine"
    assert before == after
    assert {*sums, "SHA256SUMS", "pulled.json"} == set(after)
    assert sums == {name: hashlib.sha256(after[name]).hexdigest() for name in sums}


def test_nothing_of_an_earlier_pull_is_left_but_what_others_put_there(
    releases: Storage, tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path / "to", "files")
    (tmp_path / "to" / "images" / "mine.png").write_bytes(b"mine")

    before = tree_of(tmp_path / "to")
    with pytest.raises(UsageError, match="holds another pull"):
        pull(releases, "one", tmp_path / "to", "webdataset", "split = 'train'")
    assert tree_of(tmp_path / "to") == before
    pull(releases, "one", tmp_path / "to", "webdataset", "split = 'train'", replace=True)

    fresh = tmp_path / "fresh"
    pull(releases, "one", fresh, "webdataset", "split = 'train'")
    assert tree_of(fresh) | {"images/mine.png": b"mine"} == tree_of(tmp_path / "to")


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_of_somebody_else_is_not_written_to(
    releases: Storage, tmp_path: Path, replace: bool
) -> None:
    """Many a folder has a README.md, and a pull would write its card over it."""
    (tmp_path / "README.md").write_text("mine")

    with pytest.raises(UsageError, match="holds files that no pull wrote"):
        pull(releases, "one", tmp_path, "files", "split = 'train'", replace=replace)

    assert tree_of(tmp_path) == {"README.md": b"mine"}


def test_an_empty_volume_is_nobodys_else(releases: Storage, tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".DS_Store").write_bytes(b"")

    pull(releases, "one", tmp_path, "files", "split = 'train'")

    assert (tmp_path / "pulled.json").is_file()


def test_one_that_failed_before_it_wrote_anything_leaves_the_folder_to_others(
    releases: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise CheckFailed("nothing of the selection can be written so")

    with monkeypatch.context() as patch:
        patch.setattr(Target, "has", failing)
        with pytest.raises(CheckFailed):
            pull(releases, "one", tmp_path / "to", "files", "split = 'train'")

    pull(releases, "one", tmp_path / "to", "files")

    pull(releases, "one", tmp_path / "fresh", "files")
    assert tree_of(tmp_path / "fresh") == tree_of(tmp_path / "to")


def test_what_was_pulled_of_a_redacted_release_gives_way_to_its_successor(
    releases: Storage, tmp_path: Path
) -> None:
    own = Storage.open(shutil.copytree(releases.uri, tmp_path / "releases"))
    said: list[str] = []
    pull(own, "one", tmp_path / "to", "files")
    publish(own, "one", redaction_notice("a patient left", "fast", ()))

    pull(own, "one", tmp_path / "to", "files", tell=said.append)

    assert "release one is redacted" in said[0]
    assert json.loads((tmp_path / "to" / "manifest.json").read_text())["name"] == "fast"


@pytest.fixture
def read_of_shards(releases: Storage, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Each read of a shard from now on: its key, and how many bytes came."""
    asked: list[tuple[str, int]] = []
    real = type(releases).read

    def counted(self: Any, key: str, start: int | None = None, length: int | None = None) -> bytes:
        data = real(self, key, start, length)
        if key.startswith("shards/"):
            asked.append((key, len(data)))
        return data

    monkeypatch.setattr(type(releases), "read", counted)
    return asked


@pytest.mark.parametrize("release", ["one", "fast"])
@pytest.mark.parametrize("drawn", ["true", "false"])
def test_of_a_small_part_only_that_part_is_fetched(
    release: str,
    drawn: str,
    releases: Storage,
    tmp_path: Path,
    read_of_shards: list[tuple[str, int]],
) -> None:
    """A frame with a mask, overlay and patch map, which lie behind its image, and one without; of
    each all tar records that it takes, since the digest is of these."""
    rows = rows_of(releases, release)
    for number, name in enumerate(("f0000", "f0002")):
        row, ask = rows[name], {"drawn": drawn}
        pull(releases, release, tmp_path / name, "files", f"frame_id = '{name}'", settings=ask)

        placed = [one for one in row["annotations"] if one["mask_length"]]
        ends = [one["mask_offset"] + one["mask_length"] for one in placed]
        assert len(ends) == (1 if name == "f0000" else 0)
        end = max([row["offset"] + row["length"], *ends])
        records = 1 + -(-(end - row["offset"]) // 512)
        assert read_of_shards[number:] == [(row["shard"], records * 512)]
    found = tree_of(tmp_path / "f0000")
    assert "masks/f0000.mask-0.png" in found
    assert ("overlays/f0000.png" in found) == (drawn == "true")


def test_of_clips_too_only_those_asked_for_are_fetched_and_checked(tmp_path: Path) -> None:
    releases = releases_of_clips(tmp_path / "lake")
    row = rows_of(releases, "whole")["f0000"]
    shard = Path(releases.uri) / row["shard"]
    whole = shard.read_bytes()
    mask = row["annotations"][-1]
    end = mask["mask_offset"] + mask["mask_length"]
    asked = ("clips", "frame_id = 'f0000'", lambda said: None, {"file": "npy"})
    pull(releases, "whole", tmp_path / "whole", *asked)

    start = row["offset"] - 512  # its header
    shard.write_bytes(bytes(start) + whole[start : -(-end // 512) * 512])
    pull(releases, "whole", tmp_path / "alone", *asked)
    assert tree_of(tmp_path / "whole") == tree_of(tmp_path / "alone")

    for place in (row["offset"] + 9_000, end - 40):
        shard.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(CheckFailed, match="a shard is damaged"):
            pull(releases, "whole", tmp_path / f"damaged-{place}", *asked)


@pytest.mark.parametrize("member", ["image", "overlay", "patch map", "mask"])
def test_what_is_fetched_alone_is_checked(member: str, releases: Storage, tmp_path: Path) -> None:
    row = rows_of(releases, "fast")["f0000"]
    shard = Path(releases.uri) / row["shard"]
    whole = shard.read_bytes()
    (mask,) = (one for one in row["annotations"] if one["mask_length"])
    place = {
        "image": row["offset"] + row["length"] // 2,
        "overlay": whole.index(b"f0000.overlay.png", row["offset"]) + 512 + 50,
        "patch map": whole.index(b"f0000.patches", row["offset"]) + 512 + 50,
        "mask": mask["mask_offset"] + mask["mask_length"] // 2,
    }[member]
    try:
        shard.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(CheckFailed, match="a shard is damaged"):
            pull(releases, "fast", tmp_path / "damaged", "files", "frame_id = 'f0000'")
    finally:
        shard.write_bytes(whole)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cocoo", {}), "no format 'cocoo'; did you mean 'coco'"),
        (("pairs", {"imagee": "x"}), "--format pairs: unknown key 'imagee'; did you mean 'image'"),
        (("imagefolder", {"label": "quality"}), "--set label=quality: its values (double) are no"),
        (("imagefolder", {"label": "findin"}), "is called 'findin'; did you mean 'finding'"),
        (("pairs", {"name": "nothing"}), "they have no mask of the name 'nothing'"),
    ],
)
def test_a_wrong_wish_is_one_line(
    words: tuple[str, Mapping[str, Any]], said: str, releases: Storage, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as told:
        pull(releases, "one", tmp_path / "to", words[0], settings=words[1])

    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_two_pulls_to_one_folder_do_not_mix(releases: Storage, tmp_path: Path) -> None:
    def another(what: str, number: int, of: int) -> None:
        with pytest.raises(UsageError, match="another pull is writing"):
            pull(releases, "fast", tmp_path / "to", "files")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(releases, "one", tmp_path / "to", "files", progress=another)


def test_webdataset_reads_a_brace_range_and_all_samples_have_the_same_members(
    releases: Storage, tmp_path: Path
) -> None:
    wds = pytest.importorskip("webdataset")
    pull(releases, "one", tmp_path / "to", "webdataset")

    url = f"{tmp_path / 'to' / 'shards'}/{{train,val,test}}-{{00000..00000}}.tar"
    read_back = list(wds.WebDataset(url, shardshuffle=False).decode("rgb8"))

    names = (tmp_path / "to" / "classes.txt").read_text().splitlines()
    assert len(read_back) == FRAMES
    for one in read_back:
        assert {"png", "mask-0.png", "json", "txt", "cls"} == {
            key for key in one if not key.startswith("__")
        }
        assert np.array_equal(picture(int(one["__key__"][1:])), one["png"][..., 0])
        named = [mark["mask"] for mark in one["json"]["annotations"] if mark["mask"]]
        assert bool(named) == bool(one["mask-0.png"].any())
        place = {"abdomen/liver": "liver (abdomen)", "thorax/breast": "breast (thorax)"}
        assert f"B-mode ultrasound, of the {place[names[one['cls']]]}" in one["txt"]


@pytest.mark.parametrize("label", ["organ", "finding"])
def test_an_image_folder_has_the_same_classes_in_every_split(
    label: str, releases: Storage, tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path / "to", "imagefolder", settings={"label": label})

    numbers = []
    for split in ("train", "val", "test"):
        # torchvision 0.28, datasets/folder.py: folders in order are classes, none may be empty
        folders = sorted(one for one in (tmp_path / "to" / split).iterdir() if one.is_dir())
        numbers.append({one.name: number for number, one in enumerate(folders)})
        for folder in folders:
            images = list(folder.iterdir())
            assert images and all(is_picture(one) for one in images)
            if label == "organ":
                rows = rows_of(releases)
                told = {(rows[one.stem]["organ"], rows[one.stem]["split"]) for one in images}
                assert {(folder.name, split)} == told
    assert numbers[0] == numbers[1] == numbers[2]
    assert list(numbers[0]) == (tmp_path / "to" / "classes.txt").read_text().split()
    if len(numbers[0]) < 2:
        return  # of a single class Hugging Face's builder makes no label
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset(str(tmp_path / "to"), cache_dir=str(tmp_path / "cache"))
    for split, numbered in zip(("train", "val", "test"), numbers, strict=True):
        assert found[split].features["label"].names == list(numbered)
        images = list((tmp_path / "to" / split).glob("*/*.png"))
        named = [numbered[one.parent.name] for one in images]
        assert sorted(named) == sorted(found[split]["label"])


FAN = Fan(Shape.LINEAR, corners=((1, 1), (13, 1), (13, 14), (1, 14)), verdict="accept")


def test_loose_files_bring_fan_overlay_patch_map_and_measurements(tmp_path: Path) -> None:
    drawn = np.eye(16, dtype=bool)
    frames: list[dict[str, Any]] = [
        {"patch_map": bytes(range(256)), "overlay": encode_mask(drawn), "study": "s1"}
        | {"fan": FAN.to_json(), "scale": 1.0},
        {"patch_map": bytes([7] * 256), "study": "s2"},
        {"study": "s3"},
    ]
    lake = quick_lake(tmp_path / "lake", frames)
    stated = {"site": "st-elsewhere", "study": "s1", "name": "EjectionFraction", "number": 55.0}
    rows = [made(MeasurementRow, object_id="sr", code="LN/18043-0", unit="%", **stated)]
    lake.append("measurements", to_arrow("measurements", rows))
    found = lake.storage.sub("releases")
    create(lake, found, ReleaseConfig(name="one", splits={"train": 1.0}))

    pull(found, "one", tmp_path / "to", "files")
    pull(found, "one", tmp_path / "to", "files")  # and again, with nothing to do
    pull(found, "one", tmp_path / "chat", "chat")

    names = {
        folder: sorted(one.name for one in (tmp_path / "to" / folder).glob("*"))
        for folder in ("fans", "overlays", "patch_maps")
    }
    first, second = "f0000.png", "f0001.png"
    assert names == {"fans": [first], "overlays": [first], "patch_maps": [first, second]}
    assert np.array_equal(drawn * 255, read(tmp_path / "to" / "overlays" / first))
    patches = read(tmp_path / "to" / "patch_maps" / first)
    assert np.array_equal(np.arange(256).reshape(16, 16), patches)
    area = read(tmp_path / "to" / "fans" / first)
    assert np.array_equal(load("one", releases=found.uri)[0].fan_mask * 255, area)
    with (tmp_path / "to" / "index.csv").open() as stream:
        told = {row["frame_id"]: row["measurements"] for row in csv.DictReader(stream)}
    assert [one["number"] for one in json.loads(told["f0000"])] == [55.0]
    assert told["f0001"] == ""
    said = {
        one["id"]: one["messages"] for one in json.loads((tmp_path / "chat/train.json").read_text())
    }
    assert said["f0000"][-1]["content"] == "Ejection fraction 55 %."
    assert len(said["f0001"]) == 2


def test_loose_files_are_found_by_a_glob_and_need_no_list(
    releases: Storage, tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path / "set", "files")

    found = sorted(tmp_path.glob("*/images/*.png"))  # OpenUS; USF-MAE globs a folder's pictures

    assert sorted(rows_of(releases)) == [one.stem for one in found]
    assert all(is_picture(one) for one in found)


def test_a_class_that_a_split_lacks_is_left_out_and_told(releases: Storage, tmp_path: Path) -> None:
    where = "NOT (split = 'val' AND organ = 'liver')"
    told: list[str] = []
    pull(releases, "one", tmp_path / "to", "imagefolder", where, missing=told.append)
    pull(releases, "one", tmp_path / "all", "files", where, missing=told.append)

    assert len(told) == 1 and "samples are left out" in told[0] and "(liver)" in told[0]
    assert (tmp_path / "to" / "classes.txt").read_text() == "breast\n"
    assert "is not in every split (liver)" in (tmp_path / "to" / "README.md").read_text()


def test_pairs_are_of_one_name_and_masks_have_two_levels(releases: Storage, tmp_path: Path) -> None:
    names = {"image": "img", "mask": "label"}
    pull(releases, "one", tmp_path / "tiny", "pairs", settings=names)
    pull(releases, "one", tmp_path / "usfm", "pairs", settings={"splits": "set"})
    pull(releases, "one", tmp_path / "index", "pairs", settings={"values": "index"})

    masked = [one for one, row in rows_of(releases).items() if "mask" in row["annotated"]]
    seen = []
    for split in ("train", "val", "test"):
        images = sorted((tmp_path / "tiny" / split / "img").iterdir())
        assert all(is_picture(one) for one in images)
        for image in images:
            mask = read(image.parents[1] / "label" / image.name)
            assert np.array_equal((ring() > 0) * 255, mask)
            set_name = "training_set" if split == "train" else f"{split}_set"
            assert (tmp_path / "usfm" / set_name / "mask" / image.name).is_file()
            assert (tmp_path / "usfm" / set_name / "image" / image.name).is_file()
            classes = read(tmp_path / "index" / split / "mask" / image.name)
            assert np.array_equal(ring() > 0, classes)
        seen += [one.stem for one in images]
    assert sorted(masked) == sorted(seen)
    assert (tmp_path / "index" / "classes.txt").read_text() == "background\nlesion\n"


def test_coco_is_read_by_its_own_tools(releases: Storage, tmp_path: Path) -> None:
    tools = pytest.importorskip("pycocotools.coco")
    pull(releases, "one", tmp_path / "to", "coco")

    masks = boxes = 0
    for split in ("train", "val", "test"):
        found = tools.COCO(str(tmp_path / "to" / "annotations" / f"instances_{split}.json"))
        assert [c["name"] for c in found.loadCats(found.getCatIds())] == ["cyst", "lesion"]
        for image in found.loadImgs(found.getImgIds()):
            assert is_picture(tmp_path / "to" / "images" / image["file_name"])
            for one in found.loadAnns(found.getAnnIds(image["id"])):
                if "segmentation" in one:
                    assert np.array_equal(ring() > 0, found.annToMask(one))
                    assert (one["area"], one["bbox"]) == (int((ring() > 0).sum()), [2, 3, 8, 9])
                    masks += 1
                else:
                    assert one["bbox"] == [2.0, 3.0, 7.5, 9.0]
                    boxes += 1
    assert (masks, boxes) == (10, 10)


def test_what_is_found_exactly_scores_one(releases: Storage, tmp_path: Path) -> None:
    """No annotation has number 0, which evaluation takes for none (pycocotools 2.0.11)."""
    tools = pytest.importorskip("pycocotools.coco")
    scores = pytest.importorskip("pycocotools.cocoeval")
    pull(releases, "one", tmp_path / "to", "coco")

    for split in ("train", "val", "test"):
        truth = tools.COCO(str(tmp_path / "to" / "annotations" / f"instances_{split}.json"))
        names = ("image_id", "category_id", "bbox")
        same = [{name: one[name] for name in names} for one in truth.dataset["annotations"]]
        found = truth.loadRes([one | {"score": 0.9} for one in same])
        judged = scores.COCOeval(truth, found, "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
        assert same and judged.stats[0] == pytest.approx(1.0)


@given(hn.arrays(np.bool_, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_run_lengths_are_those_of_cocoapi(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    tools = pytest.importorskip("pycocotools.mask")
    theirs = tools.encode(np.asfortranarray(mask.astype(np.uint8)))

    mine = json.loads(json.dumps(run_lengths(mask)))

    assert theirs["counts"].decode() == mine["counts"]
    assert np.array_equal(mask, tools.decode(mine))
    assert tools.toBbox(mine).tolist() == mask_box(mask)


def test_lists_name_each_path_by_split_and_by_client(releases: Storage, tmp_path: Path) -> None:
    pull(releases, "one", tmp_path / "to", "lists", settings={"suffix": "_13m"})

    seen: list[str] = []
    rows = rows_of(releases)
    for split in ("train", "val", "test"):
        # UltraDINO, fus_13m.py: a path a line, joined to the root
        paths = (tmp_path / "to" / f"{split}_paths_13m.csv").read_text().split("\n")[:-1]
        assert all(is_picture(tmp_path / "to" / one) for one in paths)
        # UltraFedFM, datasets_fed.py: N_clients/SPLIT/CLIENT, a path before the first comma
        folder = tmp_path / "to" / "2_clients" / split
        found = {one.name: one.read_text().split() for one in folder.iterdir()}
        told = [line.split(",") for lines in found.values() for line in lines]
        assert sorted(paths) == sorted(path for path, _ in told)
        for name, lines in found.items():
            sites = {rows[Path(line.split(",")[0]).stem]["site"] for line in lines}
            assert {f"site-{name[7]}"} == sites
        assert all(rows[Path(one).stem]["fan_shape"] == shape for one, shape in told)
        seen += paths
    assert len(set(seen)) == FRAMES


@pytest.mark.parametrize("style", ["messages", "conversations"])
def test_a_conversation_shows_the_image_once_and_says_what_is_coded(
    style: str, releases: Storage, tmp_path: Path
) -> None:
    pull(releases, "one", tmp_path / "to", "chat", settings={"style": style})

    number, rows = 0, rows_of(releases)
    for split in ("train", "val", "test"):
        for one in json.loads((tmp_path / "to" / f"{split}.json").read_text()):
            path = one["images"][0] if style == "messages" else one["image"]
            role, text = ("role", "content") if style == "messages" else ("from", "value")
            said = [turn[text] for turn in one[style]]
            assert is_picture(tmp_path / "to" / path)
            assert sum(words.count("<image>") for words in said) == 1
            assert said[0].startswith("<image>")
            mine = ["user", "assistant"] if style == "messages" else ["human", "gpt"]
            assert mine * (len(said) // 2) == [turn[role] for turn in one[style]]
            row = rows[one["id"]]
            assert row["organ"] in said[1]
            classes = [mark for mark in row["annotations"] if mark["kind"] == "class"]
            assert len(said) == 2 + 2 * len(classes)
            assert all(mark["value"] in said[3].lower() for mark in classes)
            number += 1
    assert number == FRAMES


def test_hdf5_is_read_as_the_challenges_of_fetuses_do(releases: Storage, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    pull(releases, "one", tmp_path / "to", "hdf5", settings={"root": f"{tmp_path}/to/"})

    # Their baseline's dataset/fetus.py: image (H, W, 3), view from 1, mask of classes, label
    cases = {
        name: json.loads((tmp_path / "to" / f"{name}.json").read_text())
        for name in ("train_labeled", "train_unlabeled", "valid", "test")
    }
    for one in (case for listed in cases.values() for case in listed):
        with h5py.File(one["image"]) as file:
            image, view = file["image"][:], file["view"][:]
        name = Path(one["image"]).stem
        assert np.array_equal(np.repeat(picture(int(name[1:]))[..., None], 3, 2), image)
        assert view.shape == (1,) and view[0] >= 1
        if "label" in one:
            with h5py.File(one["label"]) as file:
                mask, label = file["mask"][:], file["label"][:]
            assert np.array_equal(ring() > 0, mask)
            assert label.shape == (61,) and label.sum() == 2
    labeled = [one for name in ("train_labeled", "valid", "test") for one in cases[name]]
    assert len(labeled) == 10 and all("label" in one for one in labeled)
    assert not any("label" in one for one in cases["train_unlabeled"])


def test_mds_is_read_by_its_rules(releases: Storage, tmp_path: Path) -> None:
    tools = pytest.importorskip("pycocotools.mask")
    pull(releases, "one", tmp_path / "to", "mds", settings={"shard_mb": "1"})

    rows = rows_of(releases)
    digest = manifest_of(releases, "one").index.sha256[:12]
    names = (tmp_path / "to" / "classes.txt").read_text().splitlines()
    seen = []
    for split in ("train", "val", "test"):
        assert all(digest in one.name for one in (tmp_path / "to" / split).glob("*.mds"))
        for sample in mds_samples(tmp_path / "to" / split):
            row = rows[sample["frame_id"]]
            assert np.array_equal(picture(int(row["frame_id"][1:])), sample["image"])
            assert names[sample["label"]] == f"{row['region']}/{row['organ']}"
            assert split == sample["meta"]["split"]
            masks = [mark["mask"] for mark in sample["annotations"] if mark["mask"]]
            assert all(np.array_equal(ring() > 0, tools.decode(one)) for one in masks)
            seen.append(sample["frame_id"])
    assert sorted(rows) == sorted(seen)


@pytest.mark.filterwarnings("ignore::UserWarning:monai")
@pytest.mark.parametrize("task", ["segmentation", "classification"])
def test_monai_reads_its_datalist(task: str, releases: Storage, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    data, transforms = pytest.importorskip("monai.data"), pytest.importorskip("monai.transforms")
    pull(releases, "one", tmp_path / "to", "monai", settings={"task": task})

    segments = task == "segmentation"
    where = str(tmp_path / "to" / "dataset.json"), segments, "training", str(tmp_path / "to")
    items = data.load_decathlon_datalist(*where)
    keys = ["image", "label"] if segments else ["image"]
    load = transforms.LoadImaged(keys=keys, reader="NrrdReader", image_only=True)
    spacings = set()
    for one in data.Dataset(items, load):
        assert np.array_equal(picture(int(one["frame_id"][1:])), np.asarray(one["image"]).T)
        if segments:
            assert np.array_equal(ring() > 0, np.asarray(one["label"]).T)
        spacing = np.abs(np.asarray(one["image"].affine).diagonal()[:2]).tolist()
        assert spacing == ([0.5, 0.25] if one["spaced"] else [1.0, 1.0])
        spacings.add(tuple(spacing))
    batches = list(data.DataLoader(data.Dataset(items, load), batch_size=4))
    assert len(items) == sum(len(batch["frame_id"]) for batch in batches)
    assert len(spacings) == 2


@pytest.mark.filterwarnings("ignore::UserWarning:monai")
def test_monai_reads_color_and_gray_as_pictures_of_as_many_channels(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    data, transforms = pytest.importorskip("monai.data"), pytest.importorskip("monai.transforms")
    color = np.random.default_rng(7).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    told = {"image": encode(color), "channels": 3, "pixel_hash": pixel_hash(color)}
    spaced = {"mm_per_px_x": 0.5, "mm_per_px_y": 0.25}
    lake = quick_lake(tmp_path / "lake", [told | spaced, {}])
    found = lake.storage.sub("releases")
    create(lake, found, ReleaseConfig(name="one", splits={"train": 1.0}))
    pull(found, "one", tmp_path / "to", "monai", settings={"task": "classification"})

    where = str(tmp_path / "to" / "dataset.json"), False, "training", str(tmp_path / "to")
    load = transforms.Compose(
        [
            transforms.LoadImaged(keys=["image"], reader="NrrdReader", image_only=True),
            transforms.EnsureChannelFirstd(keys=["image"], channel_dim=-1),
        ]
    )
    rows = {
        row["frame_id"]: row for row in data.Dataset(data.load_decathlon_datalist(*where), load)
    }

    expected = {"f0000": color, "f0001": np.repeat(picture(1)[..., None], 3, 2)}
    assert sorted(rows) == sorted(expected)
    for name, pixels in expected.items():
        assert np.array_equal(pixels.transpose(2, 1, 0), np.asarray(rows[name]["image"]))
    assert rows["f0000"]["image"].pixdim[:2].tolist() == [0.5, 0.25]
    assert len(next(iter(data.DataLoader(list(rows.values()), batch_size=2)))["image"]) == 2


def test_a_pull_from_s3_goes_on_where_it_was_cut_off_and_refuses_what_is_damaged(
    releases: Storage, bucket: Storage, tmp_path: Path
) -> None:
    for entry in releases.list(""):
        if entry.key.startswith(("one/", "shards/")):
            bucket.write(entry.key, releases.read(entry.key))
    told: list[tuple[int, int]] = []

    def cut(what: str, number: int, of: int) -> None:
        told.append((number, of))
        if number > FRAMES // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(bucket, "one", tmp_path / "to", "files", progress=cut)
    before = {one: one.stat().st_mtime_ns for one in (tmp_path / "to" / "images").iterdir()}
    pull(bucket, "one", tmp_path / "to", "files")
    pull(releases, "one", tmp_path / "local", "files")

    assert [number for number, _ in told] == list(range(told[0][0], FRAMES // 2 + 2))
    assert {of for _, of in told} == {FRAMES}
    assert len(before) > FRAMES // 3
    assert all(one.stat().st_mtime_ns == time for one, time in before.items())
    assert tree_of(tmp_path / "local") == tree_of(tmp_path / "to")
    shard = rows_of(releases)["f0000"]["shard"]
    bucket.write(shard, bucket.read(shard)[:-1] + b"x")
    with pytest.raises(CheckFailed, match="a shard is damaged"):
        pull(bucket, "one", tmp_path / "other", "files")
