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

import numpy as np
import pytest
import yaml

import echoatlas
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.release.verify import verify
from echoatlas.pipeline.step import declared, fingerprint
from echoatlas.schemas.config.release import ReleaseConfig
from tests.helpers.rehearsal import Rehearsal, fill
from tests.helpers.tables import picture, quick_lake

TOP = Path(__file__).parents[2]
BEFORE = "7d5ff32"  # the last commit before the rooms
BEFORE_PLACES = "1c8962f"  # the last commit that wrote releases of format 1
STEPS = """
import json
from echoatlas.pipeline.journey import JourneyConfig
from echoatlas.pipeline.step import declared, fingerprint
steps = JourneyConfig().steps()
told = {declared(f).name: [declared(f).version, fingerprint([(f, c)])] for f, c in steps}
print(json.dumps(told))
"""


def source_of(commit: str, folder: Path) -> Path:
    """The source as it was at a commit."""
    archive = subprocess.run(["git", "archive", commit, "src"], cwd=TOP, capture_output=True)
    if archive.returncode:
        pytest.skip(f"commit {commit} is not in this checkout's history")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "src"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source as it was before the rooms."""
    return source_of(BEFORE, tmp_path_factory.mktemp("earlier"))


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


@pytest.mark.heavy
def test_an_earlier_lake_is_read_and_an_earlier_release_loads(
    earlier: Path, tmp_path: Path
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


CUT = """
import sys
from pathlib import Path
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.storage import Storage
from echoatlas.schemas.config import ReleaseConfig
lake = Lake(Storage.open(sys.argv[1]))
create(lake, lake.storage.sub("releases"), ReleaseConfig(name="before", codec="zstd"))
"""


def test_a_release_of_format_1_is_read_pulled_and_verified_beside_a_new_one(tmp_path: Path) -> None:
    before = source_of(BEFORE_PLACES, tmp_path / "source")
    lake = quick_lake(tmp_path / "lake", [{}, {"path": "thorax"}, {"path": "thorax/breast"}])
    releases = lake.storage.sub("releases")
    told_by(before, "-c", CUT, str(tmp_path / "lake"))
    create(lake, releases, ReleaseConfig(name="after", codec="zstd"))

    for name, number in (("before", 1), ("after", 2)):
        data = echoatlas.load(name, lake=tmp_path / "lake", where="region = 'thorax'")
        pulled = pull(releases, name, tmp_path / name, "webdataset")

        assert manifest_of(releases, name).format == number
        assert all(check.ok for check in verify(releases, name))
        assert {"f0001", "f0002"} == {sample.frame_id for sample in data}
        assert all(np.array_equal(one.image, picture(int(one.frame_id[1:]))) for one in data)
        assert pulled == 3
