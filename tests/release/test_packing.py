"""Shards stay: what a successor writes, what races and kills leave, and what can be made again."""

from __future__ import annotations

import itertools
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoatlas.loader import load
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.frames.codec import encode_mask
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release import candidates
from echoatlas.pipeline.release import create as creating
from echoatlas.pipeline.release import publish as publishing
from echoatlas.pipeline.release.create import create, preview
from echoatlas.pipeline.release.documents import population
from echoatlas.pipeline.release.manifest import manifest_of, names, places_of
from echoatlas.pipeline.release.rebuild import remade
from echoatlas.pipeline.release.tar import PackedSample, packed_shards
from echoatlas.pipeline.release.verify import verify
from echoatlas.pipeline.release.whole import index_of
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.schemas.config.deployment import Engine
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.manifest import Manifest
from tests.helpers.tables import quick_lake

ORGANS = ("abdomen/liver", "thorax/breast", "thorax")
FRAMES: list[dict[str, Any]] = [
    {
        "patient": f"p{number // 3:04d}",
        "path": ORGANS[number % 3],
        "license": "CC-BY-NC-4.0" if number < 6 else "CC-BY-4.0",
        "overlay": encode_mask(np.eye(16, dtype=bool)) if number % 2 else b"",
        "patch_map": bytes(range(256)),
    }
    for number in range(30)
]

KILLED = ReleaseConfig(name="one", splits={"a": 1, "b": 1})


@pytest.fixture(scope="module")
def whole_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(quick_lake(tmp_path_factory.mktemp("whole") / "lake", FRAMES).storage.uri)


@pytest.fixture(scope="module")
def whole_release(whole_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a release of it adds to the lake's folder."""
    copied = shutil.copytree(whole_lake, tmp_path_factory.mktemp("first") / "lake")
    lake = Lake(Storage.open(copied))
    create(lake, lake.storage.sub("releases"), ReleaseConfig(name="first"))
    return copied


@pytest.fixture
def first(whole_release: Path, lake: Lake, releases: Storage) -> Manifest:
    """A release of the lake."""
    shutil.copytree(whole_release, str(lake.storage.uri), dirs_exist_ok=True)
    return manifest_of(releases, "first")


@pytest.fixture
def lake(whole_lake: Path, tmp_path: Path) -> Lake:
    return Lake(Storage.open(shutil.copytree(whole_lake, tmp_path / "lake")))


@pytest.fixture
def releases(lake: Lake) -> Storage:
    return lake.storage.sub("releases")


def shards(releases: Storage) -> set[str]:
    return {entry.key for entry in releases.list("shards/")}


def grown(lake: Lake, frames: list[dict[str, Any]]) -> None:
    """Bring other frames into a lake."""
    made = quick_lake(Path(str(lake.storage.uri) + "-grown"), frames)
    for table in ("frames", "labels", "measures", "duplicates", "objects"):
        lake.replace(table, made.read(table))


def test_a_successor_writes_what_is_new_and_nothing_else(
    lake: Lake, releases: Storage, first: Manifest
) -> None:
    before = shards(releases)
    grown(lake, [*FRAMES, {"patient": "p9999", "path": "thorax"}])

    manifest = create(lake, releases, ReleaseConfig(name="second"))

    (new,) = shards(releases) - before
    with tarfile.open(LocalStorage(Path(releases.uri)).path(new)) as tar:
        assert tar.getnames() == ["f0030.png"]
    assert [one.file for one in manifest.shards if one.origin == "second"] == [new]
    assert manifest.shards[-1].file == new
    assert len(load("second", lake=lake.storage.uri)) == 31
    assert all(check.ok for check in verify(releases, "second"))


@pytest.mark.parametrize(
    "changed",
    [{"seed": 7}, {"where": "region = 'thorax'"}, {"weight": "2"}, {"splits": {"all": 1.0}}],
)
def test_another_split_selection_or_weight_writes_no_shard(
    lake: Lake, releases: Storage, first: Manifest, changed: Mapping[str, Any]
) -> None:
    before = shards(releases)

    create(lake, releases, ReleaseConfig.model_validate({"name": "second", **changed}))

    assert shards(releases) == before
    assert all(check.ok for check in verify(releases, "second"))


def test_many_rows_are_asked_for_column_by_column_and_give_the_same(
    lake: Lake, releases: Storage, first: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for asking in (candidates, population):
        monkeypatch.setattr(asking, "TOGETHER", 0)

    many = create(lake, releases, ReleaseConfig(name="second"))

    assert (many.index, many.places) == (first.index, first.places)
    assert (many.counts, many.population) == (first.counts, first.population)
    assert set(many.counts["region"]) == {"abdomen", "thorax"}
    assert set(many.population) == set(population.BY)


def test_labels_stand_in_the_index_alone(lake: Lake, releases: Storage, first: Manifest) -> None:
    before = shards(releases)
    grown(lake, [one | {"path": "back"} for one in FRAMES])

    create(lake, releases, ReleaseConfig(name="second"))

    assert shards(releases) == before
    assert {one.region for one in load("second", lake=lake.storage.uri)} == {"back"}
    assert {one.region for one in load("first", lake=lake.storage.uri)} == {"abdomen", "thorax"}


def test_what_leaves_is_listed_no_more_and_can_come_back(
    lake: Lake, releases: Storage, first: Manifest
) -> None:
    before = shards(releases)
    grown(lake, FRAMES[:27])
    create(lake, releases, ReleaseConfig(name="second"))
    grown(lake, FRAMES)

    third = create(lake, releases, ReleaseConfig(name="third"))

    assert shards(releases) == before
    assert len(load("second", lake=lake.storage.uri)) == 27
    assert all(check.ok for check in verify(releases, "second"))
    assert third.shards == first.shards


def test_an_overlay_that_changed_is_written_anew(
    lake: Lake, releases: Storage, first: Manifest
) -> None:
    before = shards(releases)
    other = encode_mask(~np.eye(16, dtype=bool))
    grown(lake, [*FRAMES[:-1], FRAMES[-1] | {"overlay": other}])

    create(lake, releases, ReleaseConfig(name="second"))

    assert len(shards(releases) - before) == 1
    found = {one.frame_id: one for one in load("second", lake=lake.storage.uri)}
    assert found["f0029"].overlay is not None
    assert np.array_equal(found["f0029"].overlay, ~np.eye(16, dtype=bool))
    assert np.array_equal(found["f0027"].overlay, np.eye(16, dtype=bool))  # type: ignore[arg-type]


def test_a_thin_shard_is_used_no_more_where_that_is_asked_for(
    lake: Lake, releases: Storage
) -> None:
    create(lake, releases, ReleaseConfig(name="first", splits={"all": 1.0}))
    before = shards(releases)

    create(lake, releases, ReleaseConfig(
        name="second", splits={"all": 1.0}, where="patient = 'p0000'", min_live=0.5))  # fmt: skip

    assert len(shards(releases) - before) == 1


def test_a_patient_who_comes_to_another_split_leaves_the_shard(
    lake: Lake, releases: Storage
) -> None:
    create(lake, releases, ReleaseConfig(name="first", splits={"a": 1, "b": 1}))
    of = {one.meta["patient"]: one.split for one in load("first", lake=lake.storage.uri)}
    first, last = (min(p for p, split in of.items() if split == side) for side in ("a", "b"))
    tied = [one | ({"study": "t"} if one["patient"] in (first, last) else {}) for one in FRAMES]
    grown(lake, tied)

    manifest = create(lake, releases, ReleaseConfig(name="second", splits={"a": 1, "b": 1}))

    assert [one.origin for one in manifest.shards] == ["first", "first", "second"]
    assert None not in {one.split for one in manifest.shards}
    assert all(check.ok for check in verify(releases, "second"))


def test_of_a_device_that_nobody_knows_one_word_is_said(tmp_path: Path) -> None:
    lake = Lake(Storage.open(tmp_path))
    makes = (("unknown", "unknown"), ("GE", "LOGIQ 9"), ("GE", "unknown"))
    quick_lake(tmp_path, [FRAMES[0] | {"maker": one, "model": two} for one, two in makes])

    told = index_of(lake, {}).column("device").to_pylist()

    assert told == ["unknown", "GE LOGIQ 9", "GE unknown"]


def test_workers_are_started_for_what_is_new_and_not_for_what_lies_there(
    lake: Lake, releases: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = creating._workers

    def noted(engine: Engine | None, few: bool, objects: int) -> Any:
        asked.append(objects)
        return real(None, few, objects)

    monkeypatch.setattr(creating, "AS_OBJECT", 1)
    monkeypatch.setattr(creating, "_workers", noted)
    create(lake, releases, ReleaseConfig(name="first", splits={"all": 1.0}))
    grown(lake, [*FRAMES, {"patient": "p9999", "path": "thorax"}])

    create(lake, releases, ReleaseConfig(name="second", splits={"all": 1.0}))

    assert asked == [len(FRAMES), 1]


@pytest.mark.parametrize("little", ["LITTLE", "LITTLE_HASHED"])
def test_few_pixels_and_files_are_worked_on_here(
    little: str, lake: Lake, releases: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    here: list[bool] = []
    real = creating._workers

    def noted(engine: Engine | None, few: bool, objects: int) -> Any:
        here.append(few)
        return real(None, few, objects)

    monkeypatch.setattr(creating, "FEW", 1)
    monkeypatch.setattr(creating, "_workers", noted)
    create(lake, releases, ReleaseConfig(name="first", splits={"all": 1.0}))
    grown(lake, [*FRAMES, {"patient": "p9999", "path": "thorax"}])
    monkeypatch.setattr(creating, little, 1)

    create(lake, releases, ReleaseConfig(name="second", splits={"all": 1.0}))

    assert here == [True, False]


def test_killed_after_the_manifest_and_run_again_it_is_announced(
    lake: Lake, releases: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "point", killed)
        with pytest.raises(KeyboardInterrupt):
            create(lake, releases, ReleaseConfig(name="one"))

    manifest = create(lake, releases, ReleaseConfig(name="one"))

    assert lake.read("releases").column("name").to_pylist() == ["one"]
    assert manifest == manifest_of(releases, "one")
    with pytest.raises(UsageError, match="releases never change"):
        create(lake, releases, ReleaseConfig(name="one"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A lake, and the release that is cut of it if nobody disturbs."""
    folder = tmp_path_factory.mktemp("calm")
    quick_lake(folder / "lake", FRAMES[:9])
    lake = Lake(Storage.open(shutil.copytree(folder / "lake", folder / "calm")))
    return folder / "lake", create(lake, lake.storage.sub("releases"), KILLED)


@pytest.mark.parametrize("moment", [1, 2, 5, 7, 8, 9, 10])
def test_killed_at_any_write_and_run_again_equals_undisturbed(
    undisturbed: tuple[Path, Manifest],
    tmp_path: Path,
    moment: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calm, expected = undisturbed
    lake = Lake(Storage.open(shutil.copytree(calm, tmp_path / "lake")))
    releases = lake.storage.sub("releases")
    writes, real = itertools.count(1), LocalStorage.write

    def write(self: LocalStorage, key: str, data: bytes, *, create: bool = False) -> None:
        if self.uri == releases.uri and next(writes) == moment:
            raise KeyboardInterrupt
        real(self, key, data, create=create)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "write", write)
        with pytest.raises(KeyboardInterrupt):
            create(lake, releases, KILLED)
    create(lake, releases, KILLED)

    found = manifest_of(releases, "one")
    assert (expected.index, expected.places, expected.shards) == (
        found.index, found.places, found.shards
    )  # fmt: skip
    assert lake.read("releases").column("name").to_pylist() == ["one"]
    assert not list(releases.list("_cuts/"))


def test_shards_are_made_again_byte_for_byte(
    lake: Lake, releases: Storage, first: Manifest, tmp_path: Path
) -> None:
    changed = FRAMES[4] | {"overlay": encode_mask(~np.eye(16, dtype=bool))}
    grown(lake, [*FRAMES[:4], changed, *FRAMES[5:]])
    second = create(lake, releases, ReleaseConfig(name="second"))
    before = {key: releases.read(key) for key in shards(releases)}
    releases.delete([second.shards[0].file, second.shards[-1].file])
    elsewhere = LocalStorage(tmp_path / "elsewhere")

    assert remade(lake, releases, "second") == 2
    assert remade(lake, releases, "second", elsewhere) == len(before)

    assert before == {key: releases.read(key) for key in shards(releases)}
    assert before == {entry.key: elsewhere.read(entry.key) for entry in elsewhere.list()}


def test_damaged_shards_are_made_again_as_they_were(
    lake: Lake, releases: Storage, first: Manifest
) -> None:
    """... also one of the same size."""
    before = {key: releases.read(key) for key in shards(releases)}
    cut, turned = first.shards[0].file, first.shards[-1].file
    releases.write(cut, before[cut][:700])
    releases.write(turned, before[turned][:-1] + b"x")

    assert remade(lake, releases, "first") == 2

    assert before == {key: releases.read(key) for key in shards(releases)}
    assert remade(lake, releases, "first") == 0


def test_shards_are_not_made_again_of_a_lake_that_forgot(
    lake: Lake, releases: Storage, first: Manifest
) -> None:
    grown(lake, FRAMES[:3])
    lake.vacuum("frames")
    releases.delete([first.shards[0].file])

    with pytest.raises(CheckFailed, match="the lake has not got what 'first' was cut of"):
        remade(lake, releases, "first")


def test_of_two_publishers_one_wins_and_the_other_is_told(
    lake: Lake, bucket: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = publishing.card
    raced = False

    def overtaken(manifest: Any, changes: Any = ()) -> str:
        nonlocal raced
        if not raced:
            raced = True
            create(lake, bucket, ReleaseConfig(name="one", seed=1))
        return real(manifest, changes)

    monkeypatch.setattr(publishing, "card", overtaken)

    with pytest.raises(UsageError, match="somebody else published 'one' first"):
        create(lake, bucket, ReleaseConfig(name="one"))

    assert manifest_of(bucket, "one").published["config"]["seed"] == 1
    assert names(bucket) == ["one"]


def test_workers_cut_the_same_shards(lake: Lake, releases: Storage, tmp_path: Path) -> None:
    here = create(lake, releases, ReleaseConfig(name="one"))
    elsewhere = LocalStorage(tmp_path / "elsewhere")

    engine = Engine(address="processes", workers=2)
    there = create(lake, elsewhere, ReleaseConfig(name="one"), engine)

    assert here.shards == there.shards
    assert (here.index, here.places, here.files) == (there.index, there.places, there.files)


def test_a_preview_counts_and_writes_nothing(lake: Lake, releases: Storage) -> None:
    config = ReleaseConfig(name="one", use="commercial", where="region <> 'abdomen'")

    told = preview(lake, releases, config)
    manifest = create(lake, releases, config)

    assert told.samples == manifest.samples == 16
    assert told.counts == manifest.counts
    assert told.left_out == {
        "not selected by `where`": 10,
        "license 'CC-BY-NC-4.0' does not permit commercial use": 4,
    }
    assert manifest.published["left_out"] == told.left_out
    assert preview(lake, releases, config.model_copy(update={"name": "two"})).written == 0


def test_what_a_license_forbids_can_be_refused(lake: Lake, releases: Storage) -> None:
    config = ReleaseConfig(name="one", use="commercial", forbidden="refuse")

    with pytest.raises(CheckFailed, match=r"'CC-BY-NC-4\.0' does not permit commercial use"):
        create(lake, releases, config)


def test_weights_are_an_expression_over_what_was_selected(lake: Lake, releases: Storage) -> None:
    balance = "1.0 / count(*) OVER (PARTITION BY organ)"
    create(lake, releases, ReleaseConfig(name="one", weight=balance, where="patient < 'p0005'"))

    weights = {one.organ: one.meta["weight"] for one in load("one", lake=lake.storage.uri)}

    assert weights == {"liver": 0.2, "breast": 0.2, "unknown": 0.2}
    with pytest.raises(UsageError, match="--weight"):
        create(lake, releases, ReleaseConfig(name="two", weight="-1"))


def test_places_can_be_mapped_as_they_lie(lake: Lake, releases: Storage) -> None:
    manifest = create(lake, releases, ReleaseConfig(name="one"))

    mapped = np.load(LocalStorage(Path(releases.uri)).path(f"one/{manifest.places.file}"), "r")  # type: ignore[union-attr]

    assert mapped.dtype.itemsize == 32
    assert np.array_equal(mapped, places_of(releases, manifest))


samples = st.lists(st.tuples(st.integers(1, 3000), st.booleans()), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(samples)
def test_shards_end_with_groups_and_keep_their_size(told: list[tuple[int, bool]]) -> None:
    least = 8192
    made = [
        PackedSample(f"s{number}", (("png", bytes(size)), ("overlay.png", b""), ("p", b"x")), ends)
        for number, (size, ends) in enumerate(told)
    ]

    tars = list(packed_shards(made, least))

    sizes = [len(tar.places) for tar in tars]
    stops = np.cumsum(sizes)
    assert stops[-1] == len(told)
    assert all(tar.size <= 2 * least for tar in tars)
    for tar, stop in zip(tars[:-1], stops[:-1].tolist(), strict=True):
        # Smaller, or cut within a group, only where the next one is too large for what is left
        follows = sum(one.size for one in made[stop : _end(told, stop)])
        whole = sum(one.size for one in made[_start(told, stop) : _end(told, stop)])
        assert told[stop - 1][1] or whole > 2 * least
        assert tar.size >= least or tar.size + follows > 2 * least
    data = pa.py_buffer(tars[0].closed())
    place = tars[0].places[0]
    assert data.slice(place[0], place[1]).to_pybytes() == bytes(told[0][0])


def _end(told: list[tuple[int, bool]], start: int) -> int:
    """Where the group of a sample ends."""
    return next((n + 1 for n in range(start, len(told)) if told[n][1]), len(told))


def _start(told: list[tuple[int, bool]], stop: int) -> int:
    """Where the group of the sample before begins."""
    return next((n + 1 for n in range(stop - 2, -1, -1) if told[n][1]), 0)
