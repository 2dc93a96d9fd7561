"""What can't be is refused before anything is written, in a line that says what could be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from echoatlas.loader import collate, load
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.release.select import rows_where
from echoatlas.pipeline.release.selection import row_scores
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.release import ReleaseConfig
from tests.helpers.exported import releases_of_frames
from tests.helpers.tables import quick_lake


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    return releases_of_frames(tmp_path_factory.mktemp("lake"))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"splits": {}}, "no split has a share"),
        ({"splits": {"train": 0, "val": 0.0}}, "no split has a share"),
        ({"splits": {"train": -1, "val": 2}}, "greater than or equal to 0"),
        ({"splits": {"train": float("nan")}}, "finite"),
        ({"splits": {"train": float("inf"), "val": 1}}, "finite"),
        # A sweep takes what lies there for shards; the other is the page of all releases
        ({"name": "shards"}, "'shards' lies beside all releases"),
        ({"name": "SHARDS"}, "lies beside all releases"),
        ({"name": "README.md"}, "lies beside all releases"),
    ],
)
def test_a_release_that_can_not_be_cut_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse(ReleaseConfig, {"name": "one"} | asked, "release")


@pytest.mark.parametrize("weight", ["0", "NULL", "quality * 0"])
def test_weights_by_which_nothing_is_ever_drawn_are_refused(weight: str, tmp_path: Path) -> None:
    lake = quick_lake(tmp_path / "lake", [{} for _ in range(3)])

    with pytest.raises(UsageError, match="--weight is 0 or NULL for each of 3 samples"):
        create(lake, lake.storage.sub("releases"), ReleaseConfig(name="one", weight=weight))


@pytest.mark.parametrize(
    "splits", [{"train": 1, "val": 0}, {"train": 80, "val": 20}, {"only": 0.5}]
)
def test_shares_are_scaled_and_a_split_may_have_none(
    splits: dict[str, float], tmp_path: Path
) -> None:
    lake = quick_lake(tmp_path / "lake", [{} for _ in range(6)])

    made = create(lake, lake.storage.sub("releases"), ReleaseConfig(name="one", splits=splits))

    assert set(made.counts["split"]) <= set(splits)
    assert made.samples == 6


@pytest.mark.parametrize(
    "expression",
    ["random() < 0.5", "RANDOM ( ) < 0.5", "age > year(now())", "current_date > DATE '2026-01-01'",
     "uuid() <> organ", "year(today()) > 3"],
)  # fmt: skip
def test_what_is_something_else_each_time_selects_and_weighs_nothing(
    expression: str, tmp_path: Path
) -> None:
    """A release could not be cut again so, nor a pull go on."""
    lake = quick_lake(tmp_path / "lake", [{"age": 50} for _ in range(6)])
    releases = lake.storage.sub("releases")
    create(lake, releases, ReleaseConfig(name="one", splits={"train": 1.0}))

    said = []
    with pytest.raises(UsageError) as error:
        create(lake, releases, ReleaseConfig(name="two", where=expression))
    said.append(str(error.value))
    with pytest.raises(UsageError) as error:
        weight = f"CASE WHEN {expression} THEN 1 ELSE 2 END"
        create(lake, releases, ReleaseConfig(name="two", weight=weight))
    said.append(str(error.value))
    with pytest.raises(UsageError) as error:
        pull(releases, "one", tmp_path / "to", expression=expression)
    said.append(str(error.value))
    with pytest.raises(UsageError) as error:
        load("one", releases=releases.uri, cache=tmp_path / "cache", where=expression)
    said.append(str(error.value))

    assert all("is something else each time" in one and "\n" not in one for one in said)
    assert not (tmp_path / "to").exists()


def test_words_that_only_look_so_are_no_matter(tmp_path: Path) -> None:
    lake: Lake = quick_lake(tmp_path / "lake", [{"maker": "random()"}])
    index = lake.read("frames")

    assert rows_where(index, "maker = 'random()' OR maker = 'now() ''uuid()'").to_pylist() == [0]
    assert rows_where(index, "lower(maker) LIKE '%random()' -- all").to_pylist() == [0]
    assert row_scores(index, "weight", "length(maker)").tolist() == [8]


@pytest.mark.parametrize(
    ("form", "settings", "told"),
    [
        ("pairs", {"image": "mask"}, "images and masks have the same names: name two folders"),
        ("pairs", {"image": "../image"}, "'image' is not of its form"),
        ("pairs", {"mask": ""}, "'mask' is not of its form"),
        ("pairs", {"mask": "/tmp"}, "'mask' is not of its form"),
        ("lists", {"suffix": "/../../x"}, "'suffix' is not of its form"),
    ],
)
def test_folders_that_can_not_be_are_refused_before_anything_is_written(
    form: str, settings: dict[str, str], told: str, releases: Storage, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        pull(releases, "one", tmp_path / "to", form, settings=settings)

    assert not (tmp_path / "to").exists()


def test_of_many_classes_that_are_left_out_a_few_are_named(
    releases: Storage, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"\(f0000, .* and 20 more\)"):
        pull(releases, "one", tmp_path / "to", "imagefolder", settings={"label": "frame_id"})


@pytest.mark.parametrize("name", ["one/", "../releases/one", "./one"])
def test_a_folders_name_is_no_releases_name(name: str, releases: Storage, tmp_path: Path) -> None:
    """On S3 there is nothing under it; a disk finds it all the same."""
    with pytest.raises(UsageError, match=f"no release '{name}'"):
        pull(releases, name, tmp_path / "to")


def test_what_a_loader_can_not_give_is_told_in_the_words_of_its_caller(
    releases: Storage, tmp_path: Path
) -> None:
    data = load("one", releases=releases.uri, cache=tmp_path / "cache")

    with pytest.raises(UsageError, match="balance: a sample has several values of 'annotations'"):
        list(data.batches(4, balance="annotations"))
    with pytest.raises(UsageError, match="no column 'orgn'; did you mean 'organ'"):
        collate([data[0]], also=("orgn",))
    with pytest.raises(UsageError, match=r"^weight: it is negative"):
        list(data.batches(4, weight="-1"))
    for position in (1.5, "1", slice(3)):
        with pytest.raises(TypeError, match="be interpreted as an integer"):
            data[position]  # type: ignore[index]
    with pytest.raises(UsageError, match=r"no sample is of stage .organ = .nowhere.."):
        list(data.batches(4, where="organ = 'nowhere'"))


def test_a_condition_that_fits_nothing_is_named(releases: Storage) -> None:
    """An empty data set trains on nothing, and says nothing."""
    with pytest.raises(UsageError, match="no sample of release 'one' fits \"organ = 'spleeen'\""):
        load("one", releases=releases.uri, where="organ = 'spleeen'")
    with pytest.raises(UsageError, match="where: no sample of split 'val' of release 'one' fits"):
        load("one", releases=releases.uri, where="split = 'train'", split="val")


def test_a_pull_that_is_refused_leaves_nothing(releases: Storage, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()

    for dest in (tmp_path / "new/folder", tmp_path / "there"):
        with pytest.raises(UsageError, match="nothing of the selection can be written so"):
            pull(releases, "one", dest, "clips")

    assert [one.name for one in tmp_path.iterdir()] == ["there"]
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize(
    "wish",
    [
        {"seed": -1}, {"seed": 0, "epoch": -1}, {"seed": 0, "position": -1},
        {"seed": 0, "rank": 2, "world": 2}, {"seed": 0, "rank": -1}, {"seed": 0, "world": 0},
    ],
)  # fmt: skip
def test_an_order_that_is_none_is_refused(releases: Storage, wish: dict[str, int]) -> None:
    """Of a rank that is not there came another one's samples, of position -1 the last one alone."""
    data = load("one", releases=releases.uri)

    with pytest.raises(UsageError, match="0 or more, and the rank is below the world's size"):
        data.shuffled(**wish)


def test_an_epoch_without_a_batch_is_no_epoch(releases: Storage) -> None:
    """A training would be over before it began, and say nothing."""
    data = load("one", releases=releases.uri)
    batches = data.batches(10**6, world=2)

    with pytest.raises(UsageError, match="has no batch of 1000000 for each of 2 ranks"):
        list(batches)
    assert len(list(data.batches(10**6, drop_last=False))) == 1
    done = data.batches(len(data))
    done.took()
    assert list(done) == []


@pytest.mark.parametrize("state", [{}, {"order": "x"}, {"order": "", "epoch": 0, "position": -5}])
def test_a_state_that_is_none_is_refused(releases: Storage, state: dict[str, Any]) -> None:
    batches = load("one", releases=releases.uri).batches(2)
    known = {"order": batches.order.fingerprint} if state.get("order") == "" else {}

    with pytest.raises(UsageError, match="state"):
        batches.load_state_dict(state | known)


@pytest.mark.parametrize("fps", [float("nan"), float("inf"), 1e9])
def test_windows_without_an_end_are_refused(releases: Storage, fps: float) -> None:
    with pytest.raises(UsageError, match="fps above 0 and of at most 100,000"):
        load("one", releases=releases.uri).clips(frames=2, fps=fps)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"cache_gb": float("nan")}, "cache_gb: 0 or more"),
        ({"cache_gb": -1}, "cache_gb: 0 or more"),
        ({"cache": "s3://bucket/cache"}, "cache: a folder of this machine is meant"),
        ({"endpoint": "nowhere"}, "load: 'endpoint'"),
    ],
)
def test_where_a_release_can_not_be_kept_or_found_is_told(
    releases: Storage, wish: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        load("one", releases=releases.uri, **wish)
