"""Releases compared, deprecated, and what whoever opens them is told."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from echoatlas.loader import load
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.departures import reasons
from echoatlas.pipeline.release.diff import Diff, Moved, as_text, diff, write_changes
from echoatlas.pipeline.release.documents.changes import changes_of
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.release.notices import deprecate, notices
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.rows.labels import LabelRow
from echoatlas.schemas.rows.log import FindingRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.taxonomy.tree import tree
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.tables import made, quick_lake

FRAMES: list[dict[str, Any]] = [
    {"maker": "GE", "model": "LOGIQ 9"},
    {"site": "qilu", "blur": 7.0},
    {"site": "qilu"},
    {"fan_verdict": "review"},
    {"pixel_hash": "seen"},
    {"patient_source": "object"},
    {},
    {},
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return quick_lake(tmp_path / "lake", FRAMES)


@pytest.fixture
def releases(lake: Lake) -> Storage:
    return lake.storage.sub("releases")


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with three releases that are the same: c, then b, then a."""
    lake = quick_lake(tmp_path_factory.mktemp("cut"), FRAMES)
    for name in ("c", "b", "a"):
        create(lake, lake.storage.sub("releases"), ReleaseConfig(name=name))
    return Path(lake.storage.uri)


@pytest.fixture
def alike(cut: Path, tmp_path: Path) -> Storage:
    """A copy of them."""
    return Storage.open(shutil.copytree(cut, tmp_path / "alike")).sub("releases")


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """One of three frames is a duplicate, which the second release leaves out."""
    lake = quick_lake(tmp_path_factory.mktemp("doubled"), [{}, {"like": 0}, {}])
    releases = lake.storage.sub("releases")
    create(lake, releases, ReleaseConfig(name="a", duplicates="keep"))
    create(lake, releases, ReleaseConfig(name="b"))
    return lake


def compared(lake: Lake, before: str, after: str, *, asked: bool = True) -> Diff:
    said = reasons(lake if asked else None)
    return diff(lake.storage.sub("releases"), before, after, said, lambda said: None)


def without(lake: Lake, name: str, column: str, value: str) -> None:
    """Drop rows of a table."""
    lake.drop_rows(name, column, [value], f"t-{name}-{value}")


def test_nothing_changed_is_said_so(cut: Path) -> None:
    found = compared(Lake(Storage.open(cut)), "a", "b")

    assert (
        found.same, found.added, found.removed, found.relabeled, found.moved
    ) == (8, 0, 0, 0, 0)  # fmt: skip
    assert not found.changes and not found.why and not any(found.by.values())


def test_which_of_two_releases_came_first_is_known_within_a_second_too(alike: Storage) -> None:
    told = [changes_of(alike, manifest_of(alike, name)) for name in ("b", "a")]

    assert [one and one.before for one in told] == ["c", "b"]


def test_each_frame_that_left_has_its_reason(lake: Lake, releases: Storage) -> None:
    create(lake, releases, ReleaseConfig(name="a", duplicates="keep"))
    for table in ("frames", "labels", "measures"):
        without(lake, table, "frame_id", "f0006")
        without(lake, table, "frame_id", "f0007")
    without(lake, "objects", "object_id", "o0007")
    seen = made(FindingRow, frame_id="f0004", object_id="o0004", pixel_hash="seen", verdict="leak")
    lake.append("findings", to_arrow("findings", [seen]))
    strict = ReleaseConfig(name="b", where="blur < 5", review=False, nameless="drop")
    create(lake, releases, strict)

    found = compared(lake, "a", "b")

    expected = {
        "f0001": "where", "f0003": "review", "f0004": "finding", "f0005": "nameless",
        "f0006": "renewed", "f0007": "gone",
    }  # fmt: skip
    assert expected == {one: why for one, change, why, _ in found.changes if change == "removed"}
    assert dict.fromkeys(expected.values(), 1) == found.why
    assert found.by["site"]["qilu"] == {"added": 0, "removed": 1, "relabeled": 0, "moved": 0}
    assert found.patients == {"added": 0, "removed": 6}


def test_a_duplicate_is_removed_for_what_stands_for_it(doubled: Lake) -> None:
    assert compared(doubled, "a", "b").why == {"duplicate": 1}
    assert compared(doubled, "a", "b", asked=False).why == {"unknown": 1}


def test_nothing_is_made_up_where_an_erasure_took_the_tables_of_that_time(
    doubled: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frame still stands, so it was not worked on anew: why it is out, nobody knows."""
    monkeypatch.setattr(Lake, "can_read_all", lambda *_: False)

    assert compared(doubled, "a", "b").why == {"unknown": 1}


def test_labels_and_splits_that_changed_are_counted_from_what_to_what(
    lake: Lake, releases: Storage
) -> None:
    create(lake, releases, ReleaseConfig(name="a"))
    rows = lake.read("labels").to_pylist()
    for row in rows[:2]:
        row |= {"region": "thorax", "organ": "breast", "paths": tree().node("thorax/breast").path}
    lake.replace("labels", to_arrow("labels", [LabelRow(**row) for row in rows]))
    create(lake, releases, ReleaseConfig(name="b", splits={"test": 1.0}))

    found = compared(lake, "a", "b")

    assert [Moved("abdomen/liver", "thorax/breast", 2)] == found.labels
    assert 2 == found.relabeled == found.by["organ"]["thorax/breast"]["relabeled"]
    assert found.moved == sum(one.frames for one in found.splits) > 0
    assert {"test"} == {one.after for one in found.splits}
    assert {one.before for one in found.splits} <= {"train", "val"}
    assert found.by["device"]["GE LOGIQ 9"]["moved"] == 1


def test_every_change_can_be_listed_and_read_by_people(
    lake: Lake, releases: Storage, tmp_path: Path
) -> None:
    create(lake, releases, ReleaseConfig(name="a", where="site = 'qilu'"))
    create(lake, releases, ReleaseConfig(name="b", where="site <> 'qilu'"))
    found = compared(lake, "a", "b")

    write_changes(found, tmp_path / "changes.csv")

    rows = list(csv.DictReader((tmp_path / "changes.csv").read_text().splitlines()))
    assert sorted(row["change"] for row in rows) == ["added"] * 6 + ["removed"] * 2
    text = as_text(found)
    assert "6 frames added (6 new patients), 2 removed (2 patients gone)" in text
    assert "| 2 | where: the selection (--where) leaves it out |" in text
    assert "| qilu | 0 | 2 | 0 | 0 |" in text


@pytest.mark.parametrize("place", ["", "file/changes.csv"])
def test_a_list_of_changes_that_can_not_be_written_is_refused_by_its_place(
    tmp_path: Path, place: str
) -> None:
    found = Diff("a", "b", 0, 0, 0, 0, 0, {}, {}, [], [], {}, [])
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match=f"cannot write to {tmp_path / place} "):
        write_changes(found, tmp_path / place)


def test_a_deprecated_release_warns_and_names_its_successor(alike: Storage, tmp_path: Path) -> None:
    manifest = alike.read("a/manifest.json")

    deprecate(alike, "a", "its labels are wrong", "b")

    expected = r"release a is deprecated \(its labels are wrong\): use b"
    with pytest.warns(UserWarning, match=expected):
        assert len(load("a", lake=tmp_path / "alike")) == 8
    with pytest.warns(UserWarning, match=expected):
        assert pull(alike, "a", tmp_path / "pulled", "files") == 8
    assert manifest == alike.read("a/manifest.json")
    assert len(load("b", lake=tmp_path / "alike")) == 8  # and says nothing


def test_the_last_notice_stands_and_none_is_ever_altered(alike: Storage, tmp_path: Path) -> None:
    deprecate(alike, "a", "first", "b")
    first = alike.read("a/notice-0001.json")
    deprecate(alike, "a", "second", "c")

    assert [one.why for one in notices(alike, "a")] == ["first", "second"]
    assert first == alike.read("a/notice-0001.json")
    with pytest.warns(UserWarning, match="second"):
        load("a", lake=tmp_path / "alike")


@pytest.mark.parametrize(
    ("name", "why", "successor", "told"),
    [
        ("a", " ", "", "--why"),
        ("x", "old", "", "no release 'x'"),
        ("a", "old", "x", "no release 'x'"),
        ("a", "old", "a", "leads back"),
        ("b", "old", "a", "leads back"),
    ],
)
def test_a_deprecation_that_helps_nobody_is_refused(
    alike: Storage, name: str, why: str, successor: str, told: str
) -> None:
    deprecate(alike, "a", "old", "b")

    with pytest.raises(UsageError, match=told):
        deprecate(alike, name, why, successor)


def test_the_command_line_compares_and_deprecates(tmp_path: Path) -> None:
    there = Rehearsal(tmp_path)
    lake = quick_lake(there.lake_path, FRAMES)
    for name, where in (("a", ""), ("b", "site = 'qilu'")):
        create(lake, lake.storage.sub("releases"), ReleaseConfig(name=name, where=where))

    told = there.run("release", "diff", "a", "b", "--frames", str(tmp_path / "frames.csv"))
    there.run("release", "deprecate", "a", "--why", "too wide", "--successor", "b")
    listed = {row["name"]: row for row in there.run("release", "list")}
    pulled = there.here("pull", "a", str(tmp_path / "pulled"), "--json")

    assert told["why"] == {"where": 6}
    assert (
        6
        == told["removed"]
        == len(list(csv.DictReader((tmp_path / "frames.csv").read_text().splitlines())))
    )
    assert (listed["a"]["state"], listed["a"]["successor"]) == ("deprecated", "b")
    assert "echoatlas: release a is deprecated (too wide): use b" in pulled.stderr.splitlines()
    assert json.loads(pulled.stdout)["samples"] == 8


def test_what_licenses_or_patients_do_not_permit_is_removed_for_that(tmp_path: Path) -> None:
    special = [{}, {"license": "CC-BY-NC-4.0"}, {"consent": "restricted"}, {"consent": "given"}]
    lake = quick_lake(tmp_path / "lake", [{"license": "CC0-1.0", **one} for one in special])
    releases = lake.storage.sub("releases")
    create(lake, releases, ReleaseConfig(name="a"))
    create(lake, releases, ReleaseConfig(name="b", use="commercial"))

    found = compared(lake, "a", "b")

    assert found.why == {"license": 1, "consent": 1}
    assert found.same == 2


def test_clips_are_compared_with_clips_alone_and_called_so(tmp_path: Path) -> None:
    """A card said of a release of clips that the other frames had been removed, and made up why."""
    frames = [{"object_id": f"o{n // 4}", "patient": f"p{n // 4}", "frame_index": n % 4,
               "time_ms": 40.0 * (n % 4)} for n in range(12)]  # fmt: skip
    lake = quick_lake(tmp_path / "lake", frames)
    releases = lake.storage.sub("releases")
    for name, settings in (
        ("frames", {}),
        ("clips", {"unit": "clip"}),
        ("fewer", {"unit": "clip", "where": "patient <> 'p1'"}),
    ):
        create(lake, releases, ReleaseConfig(name=name, **settings))

    found = changes_of(releases, manifest_of(releases, "fewer"))
    with pytest.raises(UsageError, match="'frames' is a release of frames and 'clips' of clips"):
        diff(releases, "frames", "clips", reasons(lake), print)

    assert changes_of(releases, manifest_of(releases, "clips")) is None
    assert found is not None and found.before == "clips"
    assert found.sentence.startswith("0 clips added (0 new patients), 1 removed (1 patient gone)")
    assert "| clips | why |" in as_text(found)
