"""What is compared of a lake: each frame that was measured, and which of several clips is best."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.deduplicate.compared_frames import BothFrames, SomeFrames
from echoatlas.pipeline.deduplicate.every_frame import EveryFrame
from echoatlas.pipeline.deduplicate.places import COMPARES, Places, places_of_table
from echoatlas.pipeline.deduplicate.ranking import ComparedRows, compared
from echoatlas.pipeline.frames.phash import HASH_VERSION
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
from tests.deduplicate.test_stage import put
from tests.helpers.shown import pictures, shown
from tests.helpers.tables import quick_lake

J = "1.2.840.10008.1.2.4."


def every(frames: EveryFrame) -> pa.Table:
    return frames.take(pa.array(np.arange(frames.num_rows)))


def by_name(rows: pa.Table) -> list[dict[str, Any]]:
    return sorted(rows.to_pylist(), key=lambda row: str(row["frame_id"]))


@pytest.mark.parametrize(
    ("kind", "codec"),
    [("dicom", J + "93"), ("dicom", J + "111"), ("dicom", J + "102.1"), ("mkv", "libdav1d")],
)
def test_what_a_lossy_coding_changed_stands_behind_what_none_did(
    tmp_path: Path, kind: str, codec: str
) -> None:
    """The first by name is lossy, so that only the coding puts the second before it."""
    lossy = {"format": kind, "codec": codec}
    plain = {"format": "dicom", "codec": J + "70"}
    lake = quick_lake(tmp_path / "lake", [lossy, {**plain, "like": 0}])

    found = every(EveryFrame.read(lake, tmp_path))

    assert {row["object_id"]: row["rank"] for row in found.to_pylist()}["o0001"] == 1


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Of three files a table: clips and stills."""
    lake = Lake(Storage.open(tmp_path / "lake"))
    for start in range(0, 9, 3):
        cine = pictures(start, frames=3 + start)
        put(lake, shown(cine, pictures(start + 20), pictures(start + 40), start=start))
    return lake


def as_parts(lake: Lake) -> pa.Table:
    """The same as when only a part is due, which happens to be all."""
    where = Places.of(places_of_table(lake, name) for name in COMPARES)
    objects = lake.read("objects", ["object_id"]).column("object_id").unique()
    return compared(ComparedRows.read(lake, where.of_some(objects)))


def test_all_frames_are_told_as_those_of_a_part_are(lake: Lake, tmp_path: Path) -> None:
    found = EveryFrame.read(lake, tmp_path)

    assert found.num_rows == lake.count("frames")
    assert by_name(every(found)) == by_name(as_parts(lake))
    for name in found.column_names:
        assert found.column(name).to_pylist() == every(found).column(name).to_pylist()
    assert len({*found.column("file").to_pylist()}) == 3


def test_frames_and_measures_are_matched_where_they_lie_otherwise(
    lake: Lake, tmp_path: Path
) -> None:
    """A run that was cut off leaves some of one table alone, and rows move as files are joined."""
    frames, measures = (lake.read(name) for name in ("frames", "measures"))
    drawn = np.random.default_rng(5)
    lake.replace("frames", frames.take(pa.array(drawn.permutation(frames.num_rows)[2:])))
    lake.replace("measures", measures.take(pa.array(drawn.permutation(measures.num_rows)[3:])))

    found = EveryFrame.read(lake, tmp_path)

    assert by_name(every(found)) == by_name(as_parts(lake))
    both = [{*lake.read(name).column("frame_id").to_pylist()} for name in ("frames", "measures")]
    assert {*found.column("frame_id").to_pylist()} == both[0] & both[1]


def test_measures_that_stand_twice_are_of_their_own_frame(lake: Lake, tmp_path: Path) -> None:
    """As many as there are frames, and in their order; but one is of another."""
    rows = lake.read("measures").sort_by("frame_id")
    lake.replace("frames", lake.read("frames").sort_by("frame_id"))
    lake.replace("measures", rows.take(pa.array([0, 0, *range(2, rows.num_rows)])))

    found = EveryFrame.read(lake, tmp_path)

    names = rows.column("frame_id").to_pylist()
    assert found.column("frame_id").to_pylist() == [names[0], names[0], *names[2:]]


def test_hashes_of_another_version_are_none(lake: Lake, tmp_path: Path) -> None:
    rows = lake.read("measures")
    old = [HASH_VERSION] * (rows.num_rows - 1) + ["former"]
    at = rows.column_names.index("hash_version")
    lake.replace("measures", rows.set_column(at, rows.schema.field(at), pa.array(old)))

    found = every(EveryFrame.read(lake, tmp_path)).to_pylist()

    told = [(row["hash_version"] == "former", row["frame_phash256"] == b"") for row in found]
    assert sorted(told) == [(False, False)] * (len(told) - 1) + [(True, True)]


def test_a_lake_of_nothing_has_no_frames(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "lake", ignore_errors=True)

    found = EveryFrame.read(Lake(Storage.open(tmp_path / "lake")), tmp_path)

    assert found.num_rows == 0 and every(found).num_rows == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=9))
def test_some_frames_and_others_are_asked_as_one(asked: list[int]) -> None:
    """Of the others it is not known in which files they lie."""
    known = {"frame_id": list("abcd"), "file": pa.array(["x", "y", "y", "x"]).dictionary_encode()}
    both = BothFrames(pa.table(known), pa.table({"frame_id": list("efg")}))
    files = ["x", "y", "y", "x", None, None, None]

    some = SomeFrames(both, pa.array(asked, pa.int64()))

    assert both.num_rows == 7 and both.column_names == ["frame_id", "file"]
    assert both.column("frame_id").to_pylist() == list("abcdefg")
    assert both.column("file").to_pylist() == files
    assert some.column("frame_id").to_pylist() == ["abcdefg"[one] for one in asked]
    assert some.column("file").to_pylist() == [files[one] for one in asked]


def test_versions_are_read_that_are_asked_for(lake: Lake, tmp_path: Path) -> None:
    """A release's tables are from before what came since."""
    versions = {name: lake.version(name) for name in COMPARES}
    before = {*lake.read("frames", ["frame_id"]).column("frame_id").to_pylist()}
    put(lake, shown(pictures(70), start=70))

    found = EveryFrame.read(lake, tmp_path, versions, ranked=False)

    assert {*found.column("frame_id").to_pylist()} == before
    assert {*found.column("rank").to_pylist()} == {0}
