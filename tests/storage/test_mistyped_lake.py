"""A lake that is not there is an error, wherever its address comes from."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

import echoatlas
from echoatlas.cli import call
from echoatlas.errors import UsageError
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.storage.storage import Storage
from tests.helpers import s3server

READING = (
    "status",
    "tree",
    "report",
    "label status",
    "quarantine list",
    "audit report",
    "release list",
    "release create 1.0",
    "verify 1.0",
    "pull 1.0 out",
    "plan",
    "run",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Deployment.init(tmp_path / "home").root


@pytest.mark.parametrize("command", READING)
def test_a_mistyped_lake_is_no_empty_one(
    home: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = call(["--deployment", str(home), "--lake", str(home / "lakes"), *command.split()])

    told = capsys.readouterr()
    assert code == 2
    assert told.err == f"echoatlas: there is no lake at {home / 'lakes'}; did you mean 'lake'?\n"
    assert told.out == ""
    assert not (home / "lakes").exists()


def test_nor_is_one_in_the_configuration(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = home / "echoatlas.yaml"
    config.write_text(config.read_text().replace("lake: lake", "lake: laek"))

    code = call(["--deployment", str(home), "status"])

    assert code == 2
    assert "there is no lake at" in capsys.readouterr().err


def test_a_folder_of_other_things_is_no_lake(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = call(["--deployment", str(home), "--lake", str(home), "status"])

    assert code == 2
    assert f"{home} holds no lake" in capsys.readouterr().err


def test_a_new_deployment_has_an_empty_lake(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--deployment", str(home), "status"]) == 0
    assert call(["--deployment", str(home), "release", "list"]) == 0
    assert "0 frames; the books balance" in capsys.readouterr().out


def test_a_trainer_is_told_too(home: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no lake at .*lakes; did you mean 'lake'\?"):
        echoatlas.load("1.0", lake=home / "lakes")
    with pytest.raises(UsageError, match="there are no releases yet"):
        echoatlas.load("1.0", lake=home / "lake")


def test_a_prefix_with_nothing_in_it_is_no_lake(
    home: Path, s3: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"b{uuid.uuid4().hex[:12]}"
    s3server.client(s3).create_bucket(Bucket=name)

    codes = [call(["--lake", f"s3://{name}/laek", *words.split()]) for words in READING[6:7]]
    with pytest.raises(UsageError, match=f"there is no lake at s3://{name}/laek"):
        echoatlas.load("1.0", lake=f"s3://{name}/laek")
    Storage.open(f"s3://{name}/lake").write("tables/x", b"x")
    codes.append(call(["--lake", f"s3://{name}/lake", "release", "list"]))

    assert codes == [2, 0]
    assert f"there is no lake at s3://{name}/laek" in capsys.readouterr().err
