"""What commands import: who only asks how things stand waits for no library of those who work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.rehearsal import Rehearsal

# Seconds of imports, and what the workers read and draw with
HEAVY = {
    "av", "boto3", "great_expectations", "h5py", "numba", "onnxruntime", "pandas",
    "prefect", "pydicom", "ray", "scipy",
}  # fmt: skip
TABLES = {"pyarrow", "deltalake", "numpy"}
PROGRAM = """
import contextlib, io, json, sys
with contextlib.redirect_stdout(io.StringIO()) as said:
    from echoatlas.cli import call
    code = call(sys.argv[1:])
print(json.dumps([code, said.getvalue(), [name for name in sys.modules if "." not in name]]))
"""


def imported_by(*command: str) -> tuple[str, set[str]]:
    """What a command that succeeds prints in a process of its own, and what that imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command], capture_output=True, text=True, timeout=300
    )
    code, said, modules = json.loads(done.stdout)
    assert code == 0, done.stderr
    return said, set(modules)


def test_help_imports_nothing_that_reads_tables_or_scans() -> None:
    said, modules = imported_by("--help")

    assert "status" in said
    assert set() == modules & (HEAVY | TABLES | {"cv2", "PIL", "cryptography"})


def test_status_reads_tables_and_imports_nothing_that_works_on_scans(
    undisturbed: Rehearsal,
) -> None:
    said, modules = imported_by(*undisturbed.command("status", "--json")[3:])

    assert json.loads(said)["conservation"]
    assert modules >= {"deltalake"}
    assert set() == modules & (HEAVY | {"PIL", "cv2", "duckdb", "jinja2", "tqdm"})


def test_a_plan_and_a_report_do_without_pandas(undisturbed: Rehearsal, tmp_path: Path) -> None:
    report = ("report", "--out", str(tmp_path / "report.html"))
    for words in (("plan",), ("quarantine", "list"), ("overlap",), report):
        _, modules = imported_by(*undisturbed.command(*words, "--json")[3:])
        assert set() == modules & {"pandas", "requests", "scipy", "tqdm"}, words


def test_releases_are_cut_looked_at_and_pulled_without_what_works_on_scans(
    undisturbed: Rehearsal, tmp_path: Path
) -> None:
    """Nor does a process start to cut few samples."""
    made = undisturbed.elsewhere("released", with_lake=True)
    commands = (
        ("release", "create", "first"),
        ("verify", "first"),
        ("release", "list"),
        ("release", "show", "first"),
        ("release", "moves", "first"),
        ("pull", "first", str(tmp_path / "pulled")),
    )
    for words in commands:
        _, modules = imported_by(*made.command(*words, "--json")[3:])
        unneeded = HEAVY | {"PIL", "jinja2", "multiprocessing", "requests", "rich", "tqdm"}
        assert set() == modules & unneeded, words


def test_a_run_with_nothing_to_do_imports_nothing_that_works_on_scans(
    undisturbed: Rehearsal,
) -> None:
    started = undisturbed.elsewhere("started", with_lake=True)
    command = started.command("run", "--json")[3:]
    imported_by(*command)  # looks at everything, and notes that all is done

    said, modules = imported_by(*command)

    assert json.loads(said)["objects"] == 0
    assert set() == modules & (HEAVY | {"PIL"})


@pytest.mark.parametrize(
    ("room", "more"),
    [("run.worker", set()), ("release.cut", {"deltalake", "PIL", "pyarrow.dataset", "pydicom"})],
)
def test_a_worker_imports_neither_what_compiles_nor_what_only_drivers_need(
    room: str, more: set[str]
) -> None:
    program = (
        "from echoatlas.pipeline.forgo import forgo_pandas\n"
        "forgo_pandas()\n"
        f"import echoatlas.pipeline.{room}, sys; print(*sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    unneeded = {
        "av",
        "boto3",
        "duckdb",
        "great_expectations",
        "h5py",
        "numba",
        "pandas",
        "prefect",
        "ray",
        "requests",
        "scipy",
        "tqdm",
    }
    assert set() == set(done.stdout.split()) & (unneeded | more)


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        ("import echoatlas", {"cv2", "numpy", "pyarrow"}),
        ("import echoatlas; echoatlas.load", set()),
    ],
)
def test_a_trainer_imports_no_library_that_curation_needs(asked: str, more: set[str]) -> None:
    program = f"{asked}\nimport sys; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    light = HEAVY | {"deltalake", "pydantic", "typer", "PIL", "pyarrow.compute", "yaml"} | more
    assert set() == set(done.stdout.split()) & light


def test_arrow_makes_frames_and_knows_them_though_it_did_not_look_for_pandas_at_first() -> None:
    program = (
        "import sys\n"
        "from echoatlas.pipeline.forgo import forgo_pandas\n"
        "forgo_pandas()\n"
        "import pyarrow as pa, pyarrow.dataset\n"
        "pa.array([1, 2])\n"
        "assert 'pandas' not in sys.modules\n"
        "frame = pa.table({'a': [1, None]}).to_pandas()\n"
        "nulls = pa.array(frame['a'], from_pandas=True).null_count\n"
        "print(nulls, pa.Table.from_pandas(frame).num_rows)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.split() == ["1", "2"], done.stderr
