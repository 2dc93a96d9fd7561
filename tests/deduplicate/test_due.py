"""A run compares what is new, and what that may be tied to: as if all were compared."""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate.compared_frames import COMPARED
from echoatlas.pipeline.deduplicate.due import DuePart, part_due
from echoatlas.pipeline.deduplicate.hamming import pairs_within
from echoatlas.pipeline.deduplicate.index import indexed
from echoatlas.pipeline.deduplicate.kept_codes import (
    Segment,
    forget_codes,
    near_objects,
    read_segment,
    segment_of,
    write_segment,
)
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.run.lake_steps import deduplicate_lake
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.schemas.config.deployment import DeploymentConfig
from echoatlas.schemas.rows.objects import ObjectRow
from echoatlas.schemas.tables import to_arrow
from tests.deduplicate.test_stage import put
from tests.helpers.shown import Shown, cropped, flipped, pictures, reencoded, shown
from tests.helpers.tables import made

MADE = ("edges", "clips", "duplicates")
Codes = NDArray[np.uint8]


@pytest.fixture(scope="module")
def stills() -> list[Shown]:
    """Of twenty different patients."""
    return shown(*(pictures(seed) for seed in range(100, 120)), start=100)


@pytest.fixture(scope="module")
def compared(stills: list[Shown], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of them, compared."""
    folder = tmp_path_factory.mktemp("compared")
    lake = Lake(LocalStorage(folder))
    put(lake, stills)
    deduplicate_lake(lake, DeploymentConfig(), "r")
    return folder


@pytest.fixture
def lake(compared: Path, tmp_path: Path) -> Lake:
    """A copy of it."""
    return Lake(LocalStorage(shutil.copytree(compared, tmp_path / "lake")))


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[DuePart | None]:
    """What was compared, run by run; None if that was the whole lake."""
    seen: list[DuePart | None] = []

    def noted(*args: Any) -> DuePart | None:
        seen.append(part_due(*args))
        return seen[-1]

    monkeypatch.setattr("echoatlas.pipeline.run.lake_steps.part_due", noted)
    return seen


def told(lake: Lake) -> list[list[dict[str, Any]]]:
    return [sorted(lake.read(name).to_pylist(), key=lambda row: str(row)) for name in MADE]


def anew(lake: Lake, folder: Path) -> list[list[dict[str, Any]]]:
    """What a run says that knows nothing of earlier ones."""
    assert isinstance(lake.storage, LocalStorage)
    ignored = shutil.ignore_patterns(*MADE, "codes")
    shutil.copytree(lake.storage.root, folder, ignore=ignored)
    other = Lake(LocalStorage(folder))
    deduplicate_lake(other, DeploymentConfig(), "anew")
    return told(other)


def again(lake: Lake) -> None:
    lake.forget_handles()
    assert deduplicate_lake(lake, DeploymentConfig(), f"r{random.random()}")


def arrivals() -> list[list[Shown]]:
    """Clips of two patients, and copies as other sites have them, each of an upload of its own."""
    cine, other = pictures(1, frames=6), pictures(2, frames=5)
    clips = [
        cine,
        other,
        [reencoded(one) for one in cine],
        cine[2:],
        [reencoded(one, 60) for one in other[1:3]],
        [flipped(one) for one in cine],
        [cropped(other[2], 0.1)],
        other,
        pictures(105),
    ]
    return [shown(clip, start=number) for number, clip in enumerate(clips)]


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.heavy) for seed in range(1, 5))]
)
def test_run_by_run_it_comes_out_as_if_all_were_compared_at_once(
    lake: Lake, parts: list[DuePart | None], tmp_path: Path, seed: int
) -> None:
    uploads = arrivals()
    random.Random(seed).shuffle(uploads)

    for number in range(0, len(uploads), 2):
        put(lake, [one for upload in uploads[number : number + 2] for one in upload], size=400)
        again(lake)

    assert None not in parts
    assert told(lake) == anew(lake, tmp_path / "anew")
    assert lake.count("edges") >= 6


def test_only_what_is_new_or_near_to_it_is_read(lake: Lake, parts: list[DuePart | None]) -> None:
    put(lake, shown([reencoded(pictures(107)[0])], pictures(1), start=0), size=400)

    again(lake)

    (part,) = parts
    assert part is not None
    assert sorted(part.objects.to_pylist()) == ["o000", "o001", "o107"]
    assert sorted(part.frames.column("object_id").to_pylist()) == ["o000", "o001", "o107"]


def test_in_a_bucket_codes_are_kept_and_asked_as_on_a_disk(
    lake: Lake, stills: list[Shown], parts: list[DuePart | None], bucket: Storage
) -> None:
    remote = Lake(bucket)
    put(remote, stills)
    deduplicate_lake(remote, DeploymentConfig(), "r")
    for place in (lake, remote):
        put(place, shown([reencoded(pictures(107)[0])], pictures(1), start=0), size=400)

        again(place)

    here, there = parts[-2:]
    assert here is not None and there is not None
    assert sorted(there.objects.to_pylist()) == sorted(here.objects.to_pylist())
    assert told(remote) == told(lake)
    segments = [{e.key for e in one.storage.list("codes/")} for one in (lake, remote)]
    assert segments[0] == segments[1]
    for table in ("measures", "frames", "objects"):
        remote.drop_rows(table, "object_id", {"o107"}, f"gone-{table}")

    again(remote)

    assert parts[-1] is None
    assert "o107" not in kept(remote)


def resent(lake: Lake) -> None:
    """The same bytes once more: an object's row beside the one that is there."""
    row = made(ObjectRow, object_id="o103", codec="jpeg", upload="u2", status="duplicate")
    lake.append("objects", to_arrow("objects", [row]))


def same_file(lake: Lake) -> None:
    """Two pictures that are not alike, whose files are one."""
    rows = [
        made(ObjectRow, object_id=one, codec="jpeg", upload="u1", status="kept", content_id="c")
        for one in ("o103", "o111")
    ]
    lake.exchange("objects", "object_id", ["o103", "o111"], to_arrow("objects", rows), "other")


def measured_anew(lake: Lake) -> None:
    """Another picture in the place of one."""
    rows = lake.read("measures").to_pylist()
    theirs = next(row for row in rows if row["object_id"] == "o104")
    row = theirs | {"frame_id": "f10900", "object_id": "o109"}
    table = pa.Table.from_pylist([row], schema=lake.read("measures").schema)
    lake.exchange("measures", "object_id", ["o109"], table, "other")


@pytest.mark.parametrize("change", [resent, same_file, measured_anew])
def test_what_is_told_of_an_object_later_is_compared_as_if_it_were_new(
    lake: Lake,
    parts: list[DuePart | None],
    tmp_path: Path,
    change: Callable[[Lake], None],
) -> None:
    put(lake, shown(pictures(1)))
    again(lake)
    change(lake)

    again(lake)

    part = parts[-1]
    assert told(lake) == anew(lake, tmp_path / "anew")
    assert (part is not None) == (change is resent)  # others wrote the one file of all anew
    if part is not None:
        assert set(part.objects.to_pylist()) == {"o103"}


def test_when_an_object_leaves_all_is_compared_and_no_code_of_it_stays(
    lake: Lake, parts: list[DuePart | None], tmp_path: Path
) -> None:
    put(lake, shown([reencoded(pictures(107)[0])]), size=400)
    again(lake)
    stays = "o107" in kept(lake)
    for name in ("measures", "frames", "objects"):
        lake.drop_rows(name, "object_id", {"o107"}, f"gone-{name}")

    again(lake)

    assert stays
    assert parts[-1] is None
    assert "o107" not in kept(lake)
    assert told(lake) == anew(lake, tmp_path / "anew")


def kept(lake: Lake) -> set[str]:
    """The objects that segments name."""
    keys = [entry.key for entry in lake.storage.list("codes/")]
    tables = [key for key in keys if key.endswith(".parquet")]
    assert len(tables) >= 2
    rows = [pq.read_table(io.BytesIO(lake.storage.read(key))) for key in tables]
    return {one for some in rows for one in some.column("object_id").to_pylist()}


@pytest.mark.parametrize("name", MADE)
def test_tables_that_are_not_as_they_were_left_are_not_relied_upon(
    lake: Lake, parts: list[DuePart | None], tmp_path: Path, name: str
) -> None:
    """... as by a run that was killed between two of them, or a lake that was restored."""
    put(lake, shown([reencoded(pictures(107)[0])]), size=400)
    before = lake.read(name)
    again(lake)
    lake.replace(name, before)
    put(lake, shown(pictures(1), start=1), size=400)

    again(lake)

    assert parts[-1] is None
    if name == "clips":  # what is known of the others is not found again
        assert told(lake) == anew(lake, tmp_path / "anew")


@pytest.mark.parametrize("file", ["clips.parquet", "places.parquet", "0.arrow"])
def test_codes_that_are_not_there_as_a_whole_are_made_anew(
    lake: Lake, parts: list[DuePart | None], tmp_path: Path, file: str
) -> None:
    """... as of a lake that somebody copied without some of its files."""
    lake.storage.delete([f"codes/0000/{file}"])
    put(lake, shown([reencoded(pictures(107)[0])]), size=400)

    again(lake)
    put(lake, shown(pictures(1), start=1), size=400)
    again(lake)

    assert parts[-2] is None
    assert parts[-1] is not None
    assert told(lake) == anew(lake, tmp_path / "anew")


def test_codes_of_a_whole_lake_are_kept_in_pieces(
    lake: Lake, parts: list[DuePart | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """... of which each is in memory alone; what is new to a later run meets them all."""
    monkeypatch.setattr("echoatlas.pipeline.deduplicate.due.PIECE", 5)
    monkeypatch.setattr("echoatlas.pipeline.deduplicate.due.MOST_LATER", 2)
    forget_codes(lake.storage)
    put(lake, shown(pictures(1, frames=6)), size=400)
    again(lake)
    pieces = len({entry.key.split("/")[1] for entry in lake.storage.list("codes/")}) - 1
    for number in (2, 3, 4):
        copy = shown([reencoded(one) for one in pictures(1, frames=6)[number:]], start=number)
        put(lake, copy, size=400)
        again(lake)

    assert pieces >= 3
    assert [part is None for part in parts] == [True, False, False, True]
    assert told(lake) == anew(lake, tmp_path / "anew")


def test_what_runs_of_before_left_of_places_is_read(
    lake: Lake, parts: list[DuePart | None], tmp_path: Path
) -> None:
    """They wrote names of tables and files as plain text."""
    key = "codes/0000/places.parquet"
    rows = pq.read_table(io.BytesIO(lake.storage.read(key)))
    plain = rows.cast(pa.schema([(name, pa.string()) for name in rows.column_names]))
    sink = io.BytesIO()
    pq.write_table(plain, sink)
    lake.storage.write(key, sink.getvalue())
    put(lake, shown([reencoded(pictures(107)[0])]), size=400)

    again(lake)

    assert parts[-1] is not None
    assert told(lake) == anew(lake, tmp_path / "anew")


def codes(rng: np.random.Generator, clips: int, length: int) -> Codes:
    """Codes of clips whose bits flip now and then, a few at a time."""
    first = rng.random((clips, 1, 256)) < 0.5
    flips = (rng.random((clips, length, 256)) < 0.008).cumsum(axis=1) % 2 == 1
    return np.packbits(first ^ flips, axis=2).reshape(-1, 32)


def table(some: Codes, start: int, length: int) -> pa.Table:
    """Frames that have these as their fans' hashes."""
    number = np.arange(len(some))
    ids = [f"{start + at:06d}" for at in number.tolist()]
    nothing = [b""] * len(some)
    columns: dict[str, Any] = {
        **{name: nothing for name, kind in COMPARED if kind == pa.binary()},
        "frame_id": ids,
        "pixel_hash": ids,
        "object_id": [f"{(start + at) // length:06d}" for at in number.tolist()],
        "pane": np.zeros(len(some), np.int64),
        "frame_index": number % length,
        "hash_version": ["1"] * len(some),
        "fan_phash256": [one.tobytes() for one in some],
        "mirror_phash256": [one[::-1].tobytes() for one in some],
        "frame_phash256": [(one ^ 85).tobytes() for one in some],
        "rank": (start + number) // length + 1,
    }
    return pa.table({name: columns[name] for name, _ in COMPARED}, schema=pa.schema(COMPARED))


def stored(storage: Storage, name: str, segment: Segment) -> Segment:
    """As a later run reads it."""
    with TemporaryDirectory() as folder:
        kinds = write_segment(storage, name, segment, Path(folder))
    return read_segment(storage, name, kinds)


@pytest.mark.parametrize("radius", [0, 10, 32, 45])
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.heavy) for n in (1, 2))])
@pytest.mark.parametrize("length", [1, 24, 90])
def test_exactly_those_are_near_that_have_a_code_within_the_radius(
    radius: int, seed: int, length: int, tmp_path: Path
) -> None:
    """... at its very rim, in whatever frame of a clip, whatever lies in the same stretch."""
    rng = np.random.default_rng(seed)
    old, new = codes(rng, 60, length), codes(rng, 12, length)
    for at in range(8):  # copies of single frames, at most and just not as near
        row = int(rng.integers(len(old)))
        bits = np.unpackbits(old[row])
        bits[rng.choice(256, max(0, radius - 1 + at % 4), replace=False)] ^= 1
        new[at * length + int(rng.integers(length))] = np.packbits(bits)
    storage = LocalStorage(tmp_path)
    *segments, own = (
        stored(
            storage,
            f"{start:04d}",
            segment_of(indexed(table(some, start, length)), radius, mirrors=True, held=held),
        )
        for some, start, held in (
            (old[: 40 * length], 0, False),
            (old[40 * length :], 40 * length, True),
            (new, 10_000 * length, False),
        )
    )

    found = near_objects(segments, own, radius)

    clips = np.arange(len(old) + len(new), dtype=np.int32) // length
    pairs = pairs_within(np.concatenate([old, new]), radius, clips)
    near = pairs[(pairs[:, 0] < len(old)) & (pairs[:, 1] >= len(old)), 0]
    assert {f"{row // length:06d}" for row in near.tolist()} == set(found.to_pylist())
    assert len(near) >= (2 if radius == 0 else 4)
