"""A few samples of a release are fetched without their shards, and each is known by its digest."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoatlas import load
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.frames.identity import pixel_hash
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release import create as creating
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.digests import DIGEST, are_known, digests_in
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.release.rebuild import remade
from echoatlas.pipeline.release.verify import verify
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.rows.frames import AnnotationRow, DetailRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers import s3server
from tests.helpers.tables import made, picture, quick_lake

FRAMES, CLIP, SIDE = 300, 3, 128
KINDS: dict[str, dict[str, Any]] = {
    "jpeg": {"codec": "jpeg"},
    "png": {"codec": "png"},
    "zstd": {"codec": "zstd"},
    "clips": {"unit": "clip"},
    "native": {"codec": "png", "size": "native"},
}
FEW = "frame_index % 15 = 0"
SPLITS = {"train": 1.0}


def lake_of(root: Path, frames: int = FRAMES) -> Lake:
    """Frames of speckle, three a clip; of each third a lesion is drawn, and of each
    second clip there are patch maps."""
    told = []
    for number in range(frames):
        shown = picture(number, SIDE)
        told.append(
            {
                "object_id": f"o{number // CLIP:04d}",
                "patient": f"p{number // CLIP:04d}",
                "frame_index": number,
                "time_ms": 40.0 * number,
                "image": encode(shown),
                "pixel_hash": pixel_hash(shown),
                "width": SIDE,
                "height": SIDE,
                "scale": 1.0,
            }
            | ({"patch_map": bytes([number % 256] * 256)} if number // CLIP % 2 else {})
        )
    lake = quick_lake(root, told)
    lesion = encode_png(np.eye(SIDE, dtype=np.uint8) * np.uint8(255))
    marks = {"kind": "mask", "name": "lesion", "mask": lesion, "mask_native": lesion}
    ids = [f"f{number:04d}" for number in range(frames)]
    drawn = [
        made(AnnotationRow, frame_id=one, annotation_id=f"a-{one}", source="sidecar", **marks)
        for one in ids[::3]
    ]
    lake.append("annotations", to_arrow("annotations", drawn))
    size = {"width": SIDE, "height": SIDE, "channels": 1, "scale": 1.0}
    details = [
        made(DetailRow, frame_id=one, image=encode(picture(1000 + number, SIDE)), **size)
        for number, one in enumerate(ids)
    ]
    lake.append("details", to_arrow("details", details))
    return lake


def cut(lake: Lake, releases: Storage, name: str, **settings: Any) -> None:
    create(lake, releases, ReleaseConfig(name=name, splits=SPLITS, shard_mb=1, **settings))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return lake_of(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def releases(s3: str, lake: Lake) -> Storage:
    """One of each kind, on a real server."""
    name = f"b{uuid.uuid4().hex[:12]}"
    s3server.client(s3).create_bucket(Bucket=name)
    found = Storage.open(f"s3://{name}/releases")
    for kind, settings in KINDS.items():
        cut(lake, found, kind, **settings)
    return found


@contextmanager
def fetched(releases: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many bytes come of shards in each read, while the block lasts."""
    found: list[int] = []
    real = type(releases).read

    def counted(self: Any, key: str, *part: Any) -> bytes:
        data = real(self, key, *part)
        if key.startswith("shards/"):
            found.append(len(data))
        return data

    with monkeypatch.context() as patched:
        patched.setattr(type(releases), "read", counted)
        yield found


def rows_of(releases: Storage, name: str, some: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = index_table(releases, manifest_of(releases, name)).to_pylist()
    return [row for row in rows if not some or row["frame_index"] % 15 == 0]


def as_before(releases: Storage, name: str, digests: Any = None) -> None:
    """Have a release say nothing of digests, as those of before there were any; or others."""
    place = f"{name}/manifest.json"
    manifest = json.loads(releases.read(place))
    index = pq.read_table(
        pa.BufferReader(releases.read(f"{name}/{manifest['index']['file']}")), use_threads=False
    )
    told = index.drop_columns([DIGEST])
    if digests is not None:
        told = told.append_column(DIGEST, pa.array(digests, pa.binary(16)))
    sink = io.BytesIO()
    pq.write_table(told, sink, compression="zstd", write_statistics=False)
    file, digest = f"index-{name}.parquet", hashlib.sha256(sink.getvalue())
    releases.write(f"{name}/{file}", sink.getvalue())
    manifest["index"] = {"file": file, "sha256": digest.hexdigest()}
    releases.write(place, json.dumps(manifest).encode())


def form_of(kind: str) -> str:
    return "webdataset" if kind == "clips" else "files"


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("drawn", ["true", "false"])
def test_of_any_kind_of_sample_a_few_are_fetched_without_their_shards(
    kind: str, drawn: str, releases: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(releases, kind, FEW)
    ask = (tmp_path / "to", form_of(kind), FEW)

    with fetched(releases, monkeypatch) as found:
        pull(releases, kind, *ask, settings={"drawn": drawn})

    assert len(rows) == len(found) == 20
    assert sum(found) < 1.4 * sum(row["length"] for row in rows)
    assert sum(found) < sum(one.bytes for one in manifest_of(releases, kind).shards) / 4
    if kind != "clips":
        for row in rows:
            shown = cv2.imread(str(tmp_path / f"to/images/{row['frame_id']}.{ending(kind)}"), -1)
            assert shown is not None and shown.shape == (SIDE, SIDE)


def ending(kind: str) -> str:
    return "jpg" if kind == "jpeg" else "png"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["name", "image", "patch map", "mask"])
def test_a_sample_that_was_damaged_is_told_and_what_lies_beside_it_is_nothing_to_it(
    kind: str, part: str, releases: Storage, tmp_path: Path
) -> None:
    row = rows_of(releases, kind, FEW)[3]
    key, whole = row["shard"], releases.read(row["shard"])
    (mask,) = (one for one in row["annotations"] if one["mask_length"])
    place = {
        "name": row["offset"] - 510,
        "image": row["offset"] + row["length"] // 2,
        "patch map": whole.index(b".patches", row["offset"]) + 512,
        "mask": mask["mask_offset"] + mask["mask_length"] // 2,
    }[part]
    ask = (form_of(kind), f"frame_id = '{row['frame_id']}'")
    try:
        releases.write(key, flipped(whole, place))
        with pytest.raises(CheckFailed, match="a shard is damaged: run `echoatlas verify`"):
            pull(releases, kind, tmp_path / "damaged", *ask)
        releases.write(key, flipped(whole, len(whole) - 2000 if place < 9000 else 600))
        assert pull(releases, kind, tmp_path / "beside", *ask) == 1
    finally:
        releases.write(key, whole)


def test_a_release_of_before_there_were_digests_is_read_as_before(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Storage.open(tmp_path / "releases")
    for kind, settings in KINDS.items():
        cut(lake, own, kind, **settings)
        as_before(own, kind)
        assert all(check.ok for check in verify(own, kind))
        sizes = {one.file: one.bytes for one in manifest_of(own, kind).shards}
        whole = sum(sizes[key] for key in {row["shard"] for row in rows_of(own, kind, FEW)})

        with fetched(own, monkeypatch) as found:
            assert pull(own, kind, tmp_path / kind, form_of(kind), FEW) == 20

        known = kind in ("png", "zstd", "clips")  # by their pixels, or by checksums of their own
        assert (len(found), sum(found) < whole) == (20 if known else len(sizes), known)
        data = load(kind, releases=own.uri, cache=tmp_path / "cache")
        assert len(data) == len(list(data)) == len(rows_of(own, kind))


def test_of_samples_that_stay_where_they_lay_a_successor_says_the_same_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those in a shard that was cut before there were digests, it says none."""
    lake, own = lake_of(tmp_path / "lake", 60), Storage.open(tmp_path / "releases")
    first = {"codec": "jpeg", "where": "frame_index < 30"}
    cut(lake, own, "first", **first)
    digests = {row["frame_id"]: row[DIGEST] for row in rows_of(own, "first")}
    cut(lake, own, "next", codec="jpeg")
    told = {row["frame_id"]: row[DIGEST] for row in rows_of(own, "next")}
    assert all(len(one) == 16 for one in told.values()) and len({*told.values()}) == 60
    assert digests.items() <= told.items()

    other = Storage.open(tmp_path / "other")
    cut(lake, other, "first", **first)
    as_before(other, "first")
    cut(lake, other, "next", codec="jpeg")
    assert told == {
        row["frame_id"]: row[DIGEST] or digests[row["frame_id"]] for row in rows_of(other, "next")
    }
    known = are_known(digests_in(index_table(other, manifest_of(other, "next"))))
    assert sorted(known) == [False] * 30 + [True] * 30
    assert all(check.ok for check in verify(other, "next"))
    for name, parts in (("f0000", 1), ("f0045", 1)):
        with fetched(other, monkeypatch) as found:
            pull(other, "next", tmp_path / name, "files", f"frame_id = '{name}'")
        assert len(found) == parts
        assert (found[0] < 100_000) == (name == "f0045")


def test_shards_that_were_made_again_hold_the_samples_of_their_digests(
    lake: Lake, tmp_path: Path
) -> None:
    own = Storage.open(tmp_path / "releases")
    cut(lake, own, "one", codec="jpeg")
    own.delete([one.file for one in manifest_of(own, "one").shards])

    assert remade(lake, own, "one") > 1

    assert all(check.ok for check in verify(own, "one"))
    assert pull(own, "one", tmp_path / "to", "files", FEW) == 20


def test_verify_tells_a_digest_that_is_another_samples(lake: Lake, tmp_path: Path) -> None:
    own = Storage.open(tmp_path / "releases")
    cut(lake, own, "one", codec="jpeg")
    told = [row[DIGEST] for row in rows_of(own, "one")]
    as_before(own, "one", [told[1], told[0], None, *told[3:]])

    failed = [check for check in verify(own, "one") if not check.ok]

    assert [(one.name, one.detail) for one in failed] == [
        ("samples are those of their digests", "2 are not")
    ]
    first = rows_of(own, "one")[0]["frame_id"]
    assert pull(own, "one", tmp_path / "to", "files", f"frame_id = '{first}'") == 1


def test_what_an_earlier_version_cut_before_it_was_killed_is_cut_again(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wrote no digests down."""
    own, calm = Storage.open(tmp_path / "releases"), Storage.open(tmp_path / "calm")
    cut(lake, calm, "one", codec="jpeg")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(creating, "publish", killed)
        cut(lake, own, "one", codec="jpeg")
    notes = [entry.key for entry in own.list("_cuts/")]
    assert notes
    for key in notes:
        told = [[*shard[:4]] for shard in json.loads(own.read(key))]
        own.write(key, json.dumps(told).encode())
    cut(lake, own, "one", codec="jpeg")

    assert manifest_of(calm, "one").index == manifest_of(own, "one").index
