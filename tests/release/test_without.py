"""What others evaluate on stays out of training: found without its pixels, left out, and proven."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from echoatlas.cli import call
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.run.lake_steps import deduplicate_lake, label_lake
from echoatlas.schemas.config.deployment import DeploymentConfig
from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
from echoatlas.schemas.rows.labels import DecisionRow
from echoatlas.schemas.rows.objects import ObjectRow
from echoatlas.schemas.tables import to_arrow
from tests.deduplicate.test_stage import MEASURED
from tests.helpers.rehearsal import as_in_a_process
from tests.helpers.shown import Shown, pictures, reencoded, shown
from tests.helpers.tables import made, picture

Say = Callable[..., tuple[int, str, str]]


def deploy(root: Path, frames: list[Shown], whose: dict[str, dict[str, str]]) -> Path:
    """A deployment whose lake a run has filled with frames.

    Args:
        whose: object to what is special about its frames: site, patient, native_split.
    """
    Deployment.init(root)
    settings = root / "echoatlas.yaml"
    engine = {"engine": {"address": "processes", "workers": 1}}
    settings.write_text(yaml.safe_dump(yaml.safe_load(settings.read_text()) | engine))
    lake = Deployment.find(root).lake
    ids = sorted({one.object_id for one in frames})
    plain = {"site": "a", "fan_verdict": "accept", "subject_type": "human", "channels": 1}
    tables: dict[str, list[Any]] = {
        "objects": [
            made(ObjectRow, object_id=one, locator=f"l{one}", content_id=f"c{one}", site="a",
                 status="kept", codec="jpeg", upload="u1") for one in ids
        ],
        "frames": [
            made(FrameRow, **plain | {"frame_id": one.frame_id, "object_id": one.object_id,
                 "frame_index": one.frame_index, "native_width": 500, "native_height": 500,
                 "width": 16, "height": 16, "image": encode(picture(number)),
                 "patient": f"p-{one.object_id}"} | whose.get(one.object_id, {}))
            for number, one in enumerate(frames)
        ],
        "measures": [
            made(MeasureRow, frame_id=one.frame_id, object_id=one.object_id,
                 **{name: getattr(one.measures, name) for name in MEASURED})
            for one in frames
        ],
        "decisions": [
            made(DecisionRow, object_id=one, paths="abdomen/liver", author="r")
            for one in ids
        ],
    }  # fmt: skip
    for name, rows in tables.items():
        lake.append(name, to_arrow(name, rows))
    renew(lake)
    return root


def renew(lake: Lake) -> None:
    label_lake(lake, DeploymentConfig())
    deduplicate_lake(lake, DeploymentConfig(), "r")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whoever has the evaluation set: a still and a clip of two patients."""
    frames = shown(pictures(1), pictures(2, frames=3))
    return deploy(tmp_path_factory.mktemp("elsewhere") / "atlas", frames, {})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a copy of the still, a cut of the clip, and more of one of these patients."""
    frames = shown(
        [reencoded(pictures(1)[0], 70)],
        [reencoded(one) for one in pictures(2, frames=3)[:2]],
        pictures(3),
        *(pictures(seed) for seed in range(4, 12)),
        [reencoded(pictures(4)[0], 60)],
    )
    whose = {
        "o000": {"patient": "known"},
        "o002": {"patient": "known"},
        "o011": {"site": "b", "patient": "p-b"},
    }
    return deploy(tmp_path_factory.mktemp("home") / "atlas", frames, whose)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def said(home: Path, *words: str) -> tuple[int, str, str]:
        with as_in_a_process():
            code = call(["--deployment", str(home), *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return said


@pytest.fixture
def file(elsewhere: Path, tmp_path: Path, say: Say) -> str:
    place = tmp_path / "theirs.parquet"
    code, out, err = say(elsewhere, "fingerprints", "export", str(place))
    assert (code, err) == (0, "")
    assert "4 frames of 2 clips" in out
    return str(place)


def patients(home: Path, name: str) -> set[str]:
    releases = Deployment.find(home).releases
    return set(index_table(releases, manifest_of(releases, name)).column("patient").to_pylist())


def test_what_is_near_is_told_by_site(home: Path, file: str, say: Say) -> None:
    code, out, _ = say(home, "overlap", "--against", file, "--json")

    assert code == 0
    (told,) = json.loads(out)["against"]
    assert told["name"] == "theirs.parquet"
    assert (told["clips"], told["met"]) == (2, 2)
    assert told["sites"] == {"a": {"frames": 3, "clips": 2, "patients": 2, "undecided": 0}}


def test_a_release_goes_without_whole_clips_and_patients_and_says_how_much(
    home: Path, file: str, say: Say
) -> None:
    code, out, _ = say(home, "release", "create", "clean", "--without", file)

    assert code == 0
    assert "4 frames, 3 clips, 2 patients left out as near to theirs.parquet" in out
    assert patients(home, "clean").isdisjoint({"known", "p-o001"})
    (told,) = manifest_of(Deployment.find(home).releases, "clean").without
    assert (told.near, told.undecided, told.size) == (2, 0, 4)
    assert "without theirs.parquet" in say(home, "release", "show", "clean")[1]
    code, out, _ = say(home, "verify", "clean", "--against", file)
    assert code == 0
    assert "nothing to train on is near to" in out


def test_what_left_since_it_is_near_to_a_set_is_told_for_that(
    home: Path, file: str, say: Say
) -> None:
    assert say(home, "release", "create", "before-set")[0] == 0
    assert say(home, "release", "create", "after-set", "--without", file)[0] == 0

    code, out, _ = say(home, "release", "diff", "before-set", "after-set", "--json")

    assert code == 0
    assert json.loads(out)["why"] == {"evaluation": 4}
    assert "evaluation: near to an evaluation set" in say(home, "release", "show", "after-set")[1]


def test_the_gate_refuses_a_release_that_overlaps(home: Path, file: str, say: Say) -> None:
    """Of a set that the configuration names, without that anybody has to remember it."""
    config = home / "echoatlas.yaml"
    before = config.read_text()
    config.write_text(yaml.safe_dump(yaml.safe_load(before) | {"evaluation": {"theirs": file}}))

    code, _, err = say(home, "release", "create", "gated", "--where", "patient <> 'p-o001'")
    kept, _, _ = say(home, "release", "create", "ungated", "--without", "theirs")
    checked, told, _ = say(home, "verify", "ungated", "--json")
    config.write_text(before)

    assert code == 1
    assert "1 frame of 1 clip and 1 patient outside of test are near to theirs" in err
    assert "add --without theirs" in err
    assert (kept, checked) == (0, 0)
    names = [check["name"] for check in json.loads(told)["checks"]]
    assert "nothing to train on is near to theirs" in names
    assert "no edge of the lake between two splits" in names


def test_verify_fails_a_release_that_overlaps(home: Path, file: str, say: Say) -> None:
    say(home, "release", "create", "careless")

    code, out, _ = say(home, "verify", "careless", "--against", file, "--json")

    assert code == 1
    failed = [check for check in json.loads(out)["checks"] if not check["ok"]]
    assert len(failed) == 1
    assert failed[0]["name"] == f"nothing to train on is near to {file}"


def test_a_release_is_a_set_too(home: Path, say: Say) -> None:
    say(home, "release", "create", "evaluated", "--where", "patient = 'p-o003'")

    code, out, _ = say(home, "release", "create", "other", "--without", "evaluated")

    assert code == 0
    assert "1 frame, 1 clip, 1 patient left out as near to evaluated (2 clips" in out
    assert patients(home, "other").isdisjoint({"p-o003", "p-b"})


def test_a_set_that_is_not_there_is_one_line(home: Path, say: Say) -> None:
    code, _, err = say(home, "release", "create", "x", "--without", "nosuch")

    assert code == 2
    assert "no file, evaluation set or release 'nosuch'" in err


def test_sites_and_collections_are_held_against_each_other(home: Path, say: Say) -> None:
    """Site b has a copy of what a has: one clip of each; b has nothing twice."""
    code, out, _ = say(home, "overlap", "--json")

    told = json.loads(out)
    cells = {(one["one"], one["other"]): one for one in told["site"]["cells"]}
    assert code == 0
    assert set(cells) == {("a", "b"), ("b", "a")}
    for cell in cells.values():
        assert (cell["frames"], cell["clips"], cell["patients"], cell["undecided"]) == (1, 1, 1, 0)
    assert told["site"]["totals"]["a"] == {"frames": 12, "clips": 11, "patients": 10}
    assert "frames of site" in say(home, "overlap")[1]
    assert set(told) == {"site", "collection"}
