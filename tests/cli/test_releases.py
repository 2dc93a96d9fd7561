"""A release on the command line: configured in a file, counted before it is cut, made again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from echoatlas.cli import call
from echoatlas.schemas.rows.objects import ConsentRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import quick_lake

FRAMES: list[dict[str, Any]] = [
    {"license": "CC-BY-4.0"},
    {"license": "CC-BY-NC-4.0"},
    {"path": "thorax", "license": "CC-BY-4.0"},
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert call(["init", str(tmp_path / "atlas")]) == 0
    quick_lake(tmp_path / "atlas" / "lake", FRAMES)
    return tmp_path / "atlas"


def said(home: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    code = call(["--deployment", str(home), "--json", *words])
    told = capsys.readouterr()
    assert code == 0, told.err
    return json.loads(told.out)


def test_a_release_is_configured_in_a_file_counted_and_then_cut(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home / "release.yaml"
    file.write_text("use: commercial\nunit: clip\nweight: 1.0 / count(*) OVER ()\nseed: 3\n")
    words = ["release", "create", "2026.11", "--config", str(file), "--seed", "5"]

    told = said(home, capsys, *words, "--dry-run")
    written = list(home.rglob("manifest.json"))
    manifest = said(home, capsys, *words)

    assert written == []
    assert told["samples"] == manifest["samples"] == 2
    assert told["left_out"] == {"license 'CC-BY-NC-4.0' does not permit commercial use": 1}
    assert told["counts"]["region"] == {"abdomen": 1, "thorax": 1}
    assert (manifest["config"]["unit"], manifest["config"]["seed"]) == ("clip", 5)


def test_a_lost_shard_is_made_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(home, capsys, "release", "create", "2026.11")
    shard = min((home / "lake" / "releases" / "shards").iterdir())
    before = shard.read_bytes()
    shard.unlink()

    told = said(home, capsys, "release", "rebuild", "2026.11")

    assert told == {"release": "2026.11", "shards": 1}
    assert before == shard.read_bytes()


def test_a_wrong_key_in_the_file_is_told_with_the_file(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home / "release.yaml"
    file.write_text("wheer: organ = 'liver'\n")

    code = call(["--deployment", str(home), "release", "create", "x", "--config", str(file)])

    assert code == 2
    assert "release.yaml: unknown key 'wheer'; did you mean 'where'?" in capsys.readouterr().err


def test_all_that_the_file_may_say_may_be_said_on_the_command_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """... before the file, and after options of its own."""
    file = home / "release.yaml"
    file.write_text("shard_mb: 7\nseed: 3\n")
    words = ["release", "create", "2026.11", "--config", str(file), "--seed", "5"]
    words += ["--set", "splits={train: 0.5, later: 0.5}", "--set", "shard_mb=2", "--set", "seed=4"]

    config = said(home, capsys, *words)["config"]

    assert config["splits"] == {"train": 0.5, "later": 0.5}
    assert (config["shard_mb"], config["seed"]) == (2, 5)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("splits={train", "--set splits, line 1: not valid YAML"),
        ("splits", "--set splits: say KEY=VALUE"),
        ("size=large", "release: 'size': expected one of normalized, native"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], setting: str, told: str
) -> None:
    code = call(["--deployment", str(home), "release", "create", "x", "--set", setting])

    assert (code, capsys.readouterr().err) == (2, f"echoatlas: {told}\n")


def test_what_has_no_known_license_is_counted_before_and_after_and_on_the_card(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick_lake(home / "lake2", [{"license": "unknown"}, {"license": "CC-BY-4.0"}, {}])
    here = ["--deployment", str(home), "--lake", str(home / "lake2"), "release"]
    told = "2 of 3 frames without a license that is known (`license` in the site's file)"
    pages = []
    for words in (
        ["create", "a", "--dry-run"],
        ["create", "a"],
        ["show", "a"],
        ["create", "b", "--use", "research"],
    ):
        capsys.readouterr()
        assert call([*here, *words]) == 0
        pages.append(capsys.readouterr().out)

    assert all(told in page for page in pages[:3])
    assert told not in pages[3]
    assert "left out: 1: license 'unknown' is not known to permit research" in pages[3]


def test_which_releases_may_hold_whom_a_list_means_that_cannot_be_read_is_said(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list keeps its site out of new releases; those of before hold everybody all the same."""
    place = ["--deployment", str(home), "--lake", str(home / "lake2")]
    lake = quick_lake(home / "lake2", [{"site": "here"}, {"site": "here"}, {"site": "there"}])
    assert call([*place, "release", "create", "both"]) == 0
    assert call([*place, "release", "create", "there", "--where", "site = 'there'"]) == 0
    held = ConsentRow("list", "here", "", "", "unclear")
    lake.append("consents", to_arrow("consents", [held]))
    told = (
        "2 patients of here in it may be among those of a list that can't be heeded: mend that list"
    )

    for words in (["release", "list"], ["release", "show", "both"], ["verify", "both"]):
        capsys.readouterr()
        assert call([*place, *words]) == 0
        said = capsys.readouterr()
        assert told in said.out + said.err
        assert "site receipt there" not in said.out + said.err
    assert call([*place, "--json", "release", "list"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"]: row["lists_unheeded"] for row in rows} == {"both": ["here"], "there": []}


@pytest.mark.parametrize("damage", ["b/manifest.json", "b/notice-0001.json"])
def test_a_damaged_release_hides_no_other(
    home: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    for name in ("a", "b", "c"):
        said(home, capsys, "release", "create", name)
    (home / "lake/releases" / damage).write_text("{")

    code = call(["--deployment", str(home), "--json", "release", "list"])
    told = capsys.readouterr()

    assert code == 1 and "Traceback" not in told.err
    assert [row["name"] for row in json.loads(told.out)] == ["a", "c"]
    assert told.err.count("\n") == 1 and "release 'b' is damaged" in told.err
    if "manifest" in damage:  # a notice might forbid what a card compares with
        assert call(["--deployment", str(home), "release", "show", "a"]) == 0


def test_names_that_differ_by_case_alone_are_refused(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a disk that knows no case they are one folder, into which both would write."""
    said(home, capsys, "release", "create", "Fetal")

    for more in ([], ["--dry-run"]):
        assert call(["--deployment", str(home), "release", "create", "fetal", *more]) == 2
        assert "there is a release 'Fetal' already" in capsys.readouterr().err
    assert [one.name for one in (home / "lake/releases").glob("*etal")] == ["Fetal"]


@pytest.mark.parametrize(
    "words",
    [
        ["audit", "report", "--out"],
        ["report", "--out"],
        ["release", "diff", "a", "b", "--frames"],
    ],
)
def test_a_file_that_is_written_has_its_folder_made(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    for name in ("a", "b") if "diff" in words else ():
        said(home, capsys, "release", "create", name)
    (tmp_path / "file").touch()

    written = call(["--deployment", str(home), *words, str(tmp_path / "new/folder/out")])
    refused = call(["--deployment", str(home), *words, str(tmp_path / "file/out")])

    assert (written, refused) == (0, 2)
    assert (tmp_path / "new/folder/out").stat().st_size
    assert "cannot write to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("lake/releases/mine", "releases"),
        ("lake/releases/../tables/mine", "lake"),
        ("vault", "keys"),
        ("link/mine", "bucket of st"),
    ],
)
def test_nothing_is_pulled_to_where_the_deployment_keeps_its_own(
    home: Path, capsys: pytest.CaptureFixture[str], place: str, what: str
) -> None:
    """Among releases it was listed as one, and of a bucket the next run took it for an upload."""
    (home / "uploads").mkdir()
    (home / "link").symlink_to(home / "uploads")
    (home / "sites" / "st.yaml").write_text("site: st\nbucket: uploads\n")
    said(home, capsys, "release", "create", "a")

    code = call(["--deployment", str(home), "pull", "a", str(home / place)])

    assert code == 2
    assert f"lies within the {what}" in capsys.readouterr().err
    assert call(["--lake", str(home / "lake"), "pull", "a", str(home / place)]) == 2
    assert [row["name"] for row in said(home, capsys, "release", "list")] == ["a"]
