"""A user's mistake gives one clear line and the right exit code, never a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from echoatlas.cli import call, hoisted
from echoatlas.pipeline.deployment import Deployment


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Deployment.init(tmp_path / "home")
    (tmp_path / "scans").mkdir()
    (tmp_path / "st.yaml").write_text(f"site: st-elsewhere\nbucket: {tmp_path}/scans\n")
    assert call(["--deployment", str(tmp_path / "home"), "site", "add", f"{tmp_path}/st.yaml"]) == 0
    return tmp_path / "home"


WRONG = {
    "run --site st-elswhere": "no site 'st-elswhere'; did you mean 'st-elsewhere'?",
    "site receipt nowhere": "no site 'nowhere'",
    "release show 2026.11": "no release '2026.11' (there are no releases yet)",
    "verify 2026.11": "no release '2026.11'",
    "pull 2026.11 out": "no release '2026.11'",
    "pull 2026.11 out --format tfrecord": "no format 'tfrecord'",
    "quarantine list --reason blurry": "no reason 'blurry'",
    "quarantine show 123": "no object starts with '123'",
    "release create a/b": "'name'",
    "statsu": "No such command 'statsu'",
    "run --sight x": "No such option",
    "compact --sweep x": "'--sweep': expected a whole number",
    "site form st up --hours x": "'--hours': expected a number",
    "plan --headers -1": "'--headers': it has to be greater than or equal to 0",
    "watch --queue=": "'' is no queue",
    "watch --listen=": "'' is no address to listen at",
    # As a path each would be a folder named "s3:" where one stands
    "pull 2026.11 s3://b/p": "dest: a path on this machine is meant",
    "report --out s3://b/r.html": "out: a path on this machine is meant",
    "init s3://b/p": "path: a path on this machine is meant",
    "label review export s3://b/p": "dest: a path on this machine is meant",
    "release rebuild 2026.11 --to s3://b/p": "to: a path on this machine is meant",
    f"audit sample {'n' * 300}": "dest: a name in the path is too long",
    "demo /dev/null": "cannot write to /dev/null",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_is_one_line_and_exit_2(
    home: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()

    code = call(["--deployment", str(home), *line.split()])

    said = capsys.readouterr().err
    assert code == 2
    assert said.startswith("echoatlas: ") and said.count("\n") == 1
    assert WRONG[line] in said


FILES = {
    "site: St Elsewhere\nbucket: x\n": "'site'",
    "site: st\nbuckt: x\n": "unknown key 'buckt'; did you mean 'bucket'?",
    "site: st\nbucket: /nowhere/at/all\n": "there is no folder /nowhere/at/all",
    "site: st\nbucket: .\nlabels: {organ: thorax/breasts}\n": "did you mean 'thorax/breast'?",
    "site: [\n": "not valid YAML",
    "site: " + "[" * 10_000: "not valid YAML",
    "site: st\nbucket: x\ndicomweb: {since: 2026-13-01}\n": "not valid YAML",
    f"site: st\nbucket: x\nsampling: {{every: {'9' * 5000}}}\n": "not valid YAML",
    "- a\n": "expected keys and values",
    "site: st\nbucket: x\nconsent: yes\n": "'consent': expected keys and values, as {required:",
    "site: St\nbucket: x\n": "'site' is not of its form: Its name: lower case, digits, hyphens",
    "site: st\nbucket: x\ncountry: NO\n": "expected text: YAML takes yes, no, on and off for",
    "site: st\nbucket: x\npartial: perhaps\n": "'partial': expected true or false",
    "site: st\nbucket: x\npatient: {source: foldr}\n": "object; did you mean 'folder'?",
    "site: st\n": "'bucket' is missing: s3://bucket/prefix/, a local folder",
    "site: st\nbucket: ''\n": "'bucket' is too short: s3://bucket/prefix/, a local folder",
    "site: st\nbucket: .\n": "and this deployment's folder of keys, vault, lie within each other",
    'site: st\nbucket: "up\\0load"\n': "'bucket' is not of its form: s3://bucket/prefix/, a local",
    f"site: st\nbucket: {'x' * 5000}\n": "'bucket': string should have at most 1024 characters",
    "site: st\nbucket: ftp://somewhere\n": "neither a path nor an s3:// address",
}


@pytest.mark.parametrize("text", FILES)
def test_a_wrong_site_file_is_told_where_it_is_wrong(
    home: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.yaml").write_text(text)
    capsys.readouterr()

    code = call(["--deployment", str(home), "site", "check", str(tmp_path / "site.yaml")])

    said = capsys.readouterr().err
    assert code == 2
    assert FILES[text] in said
    assert "\n" not in said.removesuffix("\n")
    assert not re.search(r"instance of|valid (string|dictionary|tuple)|\[a-z|\^", said)


@pytest.mark.parametrize(
    ("place", "told"),
    [("gone.yaml", "there is no file"), ("folder", "is a folder"), ("latin.yaml", "no UTF-8 text")],
)
def test_a_file_that_cannot_be_read_is_told_with_why(
    home: Path, tmp_path: Path, place: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.yaml").write_bytes("site: Zürich".encode("latin-1"))
    capsys.readouterr()

    code = call(["--deployment", str(home), "site", "add", str(tmp_path / place)])

    said = capsys.readouterr().err
    assert code == 2
    assert f"{tmp_path / place}" in said and told in said and "Error" not in said


def test_an_unknown_setting_names_the_nearest(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = home / "echoatlas.yaml"
    config.write_text(config.read_text() + "steps: {normalize: {sizes: 128}}\n")

    code = call(["--deployment", str(home), "plan"])

    assert code == 2
    assert "unknown key 'steps.normalize.sizes'; did you mean 'size'?" in capsys.readouterr().err


def test_a_release_of_nothing_is_a_problem_of_the_data(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = call(["--deployment", str(home), "release", "create", "first"])

    assert code == 1
    assert "the lake holds no frames yet" in capsys.readouterr().err


def test_outside_a_deployment_the_way_in_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    code = call(["run"])

    assert code == 2
    assert "make one with `echoatlas init PATH`" in capsys.readouterr().err


def test_global_options_may_stand_anywhere() -> None:
    assert hoisted(["status", "--json", "--lake", "x"]) == ["--json", "--lake", "x", "status"]
    assert hoisted(["run", "--lake=x", "--", "--json"]) == ["--lake=x", "run", "--", "--json"]
