"""A lake and a release that an earlier commit wrote are read, and renewed no more than needed.

They are made by that commit's own code, out of the repository's history; nothing is stored.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

import echoatlas
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.step import declared, fingerprint
from tests.helpers.rehearsal import Rehearsal, fill

TOP = Path(__file__).parents[2]
BEFORE = "7d5ff32"  # the last commit before the rooms
STEPS = """
import json
from echoatlas.pipeline.journey import JourneyConfig
from echoatlas.pipeline.step import declared, fingerprint
steps = JourneyConfig().steps()
told = {declared(f).name: [declared(f).version, fingerprint([(f, c)])] for f, c in steps}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source as it was before the rooms."""
    archive = subprocess.run(["git", "archive", BEFORE, "src"], cwd=TOP, capture_output=True)
    if archive.returncode:
        pytest.skip("the commit before the rooms is not in this checkout's history")
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "src"


def steps() -> dict[str, list[object]]:
    """Name to version and fingerprint of each step, as it is now."""
    return {
        declared(function).name: [declared(function).version, fingerprint([(function, config)])]
        for function, config in JourneyConfig().steps()
    }


def versions(told: str) -> dict[str, int]:
    return {name: version for name, (version, _) in json.loads(told).items()}


def told_by(source: Path, *words: str) -> str:
    """What a Python with that source prints."""
    environment = os.environ | {"PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_step_of_the_same_version_has_the_same_fingerprint(earlier: Path) -> None:
    before = json.loads(told_by(earlier, "-c", STEPS))

    now = steps()

    same = {name for name in before if before[name][0] == now[name][0]}
    assert set(before) <= set(now)
    assert {name: before[name] for name in same} == {name: now[name] for name in same}


def test_an_earlier_lake_is_read_and_an_earlier_release_loads(
    earlier: Path, tmp_path: Path, one_ray: None
) -> None:
    made = Rehearsal(tmp_path)
    fill(made.site("st-elsewhere", labels={"organ": "abdomen/liver"}), stills=2, cine=False)
    config = yaml.safe_load((made.home / "echoatlas.yaml").read_text())
    (made.home / "echoatlas.yaml").write_text(yaml.safe_dump(config | {"engine": {"workers": 1}}))
    old = ["-m", "echoatlas.pipeline.cli", *made.command()[3:]]
    told_by(earlier, *old, "run")
    told_by(earlier, *old, "release", "create", "before")

    status = made.run("status")
    (site,) = made.run("plan")["sites"]
    verified = made.here("verify", "before", "--json")
    data = echoatlas.load("before", lake=str(made.lake_path))
    made.run("run")

    assert status["conservation"]
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert status["frames"] == len(data) > 0
    assert data[0].image.shape[:2] == (256, 256)
    assert (site["new_files"], site["pending"], site["lost"]) == (0, 0, 0)
    if versions(told_by(earlier, "-c", STEPS)) == versions(json.dumps(steps())):
        assert site["renewed"] == 0  # a move renews nothing; a step's raised version what it must
    assert status["frames"] == made.run("status")["frames"]
    (after,) = made.run("plan")["sites"]
    assert after["renewed"] + after["pending"] + after["new_files"] == 0
