"""A lake whose tables could not be found again by their addresses is refused before it is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.cli import call
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.lake_address import demand_plain
from echoatlas.pipeline.storage.storage import Storage

SPECIAL = {
    "scans [2026]": "'['",
    "a|b": "'|'",
    "a^b": "'^'",
    "a\\b": "'\\'",
    "a\tb": "'\\t'",
    "a\nb": "'\\n'",
    "50%20off": "'%20'",
}  # fmt: skip
PLAIN = "Übung 2026_脑.v1 # ~ + ? { } & = 100%"


@pytest.mark.parametrize("name", SPECIAL)
def test_init_refuses_it_in_one_line_that_names_the_character(name, tmp_path, capsys):
    code = call(["init", str(tmp_path / name)])

    said = capsys.readouterr().err
    assert code == 2
    assert said.startswith("echoatlas: a lake cannot lie in ") and said.count("\n") == 1
    assert SPECIAL[name] in said
    assert list(tmp_path.iterdir()) == []


def test_init_refuses_a_lake_elsewhere_as_well(tmp_path, capsys):
    code = call(["--lake", str(tmp_path / "a[b"), "init", str(tmp_path / "home")])

    assert code == 2
    assert "'['" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_a_deployment_that_was_made_before_says_so_when_it_is_opened(tmp_path, capsys):
    home = Deployment.init(tmp_path / "home").root
    moved = home.rename(tmp_path / "home^2")

    code = call(["--deployment", str(moved), "status"])

    assert code == 2
    assert "'^'" in capsys.readouterr().err


def test_an_address_on_s3_is_held_to_the_same():
    with pytest.raises(UsageError, match="cannot lie"):
        Lake(Storage.open("s3://bucket/a|b"))


def test_names_as_people_give_them_are_fine(tmp_path: Path, capsys):
    assert call(["init", str(tmp_path / PLAIN)]) == 0
    assert call(["--deployment", str(tmp_path / PLAIN), "status"]) == 0


@given(st.text(st.characters(categories=["L", "M", "N"], include_characters=" -_.#~+?{}&=")))
def test_letters_of_every_language_and_what_passes_are_not_refused(name: str):
    demand_plain(f"/data/{name}/lake")
