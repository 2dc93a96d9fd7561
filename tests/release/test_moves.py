"""Who stands in another split than before is told, by whatever rule it came about."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from echoatlas.cli import call
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.notices import deprecate
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.manifest import Manifest, MovedSince
from tests.helpers.leaving import build, erased
from tests.helpers.tables import quick_lake

PATIENTS = 20
HALVES = {"train": 0.5, "test": 0.5}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Deployment.init(tmp_path / "atlas")
    quick_lake(tmp_path / "atlas" / "lake", [{} for _ in range(PATIENTS)])
    return tmp_path / "atlas"


def cut(home: Path, name: str, *, seed: int = 0, splits: dict[str, float] = HALVES) -> Manifest:
    there = Deployment.find(home)
    return create(there.lake, there.releases, ReleaseConfig(name=name, seed=seed, splits=splits))


def elsewhere(home: Path, one: str, other: str) -> int:
    """How many patients two releases have in different splits."""
    releases = Deployment.find(home).releases
    sides = []
    for name in (one, other):
        rows = index_columns_of(releases, manifest_of(releases, name), ["patient", "split"])
        sides.append({row["patient"]: row["split"] for row in rows.to_pylist()})
    return sum(
        sides[0][patient] != sides[1][patient] for patient in sides[0] if patient in sides[1]
    )


def printed(home: Path, *words: str) -> str:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        assert call(["--deployment", str(home), *words]) == 0, out.getvalue()
    return out.getvalue()


def test_another_seed_moves_patients_and_everything_says_so(home: Path) -> None:
    file = home / "halves.yaml"
    file.write_text("splits: {train: 0.5, test: 0.5}\n")
    words = ["release", "create", "--config", str(file)]
    printed(home, *words, "first")

    before = printed(home, *words, "second", "--seed", "1", "--dry-run")
    made = printed(home, *words, "second", "--seed", "1")

    number = elsewhere(home, "first", "second")
    told = (
        f"in another split than in first: {number} of {PATIENTS} patients who are in both "
        "(another seed: 1, there 0)"
    )
    pulled = home / "pulled"
    printed(home, "pull", "second", str(pulled), "--format", "files")
    assert number > 0
    for page in (
        before,
        made,
        printed(home, "release", "moves", "second"),
        printed(home, "release", "show", "second"),
        (pulled / "CHANGES.md").read_text(),
    ):
        assert told in page
    assert f"{number} patients moved" in printed(home, "release", "show", "second")


def test_the_same_seed_and_shares_move_nobody_and_nothing_is_said(home: Path) -> None:
    cut(home, "first")
    cut(home, "second", seed=1)
    again = cut(home, "third", seed=1)

    assert again.moved_since == ()
    assert printed(home, "release", "moves", "third") == "nobody moved in third\n"


def test_other_shares_move_patients_also_out_of_splits_that_are_no_more(home: Path) -> None:
    cut(home, "first", splits={"fit": 0.5, "check": 0.5})

    found = cut(home, "second")

    whole = MovedSince("first", PATIENTS, PATIENTS, "other shares")
    assert found.moved_since == (whole,)
    assert printed(home, "release", "moves", "second").count("earlier release") == PATIENTS


def test_a_release_that_nobody_should_use_is_none_to_compare_with(home: Path) -> None:
    cut(home, "first")
    cut(home, "second", seed=1)
    deprecate(Deployment.find(home).releases, "second", "its split")

    back = cut(home, "third")
    other = cut(home, "fourth", seed=2)

    assert back.moved_since == ()
    assert [one.release for one in other.moved_since] == ["third"]


def test_who_is_not_in_the_newest_release_is_compared_with_the_newest_that_has_him(
    home: Path,
) -> None:
    there = Deployment.find(home)
    cut(home, "all")
    few = ReleaseConfig(name="few", seed=1, splits=HALVES, where="frame_id < 'f0010'")
    create(there.lake, there.releases, few)

    found = cut(home, "new", seed=2)

    assert {one.release: one.of for one in found.moved_since} == {"few": 10, "all": 10}
    assert found.moved_since[0].moved == elsewhere(home, "few", "new")


def test_who_is_in_one_of_two_releases_alone_is_no_part_of_the_count(home: Path) -> None:
    there = Deployment.find(home)
    cut(home, "all")
    few = ReleaseConfig(name="few", seed=1, splits=HALVES, where="frame_id < 'f0010'")

    found = create(there.lake, there.releases, few)

    assert [one.of for one in found.moved_since] == [10]
    assert found.moved_since[0].moved == elsewhere(home, "few", "all")


def test_an_erasure_makes_no_release_newer_than_it_was(tmp_path: Path) -> None:
    """Successors come in the order of names: that of the older one is published last."""
    there = build(tmp_path)
    seed = ("--set", "splits={train: 0.5, test: 0.5}", "--seed", "1", "--duplicates", "keep")
    there.run("release", "create", "a-newest", *seed)
    erased(there)

    found = there.run("release", "create", "after", *seed)

    assert found["moved_since"] == []
