"""Copies of a picture know different things: the strictest holds for all, whoever is released."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from echoatlas.loader.load import load
from echoatlas.pipeline.database import database
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.kin import agreed, components
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.release.verify import AskedIndex, kept_together, verify
from echoatlas.pipeline.release.whole import index_of
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.manifest import Ties
from echoatlas.schemas.rows.objects import CopyRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made, quick_lake

SHARES = {"train": 0.5, "val": 0.25, "test": 0.25}


def splits_of(releases: Storage, name: str) -> dict[str, set[str]]:
    """Patient, as any copy names one, to splits."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in index_table(releases, manifest_of(releases, name)).to_pylist():
        for patient in (row["patient"], *row["kin"].split()):
            found[patient].add(row["split"])
    return found


def released(lake: Lake, **config: Any) -> Storage:
    releases = lake.storage.sub("releases")
    create(lake, releases, ReleaseConfig(name="one", splits=SHARES, **config))
    return releases


def by_frame(lake: Lake) -> dict[str, dict[str, Any]]:
    return {row["frame_id"]: row for row in index_of(lake, {}).to_pylist()}


@pytest.mark.parametrize("duplicates", ["keep", "drop"])
def test_a_duplicate_that_is_dropped_still_ties_its_patient(
    tmp_path: Path, duplicates: Any
) -> None:
    """Twenty patients of two pictures, one of which lies nameless at another site, and goes in."""
    frames = []
    for n in range(20):
        mine = {"patient": f"p{n}", "patient_source": "sidecar", "site": "b"}
        nameless = {"patient": f"x{n}", "patient_source": "object", "site": "a"}
        frames += [nameless, mine | {"like": 3 * n}, mine]

    releases = released(quick_lake(tmp_path, frames), duplicates=duplicates)

    splits = splits_of(releases, "one")
    assert len(splits) >= 20
    assert all(len(found) == 1 for found in splits.values())
    assert {"p0", "p1", "p2"} <= {sample.meta["patient"] for sample in _samples(tmp_path)}
    assert not [s for s in _samples(tmp_path) if s.meta["patient_source"] == "object"]
    assert all(check.ok for check in verify(releases, "one"))


def _samples(root: Path) -> list[Any]:
    return list(load("one", lake=str(root)))


def test_patients_whom_copies_confuse_stay_together_and_are_listed(tmp_path: Path) -> None:
    """Also by way of a frame that the release leaves out."""
    frames = [
        {"patient": "p1", "patient_source": "header"},
        {"patient": "p1", "patient_source": "header", "path": "thorax/breast"},
        {"patient": "p2", "patient_source": "header", "path": "thorax/breast", "like": 1},
        {"patient": "p2", "patient_source": "header"},
        {"patient": "p3", "patient_source": "header"},
    ]

    releases = released(quick_lake(tmp_path, frames), where="region = 'abdomen'")

    index = index_table(releases, manifest_of(releases, "one")).to_pylist()
    groups = {row["patient"]: row["split_group"] for row in index}
    assert groups == {"p1": "p1", "p2": "p1", "p3": "p3"}
    assert manifest_of(releases, "one").tied == Ties(groups=1, patients=2)
    told = {check.name: check.detail for check in verify(releases, "one")}
    assert told["no patient of any copy in two splits"] == (
        "2 patients tied by what copies of their pictures or their ids say, in 1 group"
    )


def test_equal_bytes_of_two_sites_are_one_picture_whatever_they_show(tmp_path: Path) -> None:
    """Read with other settings their frames differ, and no hash ties them."""
    frames = [
        {"patient": "x", "patient_source": "object", "content_id": "same", "license": "CC-BY-4.0"},
        {"patient": "p", "patient_source": "sidecar", "content_id": "same", "license": "CC0-1.0"},
    ]

    found = by_frame(quick_lake(tmp_path, frames))

    assert found["f0000"]["patient"] == found["f0001"]["patient"] == "p"
    assert found["f0000"]["patient_source"] == "sidecar"


def test_what_a_copy_of_an_object_claimed_ties_as_well(tmp_path: Path) -> None:
    lake = quick_lake(tmp_path, [{"patient": "p1", "patient_source": "sidecar"}, {"patient": "p2"}])
    claims = [
        made(CopyRow, locator=f"l{n}", object_id="o0000", content_id="c0", patient=patient,
             patient_source="sidecar")
        for n, patient in enumerate(["p1", "p2"])
    ]  # fmt: skip
    lake.replace("copies", to_arrow("copies", claims))

    found = by_frame(lake)

    assert found["f0000"]["kin"] == "p2"
    assert found["f0000"]["split_group"] == found["f0001"]["split_group"] == "p1"


def test_an_id_that_lost_its_zeros_in_a_table_stays_with_the_one_of_the_header(
    tmp_path: Path,
) -> None:
    """Twenty patients: a header says 007, a table of other pictures 7; folders say nothing."""
    frames = [
        {"patient": f"{way}{n}", "patient_source": source}
        for n in range(20)
        for way, source in (("p", "header"), ("q", "sidecar"), ("r", "folder"))
    ]
    lake = quick_lake(tmp_path, frames)
    lake.replace(
        "copies",
        to_arrow("copies", [
            made(CopyRow, locator=f"l{at}", object_id=f"o{at:04}", content_id=f"c{at}",
                 patient=one["patient"], patient_source=one["patient_source"],
                 known_as=f"mark{one['patient'][1:]}")
            for at, one in enumerate(frames)
        ]),
    )  # fmt: skip

    releases = released(lake)

    index = index_table(releases, manifest_of(releases, "one")).to_pylist()
    groups = {row["patient"]: row["split_group"] for row in index}
    splits = {row["patient"]: row["split"] for row in index}
    assert all(groups[f"q{n}"] == groups[f"p{n}"] == f"p{n}" for n in range(20))
    assert all(splits[f"q{n}"] == splits[f"p{n}"] for n in range(20))
    assert all(groups[f"r{n}"] == f"r{n}" for n in range(20))
    assert manifest_of(releases, "one").tied == Ties(groups=20, patients=40)
    assert all(check.ok for check in verify(releases, "one"))


def test_all_licenses_of_a_picture_bind(tmp_path: Path) -> None:
    frames = [
        {"license": "CC-BY-4.0"},
        {"license": "CC-BY-NC-4.0", "like": 0},
        {"license": "MIT OR CC0-1.0", "like": 0},
        {"license": "CC-BY-4.0"},
    ]

    found = by_frame(quick_lake(tmp_path, frames))

    both = "CC-BY-4.0 AND CC-BY-NC-4.0 AND (MIT OR CC0-1.0)"
    assert [found[f"f000{n}"]["license"] for n in range(4)] == [both] * 3 + ["CC-BY-4.0"]


def test_a_picture_too_flat_to_be_told_apart_ties_nobody(tmp_path: Path) -> None:
    flat = {"fan_phash256": b"", "pixel_hash": "black"}
    frames = [flat | {"patient": "p1"}, flat | {"patient": "p2", "like": 0}]

    found = by_frame(quick_lake(tmp_path, frames))

    assert [row["split_group"] for row in found.values()] == ["p1", "p2"]


def label(paths: str, confidence: float = 0.9, decided_by: str = "fusion") -> dict[str, Any]:
    region, _, organ = paths.split(" ")[0].partition("/")
    return {
        "region": region or "unknown", "organ": organ or "unknown", "region_index": 1,
        "organ_index": 1, "paths": paths, "confidence": confidence, "conflict": False,
        "decided_by": decided_by,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([label(""), label("thorax/breast")], ["thorax/breast"] * 2),
        ([label("thorax"), label("thorax/breast")], ["thorax/breast"] * 2),
        ([label("thorax/heart"), label("thorax/breast")], ["", ""]),
        ([label(""), label("")], ["", ""]),
        ([label("thorax/heart", 1, "review"), label("thorax/breast")], ["thorax/heart"] * 2),
        ([label("", 0, "review"), label("thorax/breast")], ["", "thorax/breast"]),
        ([label("a/b c/d"), label("c")], ["a/b c/d"] * 2),
    ],
)
def test_a_label_is_all_copies_or_nobodys(labels: list[Any], expected: list[str]) -> None:
    found = agreed(labels)

    assert expected == [one["paths"] for one in found]
    if labels[0]["paths"] and not expected[0]:
        assert {(one["conflict"], one["region"], one["confidence"]) for one in found} == {
            (True, "unknown", 0.0)
        }


def test_ties_are_followed_to_their_end() -> None:
    found = components([["c", "d"], ["b", "c"], ["x", "y"], ["a", "b", "e"]])

    assert found == dict.fromkeys("abcde", "a") | dict.fromkeys("xy", "x")


def test_a_release_says_how_many_frames_are_nobodys_and_can_refuse_or_drop_them(
    tmp_path: Path,
) -> None:
    frames = [{"patient_source": "object"}, {"patient_source": "sidecar"}]
    lake = quick_lake(tmp_path, frames)

    releases = released(lake)

    checks = {check.name: check for check in verify(releases, "one")}
    assert checks["files name their patients"].ok
    assert checks["files name their patients"].detail == (
        "1 of 2 frames stand under patient_source: object"
    )
    with pytest.raises(CheckFailed, match="1 of 2 frames are of files that name no patient"):
        create(lake, releases, ReleaseConfig(name="two", nameless="refuse"))
    create(lake, releases, ReleaseConfig(name="three", nameless="drop"))
    assert manifest_of(releases, "three").frames == 1
    assert manifest_of(releases, "three").nameless == 0


def test_a_patient_in_two_splits_is_found_by_what_another_copy_says(tmp_path: Path) -> None:
    """A release of which somebody dealt the splits anew, by patient alone."""
    lake = quick_lake(tmp_path, [{"patient": "p1"}, {"patient": "p2"}])
    releases = released(lake)
    index = index_table(releases, manifest_of(releases, "one")).sort_by("patient")
    columns = index.to_pydict() | {"kin": ["p2", ""], "split": ["train", "test"]}
    with database() as asked:
        asked.register("i", index.from_pydict(columns))
        check = kept_together(AskedIndex(asked))

    assert (check.ok, check.detail) == (False, "1 are in two")


@pytest.mark.parametrize("side", [0, 1])
def test_scans_of_one_exam_that_name_nobody_stay_together(tmp_path: Path, side: int) -> None:
    """Ten sessions of three scans, each of which shares an id with the next; ten that are alone."""
    frames = [
        {
            "patient": f"x{n}-{scan}",
            "patient_source": "object",
            "session": f"e{n}-{scan} e{n}-{scan + 1}",
        }
        for n in range(10)
        for scan in range(3)
    ]
    frames += [{"patient": f"y{n}", "patient_source": "object"} for n in range(10)]
    frames = frames if side else frames[::-1]

    releases = released(quick_lake(tmp_path, frames))

    splits = splits_of(releases, "one")
    sessions = [{*splits[f"x{n}-0"], *splits[f"x{n}-1"], *splits[f"x{n}-2"]} for n in range(10)]
    assert [len(found) for found in sessions] == [1] * 10
    assert len({split for found in sessions for split in found}) > 1
    index = index_table(releases, manifest_of(releases, "one"))
    assert len(set(index.column("split_group").to_pylist())) == 20
    assert "session" not in index.column_names


def test_an_index_joined_some_rows_at_a_time_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a join holds can't all lie on disk."""
    frames = [{"patient": f"p{n // 2}", "object_id": f"o{n}"} for n in range(7)]
    lake = quick_lake(tmp_path / "lake", frames)

    whole = index_of(lake, {}).sort_by("frame_id")
    monkeypatch.setattr(
        "echoatlas.pipeline.release.whole.ROW_BYTES", lake.allowance.database_mb * 1_000_000 // 3
    )
    parts = index_of(lake, {}).sort_by("frame_id")

    assert whole.num_rows == 7
    assert whole.equals(parts)
