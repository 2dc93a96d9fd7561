"""A run with nothing to do ends at once, if all is as it was when a run looked and did nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from echoatlas.pipeline.run.idle import PLACE, code, rested
from echoatlas.schemas.rows.objects import QuarantineRow
from echoatlas.schemas.tables import to_arrow
from tests.cli.test_start_up import HEAVY, imported_by
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.tables import made


@pytest.fixture(scope="module")
def looked(undisturbed: Rehearsal) -> Rehearsal:
    """A deployment whose last run found nothing to do."""
    found = undisturbed.elsewhere("looked", with_lake=True)
    assert rested(found.deployment, None) is None, "a run that worked leaves no note"
    found.run("run")
    return found


@pytest.fixture
def idle(looked: Rehearsal, tmp_path: Path) -> Rehearsal:
    """The same, with a bucket of its own that may be changed."""
    return looked.elsewhere(tmp_path.name, with_lake=True)


def test_a_second_run_with_nothing_to_do_imports_no_more_than_status(looked: Rehearsal) -> None:
    before = looked.rows()

    said, modules = imported_by(*looked.command("run", "--json")[3:])

    found = json.loads(said)
    assert tuple(found[one] for one in ("named", "objects", "conservation", "failed")) == (
        0,
        0,
        True,
        [],
    )
    assert found["gate"] == [], "nothing is new, so nothing was looked at"
    assert set() == modules & HEAVY
    assert before == looked.rows()


def other_setting(one: Rehearsal) -> None:
    _rewrite(one.home / "echoatlas.yaml", steps={"normalize": {"size": 192}})


def other_site(one: Rehearsal) -> None:
    _rewrite(one.home / "sites/st-elsewhere.yaml", labels={"organ": "abdomen/kidney"})


def _rewrite(file: Path, **more: object) -> None:
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | more))


def another_site_more(one: Rehearsal) -> None:
    text = yaml.safe_load((one.home / "sites/st-elsewhere.yaml").read_text())
    (one.home / "sites/st-new.yaml").write_text(yaml.safe_dump(text | {"site": "st-new"}))


def another_commit(one: Rehearsal) -> None:
    row = made(QuarantineRow, locator="q", reason="too_large")
    one.lake.append("quarantine", to_arrow("quarantine", [row]))


def a_table_less(one: Rehearsal) -> None:
    shutil.rmtree(one.lake_path / "tables/duplicates")


def a_restored_table(one: Rehearsal) -> None:
    """As many commits as before, and another newest one."""
    newest = max((one.lake_path / "tables/labels/_delta_log").glob("*.json"))
    newest.write_text(newest.read_text() + json.dumps({"commitInfo": {"by": "another"}}) + "\n")


def an_interrupted_run(one: Rehearsal) -> None:
    (one.lake_path / "_lock.json").write_text('{"run_id": "r-killed"}')


def a_promise(one: Rehearsal) -> None:
    (one.lake_path / "_intents/r-1-g1.json").write_text('{"id": "r-1-g1", "parts": []}')


def no_receipts(one: Rehearsal) -> None:
    (one.lake_path / "_receipts/st-elsewhere.json").unlink()


def an_erasure(one: Rehearsal) -> None:
    (one.lake_path / "tombstones").mkdir()
    (one.lake_path / "tombstones/e-1.json").write_text("{}")


def other_code(one: Rehearsal) -> None:
    file = one.lake_path / PLACE
    said = json.loads(file.read_text())
    file.write_text(json.dumps(said | {"lake": "what an earlier version looked at"}))


def half_a_note(one: Rehearsal) -> None:
    file = one.lake_path / PLACE
    file.write_bytes(file.read_bytes()[:100])


@pytest.mark.parametrize(
    "differs",
    [
        other_setting, other_site, another_site_more, another_commit, a_table_less,
        a_restored_table, an_interrupted_run, a_promise, no_receipts, an_erasure, other_code,
        half_a_note,
    ],
)  # fmt: skip
def test_a_run_looks_at_everything_where_anything_differs(
    idle: Rehearsal, differs: Callable[[Rehearsal], None]
) -> None:
    assert rested(idle.deployment, None) is not None

    differs(idle)

    assert rested(idle.deployment, None) is None


def more(bucket: Path) -> None:
    (bucket / "upload-1/late.png").write_bytes(b"late")


def less(bucket: Path) -> None:
    (bucket / "upload-1/scan1.png").unlink()


def another_name(bucket: Path) -> None:
    (bucket / "upload-1/scan1.png").rename(bucket / "upload-1/scan1a.png")


def other_bytes(bucket: Path) -> None:
    """As many, at another time."""
    file = bucket / "upload-1/notes.txt"
    before = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1000))


@pytest.mark.parametrize("differs", [more, less, another_name, other_bytes])
def test_a_run_looks_at_everything_where_a_bucket_differs(
    idle: Rehearsal, tmp_path: Path, differs: Callable[[Path], None]
) -> None:
    bucket = tmp_path / "bucket"
    shutil.copytree(idle.uploads / "st-elsewhere", bucket)  # with its times
    _rewrite(idle.home / "sites/st-elsewhere.yaml", bucket=str(bucket))
    idle.run("run")
    assert rested(idle.deployment, None) is not None

    differs(bucket)

    assert rested(idle.deployment, None) is None


def test_what_a_run_of_one_site_looked_at_says_nothing_of_another(idle: Rehearsal) -> None:
    idle.site("st-empty")
    idle.run("run", "--site", "st-empty")

    assert rested(idle.deployment, ["st-empty"]) is not None
    assert rested(idle.deployment, None) is None
    assert rested(idle.deployment, ["st-elsewhere"]) is None

    idle.run("run", "--site", "st-elsewhere")

    assert rested(idle.deployment, None) is not None


@pytest.mark.parametrize("file", ["rules.yaml", "deep/step.py"])
def test_another_byte_of_the_code_or_of_its_data_is_another_code(tmp_path: Path, file: str) -> None:
    for name in ("before", "after"):
        (tmp_path / name / "deep").mkdir(parents=True)
        for one in ("rules.yaml", "deep/step.py", "deep/other.py"):
            (tmp_path / name / one).write_text(f"version = 1  # {one}")
    (tmp_path / "after/deep/__pycache__").mkdir()
    (tmp_path / "after/deep/__pycache__/step.cpython-311.pyc.1406").write_text("half of it")
    same = code(tmp_path / "before") == code(tmp_path / "after")

    (tmp_path / "after" / file).write_text(f"version = 2  # {file}")

    assert same
    code.cache_clear()
    assert code(tmp_path / "before") != code(tmp_path / "after")
