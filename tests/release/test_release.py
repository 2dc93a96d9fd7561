"""A release: what goes in, what its promises are, and how each broken promise is found."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoatlas.loader import load
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import index_table, manifest_of, names
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.release.verify import verify
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.index import ROLES, index_columns
from echoatlas.schemas.rows.frames import AnnotationRow
from echoatlas.schemas.tables import schema, to_arrow
from tests.helpers.tables import made, picture, quick_lake

FRAMES = [
    {},
    {"path": "thorax/breast", "site": "breast-clinic"},
    {"path": "thorax/breast", "like": 1, "patient": "p0001"},
    {"path": "thorax", "fan_verdict": "review"},
    {"patient": "p0000", "blur": 7.0},
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return quick_lake(tmp_path / "lake", FRAMES)


@pytest.fixture
def releases(lake: Lake) -> Storage:
    return lake.storage.sub("releases")


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Such a lake with a release of it."""
    lake = quick_lake(tmp_path_factory.mktemp("cut"), FRAMES)
    create(lake, lake.storage.sub("releases"), ReleaseConfig(name="whole"))
    return Path(lake.storage.uri)


@pytest.fixture
def whole(cut: Path, tmp_path: Path) -> Storage:
    """The releases of a copy of it."""
    return Storage.open(shutil.copytree(cut, tmp_path / "cut")).sub("releases")


def ids(name: str, lake: Lake, **more: Any) -> list[str]:
    return sorted(sample.frame_id for sample in load(name, lake=lake.storage.uri, **more))


def test_a_duplicate_is_left_out_and_can_be_kept(lake: Lake, releases: Storage) -> None:
    create(lake, releases, ReleaseConfig(name="one"))
    create(lake, releases, ReleaseConfig(name="all", duplicates="keep"))

    assert ids("one", lake) == ["f0000", "f0001", "f0003", "f0004"]
    assert len(ids("all", lake)) == 5


def test_where_a_representative_is_not_selected_its_duplicate_stands_for_it(
    lake: Lake, releases: Storage
) -> None:
    create(lake, releases, ReleaseConfig(name="rest", where="frame_id <> 'f0001'"))

    assert "f0002" in ids("rest", lake)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"where": "region = 'thorax'"}, ["f0001", "f0003"]),
        ({"where": "site = 'breast-clinic' OR blur > 5"}, ["f0001", "f0004"]),
        ({"review": False}, ["f0000", "f0001", "f0004"]),
    ],
)
def test_what_goes_in_is_configuration(
    lake: Lake, releases: Storage, config: dict[str, Any], expected: list[str]
) -> None:
    create(lake, releases, ReleaseConfig(name="part", **config))

    assert expected == ids("part", lake)


@pytest.mark.parametrize("codec", ["png", "zstd", "jpeg"])
def test_each_codec_gives_the_pictures_back(lake: Lake, releases: Storage, codec: Any) -> None:
    create(lake, releases, ReleaseConfig(name=codec, codec=codec))

    data = load(codec, lake=lake.storage.uri)

    assert all(check.ok for check in verify(releases, codec))
    for sample in data:
        difference = sample.image.astype(int) - picture(int(sample.frame_id[1:]))
        assert np.abs(difference).max() <= (40 if codec == "jpeg" else 0)


@pytest.fixture
def marked(tmp_path: Path) -> Lake:
    """A lake whose frames came with masks, boxes, points, numbers and classes."""
    lake = quick_lake(tmp_path / "marked", FRAMES)
    mask = np.zeros((16, 16), np.uint8)
    mask[4:9, 2:12] = 1
    drawn = cv2.imencode(".png", mask)[1].tobytes()
    said: list[dict[str, Any]] = [
        {"frame_id": "f0000", "kind": "mask", "name": "lesion", "mask": drawn},
        {"frame_id": "f0000", "kind": "class", "name": "finding", "value": "benign"},
        {"frame_id": "f0000", "kind": "mask", "name": "nodule", "mask": drawn},
        {"frame_id": "f0001", "kind": "box", "name": "lesion", "points": [1.0, 2.0, 9.5, 12.0]},
        {"frame_id": "f0001", "kind": "keypoints", "name": "axis", "points": [3.0, 4.0, 5.0, 6.0]},
        {"frame_id": "f0001", "kind": "scalar", "name": "ef", "number": 55.5, "unit": "%"},
    ]
    rows = [made(AnnotationRow, annotation_id=f"a{n}", **one) for n, one in enumerate(said)]
    lake.append("annotations", to_arrow("annotations", rows))
    return lake


@pytest.mark.parametrize("codec", ["png", "zstd"])
def test_a_sample_comes_with_its_annotations(marked: Lake, codec: Any) -> None:
    releases = marked.storage.sub("releases")
    create(marked, releases, ReleaseConfig(name="one", codec=codec))

    found = {sample.frame_id: sample for sample in load("one", lake=marked.storage.uri)}

    assert all(check.ok for check in verify(releases, "one"))
    first, second = found["f0000"].annotations, found["f0001"].annotations
    assert [(a.kind, a.name, a.value) for a in first] == [
        ("class", "finding", "benign"), ("mask", "lesion", ""), ("mask", "nodule", "")
    ]  # fmt: skip
    assert first[1].mask is not None
    assert first[1].mask.shape == found["f0000"].image.shape[:2]
    assert int(first[1].mask.sum()) == 50
    assert [a.points.tolist() for a in second] == [
        [[1.0, 2.0], [9.5, 12.0]], [[3.0, 4.0], [5.0, 6.0]], []
    ]  # fmt: skip
    assert (second[2].number, second[2].unit) == (55.5, "%")
    assert found["f0003"].annotations == ()
    assert found["f0000"].meta["annotated"] == "class mask"


def test_what_came_with_the_data_can_be_asked_for(marked: Lake) -> None:
    releases = marked.storage.sub("releases")
    create(marked, releases, ReleaseConfig(name="one", where="annotated LIKE '%mask%'"))

    assert ids("one", marked) == ["f0000"]


def test_the_same_annotations_give_the_same_release(marked: Lake, tmp_path: Path) -> None:
    other = quick_lake(tmp_path / "other", FRAMES)
    rows = marked.read("annotations").to_pylist()
    for row in rows[::-1]:
        other.append("annotations", pa.Table.from_pylist([row], schema("annotations")))

    first, second = (
        create(one, one.storage.sub("releases"), ReleaseConfig(name="one"))
        for one in (marked, other)
    )

    assert first.shards == second.shards
    assert first.index == second.index


def test_each_format_brings_the_annotations(marked: Lake, tmp_path: Path) -> None:
    releases = marked.storage.sub("releases")
    create(marked, releases, ReleaseConfig(name="one"))
    for kind in ("files", "parquet", "webdataset"):
        pull(releases, "one", tmp_path / kind, kind)
    pull(releases, "one", tmp_path / "part", "webdataset", "frame_id = 'f0000'")

    with (tmp_path / "files" / "index.csv").open() as stream:
        told = {row["frame_id"]: row["annotations"] for row in csv.DictReader(stream)}
    masks = [one["mask"] for one in json.loads(told["f0000"]) if one["kind"] == "mask"]
    assert masks == ["masks/f0000.mask-0.png", "masks/f0000.mask-1.png"]
    assert all((tmp_path / "files" / one).is_file() for one in masks)
    assert told["f0003"] == ""
    parts = (tmp_path / "parquet").glob("*.parquet")
    rows = {row["frame_id"]: row for part in parts for row in pq.read_table(part).to_pylist()}
    assert rows["f0000"]["annotations"][1]["mask"] == "mask-0.png"
    assert [one["bytes"][:4] for one in rows["f0000"]["masks"]] == [b"\x89PNG"] * 2
    assert (tmp_path / "webdataset" / "shards" / "train-00000.tar").is_file()
    (shard,) = (tmp_path / "part" / "shards").glob("*.tar")
    with tarfile.open(shard) as tar:
        endings = ("png", "mask-0.png", "mask-1.png", "json", "txt", "cls")
        assert [f"f0000.{one}" for one in endings] == tar.getnames()
        meta = json.load(tar.extractfile("f0000.json"))  # type: ignore[arg-type]
    assert [one["mask"] for one in meta["annotations"]] == ["", "mask-0.png", "mask-1.png"]


def test_a_box_beside_its_image_is_found(marked: Lake) -> None:
    row = made(AnnotationRow, annotation_id="b", frame_id="f0003", kind="box", name="x")
    beside = replace(row, points=[3.0, 3.0, 17.0, 9.0])
    marked.append("annotations", to_arrow("annotations", [beside]))
    releases = marked.storage.sub("releases")
    create(marked, releases, ReleaseConfig(name="one"))

    failed = [check.name for check in verify(releases, "one") if not check.ok]

    assert failed == ["annotations lie in their images"]


def test_a_name_is_taken_once(lake: Lake, whole: Storage) -> None:
    before = manifest_of(whole, "whole")

    with pytest.raises(UsageError, match="releases never change"):
        create(lake, whole, ReleaseConfig(name="whole", seed=1))

    assert before == manifest_of(whole, "whole")
    assert names(whole) == ["whole"]


def test_an_empty_lake_and_an_empty_selection_are_one_line(
    lake: Lake, releases: Storage, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="nothing was selected"):
        create(lake, releases, ReleaseConfig(name="none", where="region = 'back'"))
    with pytest.raises(UsageError, match=r"--where: .*regoin") as told:
        create(lake, releases, ReleaseConfig(name="none", where="regoin = 'back'"))
    assert "_row" not in str(told.value)
    for nothing in ("1", "organ"):
        with pytest.raises(UsageError, match=f"--where: {nothing}: no condition"):
            create(lake, releases, ReleaseConfig(name="none", where=nothing))
    with pytest.raises(CheckFailed, match="no frames yet"):
        create(Lake(Storage.open(tmp_path / "new")), releases, ReleaseConfig(name="none"))

    assert names(releases) == []


def test_a_selection_reads_no_file_and_writes_none(lake: Lake, releases: Storage) -> None:
    for expression in ("(SELECT count(*) FROM read_csv('/etc/passwd')) > 0", "1=1); COPY t TO 'x'"):
        with pytest.raises(UsageError, match="--where"):
            create(lake, releases, ReleaseConfig(name="none", where=expression))


Break = Callable[[Storage, dict[str, Any]], None]


def shard_of(releases: Storage, manifest: dict[str, Any]) -> tuple[str, bytearray]:
    name = manifest["shards"][0]["file"]
    return name, bytearray(releases.read(name))


def _flip(releases: Storage, manifest: dict[str, Any]) -> None:
    name, data = shard_of(releases, manifest)
    data[700] ^= 1
    releases.write(name, bytes(data))


def _lose(releases: Storage, manifest: dict[str, Any]) -> None:
    releases.delete([manifest["shards"][0]["file"]])


def _promise_more(releases: Storage, manifest: dict[str, Any]) -> None:
    _rewrite(releases, manifest | {"frames": manifest["frames"] + 1})


def _rewrite(releases: Storage, manifest: dict[str, Any]) -> None:
    releases.write(f"{manifest['name']}/manifest.json", json.dumps(manifest).encode())


def _mix_splits(releases: Storage, manifest: dict[str, Any]) -> None:
    shards = [shard | {"split": "test"} for shard in manifest["shards"]]
    _rewrite(releases, manifest | {"shards": shards})


BROKEN: dict[str, tuple[Break, str]] = {
    "a bit of a shard": (_flip, "shards are as published"),
    "a shard is gone": (_lose, "shards are as published"),
    "the manifest promises more": (_promise_more, "counts"),
    "a shard of another split": (_mix_splits, "shards end at splits"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_promise_is_found(whole: Storage, what: str) -> None:
    assert all(check.ok for check in verify(whole, "whole"))
    harm, where = BROKEN[what]

    harm(whole, manifest_of(whole, "whole").published)

    assert where in {check.name for check in verify(whole, "whole") if not check.ok}


def test_what_rides_along_in_an_image_is_found(whole: Storage) -> None:
    """A shard with a comment in a PNG, published as if it belonged there."""
    manifest = manifest_of(whole, "whole").published
    name, data = shard_of(whole, manifest)
    sink = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(bytes(data))) as old,
        tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as new,
    ):
        for member in old:
            content = old.extractfile(member)
            assert content is not None
            body = content.read()
            if member.name.endswith(".png"):
                body = body[:33] + b"\0\0\0\x04tEXtDOE!\0\0\0\0" + body[33:]
            member.size = len(body)
            new.addfile(member, io.BytesIO(body))
    changed = sink.getvalue()
    digest = hashlib.sha256(changed).hexdigest()
    whole.write(f"shards/{digest}.tar", changed)
    shard = manifest["shards"][0] | {"file": f"shards/{digest}.tar", "sha256": digest}
    _rewrite(whole, manifest | {"shards": [shard, *manifest["shards"][1:]]})

    failed = {check.name for check in verify(whole, "whole") if not check.ok}

    assert "nothing rides along in shards or images" in failed
    assert name != shard["file"]


def test_places_in_shards_that_are_not_listed_are_told(whole: Storage) -> None:
    _rewrite(whole, manifest_of(whole, "whole").published | {"shards": []})

    with pytest.raises(CheckFailed, match="speaks of shards that it does not list"):
        index_table(whole, manifest_of(whole, "whole"))


def test_a_pull_that_was_cut_off_goes_on_and_a_damaged_one_is_refused(
    whole: Storage, tmp_path: Path
) -> None:
    pull(whole, "whole", tmp_path / "pulled", "files")
    (tmp_path / "pulled" / "images" / "f0001.png").unlink()
    kept = (tmp_path / "pulled" / "images" / "f0000.png").stat().st_mtime_ns

    assert pull(whole, "whole", tmp_path / "pulled", "files") == 4
    assert kept == (tmp_path / "pulled" / "images" / "f0000.png").stat().st_mtime_ns
    assert (tmp_path / "pulled" / "images" / "f0001.png").is_file()
    _flip(whole, manifest_of(whole, "whole").published)
    with pytest.raises(CheckFailed, match="a shard is damaged"):
        pull(whole, "whole", tmp_path / "again", "files")


def test_parquet_and_webdataset_carry_every_sample(whole: Storage, tmp_path: Path) -> None:
    pull(whole, "whole", tmp_path / "parquet", "parquet")
    pull(whole, "whole", tmp_path / "part", "webdataset", "region = 'thorax'")

    parts = (tmp_path / "parquet").glob("*.parquet")
    told = [one for part in parts for one in pq.read_table(part).column("frame_id").to_pylist()]
    assert ids("whole", Lake(Storage.open(tmp_path / "cut"))) == sorted(told)
    members = []
    for shard in (tmp_path / "part" / "shards").glob("*.tar"):
        with tarfile.open(shard) as tar:
            members += tar.getnames()
    assert {f"{one}.{e}" for one in ("f0001", "f0003") for e in ("png", "json", "txt", "cls")} == {
        *members
    }


def test_a_release_of_tomorrow_is_told(lake: Lake, whole: Storage) -> None:
    _rewrite(whole, manifest_of(whole, "whole").published | {"format": 3})

    with pytest.raises(UsageError, match="format 3"):
        manifest_of(whole, "whole")
    with pytest.raises(UsageError, match="format 3"):
        create(lake, whole, ReleaseConfig(name="another"))
    assert names(whole) == ["whole"]


@pytest.mark.parametrize("data", [b"{", b"[]", b"{}", b'{"format": "x"}', b'{"name": "whole"}'])
def test_a_damaged_manifest_is_told_in_one_line(releases: Storage, data: bytes) -> None:
    releases.write("whole/manifest.json", data)

    with pytest.raises(CheckFailed, match="manifest of release 'whole' is damaged"):
        manifest_of(releases, "whole")


def test_the_index_has_the_columns_that_the_dictionary_tells(whole: Storage) -> None:
    index = index_table(whole, manifest_of(whole, "whole"))
    told = {one.name: one.type.removesuffix(" or null") for one in index_columns()}

    assert list(told) == index.column_names
    assert {name for names in ROLES.values() for name in names} <= set(told)
    lists = {"annotations", "measurements"}
    shown = {one.name: str(one.type) for one in index.schema if one.name not in lists}
    assert shown == {name: told[name] for name in shown}
