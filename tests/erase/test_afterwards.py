"""After an erasure all that is asked of releases is answered of what took their place."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import echoatlas
from echoatlas.errors import UsageError
from echoatlas.loader import load
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.frames.identity import pixel_hash
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.release.verify import verify
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.leaving import (
    ERASED,
    EVERY,
    KEPT,
    SHOTS,
    cut,
    deployment,
    erased,
    fill_lake,
    named,
    request,
    traces_left,
)
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.stopping import stopped
from tests.helpers.tables import quick_lake


@pytest.fixture(scope="module")
def before(built_of_every_kind: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Releases of every kind, with what a training told of one."""
    there = built_of_every_kind.copied(tmp_path_factory.mktemp("before"))
    ids = [named("f", n) for n in range(16)]
    for losses in ({"loss": np.arange(16.0)}, {"patches": [[float(n)] * 4 for n in range(16)]}):
        table = {"frame_id": ids, **losses}
        echoatlas.feedback("all", table, lake=there.lake_path, note="of MRN-1, says somebody")
    return there


@pytest.fixture(scope="module")
def after(before: Rehearsal) -> Rehearsal:
    there = before.elsewhere("after", with_lake=True)
    erased(there)
    return there


def test_what_is_asked_of_a_release_is_told_of_its_successor(after: Rehearsal) -> None:
    for words in (("verify", "all"), ("release", "moves", "clips"), ("report", "native"),
                  ("audit", "reidentify", "--release", "fast")):  # fmt: skip
        done = after.here(
            *words, *(("--out", str(after.root / "r.html")) if "report" in words else ())
        )
        assert done.returncode == 0, done.stderr
        assert "is redacted" in done.stderr and "+r1" in done.stderr
    told = {one["population"] for one in after.run("audit", "reidentify")}
    assert told == {"lake", "other+r1", *(f"{name}+r1" for name in EVERY)}
    sheet = after.here("audit", "sample", str(after.root / "sheet"), "--release", "all", "--n", "4")
    assert sheet.returncode == 0 and "all+r1" in sheet.stderr
    shown = after.here("release", "show", "all")
    assert shown.returncode == 0 and "use all+r1" in shown.stderr


def test_what_was_taken_out_and_comes_back_fails_the_check(
    before: Rehearsal, after: Rehearsal
) -> None:
    there = after.elsewhere("back", with_lake=True)
    shard = manifest_of(there.deployment.releases, "all").shards[0].file
    assert there.run("verify", "all")["ok"]
    there.deployment.releases.write(shard, before.deployment.releases.read(shard))

    done = there.here("verify", "all")

    assert done.returncode == 1 and "FAILED  what was redacted is gone" in done.stdout


def test_what_left_is_counted_by_diff_and_told_in_the_changes(
    after: Rehearsal, tmp_path: Path
) -> None:
    told = after.run("release", "diff", "all", "all+r1")
    assert (told["removed"], told["why"], told["added"]) == (7, {"erased": 7}, 0)
    assert told["patients"] == {"added": 0, "removed": len({SHOTS[n].patient for n in ERASED})}
    cut(after, "later")
    told = after.run("release", "diff", "all", "later")
    assert (told["removed"], told["why"], told["added"]) == (7, {"erased": 7}, 0)

    came = after.run("pull", "all", str(tmp_path / "pulled"))

    assert came["release"] == "all+r1"
    page = (tmp_path / "pulled" / "CHANGES.md").read_text()
    assert page.startswith("# all to all+r1") and "| 7 | erased:" in page


def test_a_release_that_was_deprecated_is_so_after_an_erasure_too(before: Rehearsal) -> None:
    there = before.elsewhere("deprecated", with_lake=True)
    there.run("release", "deprecate", "all", "--why", "its split", "--successor", "fast")

    there.run(*request(there))

    for name in ("all", "all+r1"):
        done = there.here("verify", name)
        assert "release all+r1 is deprecated (its split): use fast" in done.stderr
        assert done.returncode == 0


def test_shards_are_made_again_with_the_bytes_of_the_successor(
    after: Rehearsal, tmp_path: Path
) -> None:
    releases = after.deployment.releases
    for name in EVERY:
        shards = manifest_of(releases, f"{name}+r1").shards
        kept = {one.file: releases.read(one.file) for one in shards}
        releases.delete(kept)
        done = after.here("release", "rebuild", name)
        assert done.returncode == 0, done.stderr
        assert "is redacted" in done.stderr
        assert kept == {one.file: releases.read(one.file) for one in shards}
    assert traces_left(after) == []


def test_of_a_lake_that_has_not_got_its_frames_any_more_none_are(after: Rehearsal) -> None:
    there = after.elsewhere("poor", with_lake=True)
    there.lake.drop_rows("frames", "frame_id", [named("f", 2)], "gone")
    releases = there.deployment.releases
    releases.delete([one.file for one in manifest_of(releases, "all+r1").shards])

    done = there.here("release", "rebuild", "all")

    assert done.returncode == 1 and "the lake has not got what 'all+r1' was cut of" in done.stderr
    assert not [one for one in releases.list("shards/") if one.key.endswith(".part")]


def test_what_trainings_told_of_who_stays_carries_over_and_of_who_left_goes(
    after: Rehearsal, tmp_path: Path
) -> None:
    with pytest.warns(UserWarning, match="use all"):
        data = load("all", lake=after.lake_path, feedback="latest", cache=tmp_path)

    losses = {one.frame_id: one.meta["feedback_loss"] for one in data}
    assert losses == {named("f", n): float(n) for n in KEPT}
    assert {len(one.meta["feedback_patches"]) for one in data} == {4}
    for version in (1, 2):
        file = after.lake_path / f"releases/all+r1/feedback-{version:04d}.parquet"
        assert pq.read_table(file).num_rows == len(KEPT)
        assert b"MRN-1" not in file.read_bytes()
    assert not list((after.lake_path / "releases/all").glob("feedback-*"))


def test_a_training_that_tells_of_a_release_as_it_is_redacted_is_sent_to_its_successor(
    before: Rehearsal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = before.elsewhere("told", with_lake=True)
    from echoatlas.loader import write_back

    real = write_back.versions

    def overtaken(*given: Any) -> list[int]:
        monkeypatch.setattr(write_back, "versions", real)
        erased(there)
        return [7]

    monkeypatch.setattr(write_back, "versions", overtaken)
    losses = {"frame_id": [named("f", 0), named("f", 2)], "loss": [1.0, 2.0]}

    with pytest.raises(UsageError, match="was redacted meanwhile"):
        echoatlas.feedback("all", losses, lake=there.lake_path)

    assert traces_left(there) == []


def test_old_files_of_tables_can_be_swept_after_an_erasure_as_before(after: Rehearsal) -> None:
    there = after.elsewhere("compacted", with_lake=True)

    done = there.here("compact", "--sweep", "7")

    assert done.returncode == 0, done.stderr
    assert there.run("verify", "all")["ok"]


def test_two_erasures_later_each_name_leads_to_what_is_left(after: Rehearsal) -> None:
    there = after.elsewhere("twice", with_lake=True)
    (there.root / "ids.txt").write_text("patient_id;name\nMRN-2;\n")
    try:
        there.run(*request(there, name="dsr-8"))
    finally:
        (there.root / "ids.txt").write_text("MRN-1\nMRN-unknown\n")

    for name in EVERY:
        done = there.here("verify", name)
        assert done.returncode == 0 and f"use {name}+r2" in done.stderr
        there.run("release", "rebuild", name)
    told = there.run("release", "diff", "all", "all+r2")
    assert (told["removed"], told["why"]) == (11, {"erased": 11})
    assert told["patients"]["removed"] == len({SHOTS[n].patient for n in ERASED} | {"MRN-2"})


def test_fewer_patients_hide_among_each_other_as_well_as_was_asked(tmp_path: Path) -> None:
    """Two of three who are alike are too few where three were asked for."""
    there = deployment(tmp_path)
    fill_lake(there)
    (tmp_path / "ids.txt").write_text("MRN-1\n")
    cut(there, "hidden", min_k=2)
    known = manifest_of(there.deployment.releases, "hidden")
    assert known.anonymity is not None and known.anonymity.k >= 2

    erased(there)

    assert there.run("verify", "hidden")["ok"]


def test_a_shard_that_is_damaged_goes_whole_and_it_is_said(before: Rehearsal) -> None:
    there = before.elsewhere("damaged", with_lake=True)
    releases = there.deployment.releases
    shard = manifest_of(releases, "all").shards[0].file
    releases.write(shard, releases.read(shard)[:-1000])

    done = erased(there)[0]

    told = {one["release"]: one for one in done["releases"]}
    assert (told["all"]["successor"], told["all"]["damaged"]) == ("", 1)
    assert (told["clips"]["successor"], told["clips"]["damaged"]) == ("clips+r1", 0)
    assert traces_left(there) == []
    assert (
        "shards of releases had been damaged before"
        in (there.root / "erasure-dsr-7.html").read_text()
    )


def test_samples_that_no_release_lists_any_more_go_where_nobody_can_tell_whose_they_are(
    before: Rehearsal,
) -> None:
    """Who listed them was deleted by hand; the shard is used by another release."""
    there = before.elsewhere("unlisted", with_lake=True)
    releases = there.deployment.releases
    cut(there, "part", where=f"\"frame_id IN ('{named('f', 2)}', '{named('f', 5)}')\"")
    shards = {one.file for one in manifest_of(releases, "part").shards}
    assert shards <= {one.file for one in manifest_of(releases, "all").shards}
    for name in ("all", "native"):
        shutil.rmtree(there.lake_path / "releases" / name)
    there.lake.drop_rows("frames", "frame_id", [named("f", 6)], "forgotten")

    erased(there)

    assert traces_left(there) == []
    (shard,) = manifest_of(releases, "part+r1").shards
    assert named("f", 2).encode() in releases.read(shard.file)
    assert named("f", 6).encode() not in releases.read(shard.file)
    assert there.here("verify", "part").returncode == 0


# --- the sweep


def test_what_a_killed_create_left_is_listed_and_then_deleted(
    before: Rehearsal, tmp_path: Path
) -> None:
    there = before.elsewhere("swept", with_lake=True)
    releases = there.deployment.releases
    config = tmp_path / "two.yaml"
    config.write_text("seed: 5\nsplits: {train: 0.5, val: 0.5}\n")
    stopped(there, "echoatlas.pipeline.release.publish.card", "release", "create", "late",
            "--config", str(config), "--codec", "jpeg").kill()  # fmt: skip
    needed = {entry.key for entry in before.deployment.releases.list()}
    left = {entry.key for entry in releases.list()} - needed
    assert {"shards", "late", "_cuts", "_cutting"} == {key.partition("/")[0] for key in left}

    young = there.run("release", "sweep", "--dry-run")
    for key in left:
        os.utime(releases.path(key), (time.time() - 8 * 86400,) * 2)  # type: ignore[attr-defined]
    listed = there.run("release", "sweep", "--dry-run")
    assert {entry.key for entry in releases.list()} == needed | left
    gone = there.run("release", "sweep")

    assert young["files"] == []
    assert listed["files"] == gone["files"] == sorted(left)
    assert {entry.key for entry in releases.list()} == needed
    assert all(there.run("verify", name)["ok"] for name in EVERY)


def test_nothing_is_swept_while_a_release_is_cut(before: Rehearsal) -> None:
    there = before.elsewhere("busy", with_lake=True)
    words = ("release", "create", "late", "--codec", "jpeg")
    create = stopped(there, "echoatlas.pipeline.release.create.publish", *words)

    refused = there.here("release", "sweep", "--days", "0")
    create.go_on()

    assert refused.returncode == 2 and "release 'late' is being cut" in refused.stderr
    assert create.end()[0] == 0
    assert all(check.ok for check in verify(there.deployment.releases, "late"))


# --- by workers


def in_shards(root: Path) -> Rehearsal:
    """A release of some shards of a megabyte, of patients of four frames each."""
    there = deployment(root)
    drawn = np.random.default_rng(3)
    pictures = drawn.integers(0, 256, (120, 256, 256), np.uint8)
    frames = [
        {
            "patient": named("p", n // 4),
            # What is searched for has to be as long as in a lake, else it is found by chance
            "frame_id": named("f", n),
            "object_id": named("o", n),
            "content_id": named("c", n),
            "pixel_hash": pixel_hash(pictures[n]),
            "site": "st-elsewhere",
            "image": encode(pictures[n]),
            "width": 256,
            "height": 256,
            "patient_source": "header",
        }
        for n in range(120)
    ]
    lake = quick_lake(there.lake_path, frames)
    seen = (
        SightingRow(f"l{n}", named("o", n), named("c", n), "st-elsewhere", "u", "", -1, n, 7)
        for n in range(120)
    )
    lake.replace("sightings", to_arrow("sightings", seen))
    config = ReleaseConfig(name="one", codec="zstd", shard_mb=1, splits={"a": 0.5, "b": 0.5})
    create(lake, lake.storage.sub("releases"), config)
    lines = ["pseudonym,issuer", *(f"{named('p', n)}," for n in (0, 9, 17, 23))]
    (root / "ids.txt").write_text("\n".join(lines))
    return there


def test_shards_are_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    first = in_shards(tmp_path)
    before = {entry.key for entry in first.deployment.releases.list("shards/")}
    found = []

    for workers in (1, 2):
        there = first.elsewhere(f"with-{workers}", with_lake=True)
        there.engine(workers=workers, address="processes")
        done = erased(there)[0]
        assert done["frames"] == 16
        assert there.here("verify", "one").returncode == 0
        manifest = manifest_of(there.deployment.releases, "one+r1")
        found.append((manifest.index, manifest.places, manifest.shards))

    assert found[0] == found[1]
    now = {one.file for one in found[0][2]}
    assert len(before) > 4 and 0 < len(before & now) < len(before)  # others stay as they are
