"""Keys were changed: nobody who was erased comes back, and nobody is made two patients of."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from tests.erase.test_restored import scan
from tests.helpers.rehearsal import Rehearsal

CHECK = "what was erased can be asked for"


def rotated(there: Rehearsal, *names: str) -> None:
    """Put other keys in the place of some, as the runbook says."""
    for name in names:
        key = there.home / "vault" / f"{name}.key"
        key.rename(there.root / f"{name}.former")
        key.touch(0o600)
        key.write_text(secrets.token_hex(32))


def anew(there: Rehearsal) -> None:
    """Begin a new lake beside the old one."""
    there.lake_path = there.home / "another-lake"
    there.lake_path.mkdir()


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A deployment of two sites, one of which a patient has left, whose files are still there."""
    made = Rehearsal(tmp_path_factory.mktemp("left"))
    for number, (site, who) in enumerate((("here", "A1"), ("here", "A2"), ("there", "B1"))):
        folder = made.uploads / site
        if not folder.exists():
            made.site(site)
        (folder / f"{number}.dcm").write_bytes(scan(number, who))
    made.run("run")
    (made.root / "who.txt").write_text("A1\n")
    made.run("erase", "here", *asked(made))
    return made


def asked(there: Rehearsal) -> tuple[str, ...]:
    file = str(there.root / "who.txt")
    return ("--patient-ids", file, "--request", "r1", "--report", str(there.root))


@pytest.mark.parametrize("key", ["here", "deployment"])
def test_a_lake_takes_nothing_in_under_another_key(
    left: Rehearsal, tmp_path: Path, key: str
) -> None:
    there = left.copied(tmp_path)
    for site, who in (("here", "A1"), ("there", "B2")):
        (there.uploads / site / "new.dcm").write_bytes(scan(8, who))
    rotated(there, key)

    planned, ran = there.here("plan"), there.here("run")
    sites = there.run("status")["sites"]

    assert f"the key of '{key}' is another" in planned.stdout + planned.stderr
    assert f"the key of '{key}' is another" in ran.stdout + ran.stderr
    assert ran.returncode != 0
    assert sites["here"] == {"kept": 1, "erased": 1}
    assert sites["there"]["kept"] == (1 if key == "deployment" else 2)  # whose key is as it was


def test_a_lake_of_before_says_its_keys_by_its_audit(left: Rehearsal, tmp_path: Path) -> None:
    there = left.copied(tmp_path)
    (there.lake_path / "_keys.json").unlink()
    (there.uploads / "here" / "new.dcm").write_bytes(scan(8, "A2"))
    unchanged = there.here("plan", "--site", "here")
    rotated(there, "here")

    done = there.here("run", "--site", "here")

    assert unchanged.returncode == 0
    assert done.returncode == 2
    assert "the key of 'here' is another" in done.stderr


def test_a_lake_of_before_keeps_its_keys_once_something_is_renewed(
    left: Rehearsal, tmp_path: Path
) -> None:
    there = left.copied(tmp_path)
    (there.lake_path / "_keys.json").unlink()
    config = there.home / "echoatlas.yaml"
    config.write_text(config.read_text() + "\nsteps: {normalize: {size: 224}}\n")

    there.run("run")

    assert {*json.loads((there.lake_path / "_keys.json").read_text())} == {
        "deployment", "here", "there"
    }  # fmt: skip


def test_nobody_is_looked_for_under_another_key(left: Rehearsal, tmp_path: Path) -> None:
    there = left.copied(tmp_path)
    (there.root / "who.txt").write_text("A2\n")
    rotated(there, "here")

    done = there.here("erase", "here", *asked(there)[:3], "r2", "--dry-run")

    assert done.returncode == 2
    assert "the key of 'here' is another" in done.stderr


@pytest.mark.parametrize("keys", [("here",), ("deployment",), ("here", "deployment")])
def test_under_new_keys_a_patient_who_left_stays_out(
    left: Rehearsal, tmp_path: Path, keys: tuple[str, ...]
) -> None:
    there = left.copied(tmp_path)
    (there.uploads / "here" / "new.dcm").write_bytes(scan(8, "A1"))
    rotated(there, *keys)
    anew(there)

    ran = there.here("run", "--site", "here")
    again = there.here("erase", "here", "--request", "r1", "--again")
    once_more = there.here("erase", "here", *asked(there))
    there.run("run")
    there.run("release", "create", "one")
    checks = {one["name"]: one["ok"] for one in there.run("verify", "one")["checks"]}

    assert ran.returncode == 2
    assert "request 'r1' erased patients of here under another key" in ran.stderr
    assert again.returncode == 2
    assert "under another key" in again.stderr
    assert once_more.returncode == 1  # nobody was there to be erased
    assert there.run("status")["sites"] == {
        "here": {"erased": 2, "kept": 1},
        "there": {"kept": 1},
    }
    assert checks[CHECK]


def test_a_release_of_another_key_fails_where_nobody_can_be_asked_for(
    left: Rehearsal, tmp_path: Path
) -> None:
    there = left.copied(tmp_path)
    there.run("release", "create", "one")
    rotated(there, "here")

    done = there.here("verify", "one", "--json")
    cut = there.here("release", "create", "two")

    failed = [one["name"] for one in json.loads(done.stdout)["checks"] if not one["ok"]]
    assert failed == [CHECK]
    assert cut.returncode == 1
    assert "give its file once more" in cut.stderr


def test_what_was_begun_under_another_key_is_not_gone_on_with(
    left: Rehearsal, tmp_path: Path
) -> None:
    there = left.copied(tmp_path)
    kept = there.home / "vault" / "erasures" / "r3.json"
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    kept.write_text(
        json.dumps({"request": "r3", "site": "here", "whole": False, "keys": ["a", "b"]})
    )

    done = there.here("erase", "here", *asked(there)[:3], "r3")

    assert done.returncode == 2
    assert "begun under another key" in done.stderr


def test_a_site_that_left_whole_needs_no_key(left: Rehearsal, tmp_path: Path) -> None:
    there = left.copied(tmp_path)
    rotated(there, "there")

    there.run("erase", "there", "--whole", "--request", "r4", "--report", str(tmp_path))

    assert there.run("status")["sites"]["there"] == {"erased": 1}
