"""What was erased comes back from a backup: it is told, kept from releases, and erased again."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pydicom
import pytest

from echoatlas.simulate import make_still, write_dicom
from tests.helpers.rehearsal import Rehearsal

IN_RELEASE, IN_LAKE = "nothing that was erased is in it", "nothing that was erased is in the lake"


def scan(seed: int, patient: str) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(write_dicom(make_still(seed=seed, size=(320, 240)))))
    dataset.PatientID, dataset.IssuerOfPatientID = patient, ""
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rehearsal, Path]:
    """A deployment that a patient has left, and a backup of its lake and releases of before."""
    made = Rehearsal(tmp_path_factory.mktemp("erased"))
    folder = made.site("here")
    for seed, who in enumerate(("A1", "A2", "A3"), 1):
        (folder / f"{seed}.dcm").write_bytes(scan(seed, who))
    made.run("run")
    made.run("release", "create", "one")
    backup = made.root / "backup"
    shutil.copytree(made.lake_path, backup)
    (made.root / "who.txt").write_text("A1\n")
    words = ("--patient-ids", str(made.root / "who.txt"), "--report", str(made.root))
    made.run("erase", "here", *words, "--request", "r1")
    return made, backup


def failed(made: Rehearsal, release: str) -> list[str]:
    """Names of checks that a release fails."""
    done = made.here("verify", release, "--json")
    return [one["name"] for one in json.loads(done.stdout)["checks"] if not one["ok"]]


def test_a_lake_and_its_releases_that_are_restored_are_told_and_erased_again(
    erased: tuple[Rehearsal, Path], tmp_path: Path
) -> None:
    made, backup = erased[0].copied(tmp_path), erased[1]
    sound = failed(made, "one+r1")
    shutil.rmtree(made.lake_path)
    shutil.copytree(backup, made.lake_path)

    told = failed(made, "one")
    cut = made.here("release", "create", "two")
    ran = made.here("run")
    again = made.run("erase", "here", "--request", "r1", "--again", "--report", str(tmp_path))[0]
    healed = failed(made, "one+r1")

    assert sound == []
    assert told == [IN_RELEASE, IN_LAKE]
    assert cut.returncode == 1
    assert "1 object of the lake was erased, and back since" in cut.stderr
    assert ran.returncode == 0
    assert again["objects"] == 1
    assert not any(again["proof"]["found"].values())
    assert healed == []
    assert made.run("release", "create", "two")["frames"] == 2


def test_a_release_alone_that_is_restored_is_told_and_redacted_again(
    erased: tuple[Rehearsal, Path], tmp_path: Path
) -> None:
    made, backup = erased[0].copied(tmp_path), erased[1]
    place = made.lake_path / "releases"
    shutil.rmtree(place)
    shutil.copytree(backup / "releases", place)

    told = failed(made, "one")
    made.run("erase", "here", "--request", "r1", "--again", "--report", str(tmp_path))
    healed = failed(made, "one+r1")

    assert told == [IN_RELEASE]
    assert healed == []


@pytest.mark.parametrize("collection", [False, True])
def test_a_site_that_left_whole_leaves_again_and_stays_away(
    tmp_path: Path, collection: bool
) -> None:
    """It was another request, or, in a lake that was restored, one that let the site come back."""
    made = Rehearsal(tmp_path)
    folder = made.site("here", **({"collection": "busi"} if collection else {}))
    (folder / "benign").mkdir()
    (folder / "benign" / "1.dcm").write_bytes(scan(1, "A1"))
    made.run("run")
    shutil.copytree(made.lake_path, tmp_path / "backup")
    words = ("erase", "busi" if collection else "here", "--request", "r1", "--report")
    made.run(*words, str(tmp_path), "--whole")
    calm = made.run(*words, str(tmp_path), "--again")[0]
    shutil.rmtree(made.lake_path)
    shutil.copytree(tmp_path / "backup", made.lake_path)

    again = made.run(*words, str(tmp_path), "--again")[0]
    (folder / "benign" / "2.dcm").write_bytes(scan(2, "A2"))
    made.run("run")

    assert (calm["whole"], again["whole"], again["objects"]) == (True, True, 1)
    assert made.run("status")["sites"] == {"here": {"erased": 1}}


def test_a_request_that_never_was_is_not_carried_out_again(
    erased: tuple[Rehearsal, Path],
) -> None:
    done = erased[0].here("erase", "here", "--request", "r9", "--again")

    assert done.returncode == 2
    assert "there was no request 'r9'" in done.stderr
