"""The house: rooms import lower floors only, and each engine is known to one room."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import echoatlas
from tools.rooms import END, START, table

TOP = Path(__file__).parents[1]
SOURCE = Path(echoatlas.__file__).parent
MOST_LINES = 350
LINT = "from importlinter.cli import lint_imports_command as go; go()"


def lint(source: Path) -> subprocess.CompletedProcess[str]:
    """Hold the contracts of ``pyproject.toml`` against the package in a folder."""
    program = f"import sys; sys.path.insert(0, {str(source)!r}); {LINT}"
    command = [sys.executable, "-c", program, str(TOP / "pyproject.toml"), "--no-cache"]
    return subprocess.run(command, cwd=source, capture_output=True, text=True)


def test_no_room_imports_its_own_floor_or_one_above() -> None:
    looked = lint(SOURCE.parent)

    assert looked.returncode == 0, looked.stdout


@pytest.mark.parametrize(
    ("room", "line", "broken"),
    [
        ("pipeline/read/sniff.py", "import echoatlas.cli", "not allowed to import echoatlas.cli"),
        ("pipeline/read/sniff.py", "import ray", "Ray is known to the engine alone BROKEN"),
        ("schemas/tables.py", "import deltalake", "Delta is known to the lake alone BROKEN"),
        ("pipeline/lake/lock.py", "import echoatlas.pipeline.run.run", "on floors BROKEN"),
        (
            "pipeline/read/color.py",
            "import echoatlas.pipeline.read.image",
            "No circle of rooms BROKEN",
        ),
    ],
)
def test_a_wrong_import_is_named(tmp_path: Path, room: str, line: str, broken: str) -> None:
    """The contracts can fail: a copy of the source with one import too many."""
    shutil.copytree(SOURCE, tmp_path / "echoatlas")
    file = tmp_path / "echoatlas" / room
    file.write_text(file.read_text("utf-8") + f"\n{line}\n", "utf-8")

    looked = lint(tmp_path)

    assert looked.returncode != 0
    assert broken in looked.stdout


def test_there_is_no_utils() -> None:
    vague = {"utils", "util", "helpers", "common", "misc"}

    assert not vague & {file.stem for file in SOURCE.rglob("*.py")}


def test_a_module_has_one_subject() -> None:
    """More than ``MOST_LINES`` are two: they are cut apart."""
    roots = (SOURCE, TOP / "benchmarks", TOP / "tools")
    modules = [file for root in roots for file in root.rglob("*.py")]

    long = {
        file.relative_to(TOP).as_posix()
        for file in modules
        if len(file.read_text("utf-8").splitlines()) > MOST_LINES
    }

    assert not long
    assert len(modules) > 300


def test_every_room_has_its_tests() -> None:
    rooms = {init.parent.name for init in (SOURCE / "pipeline").glob("*/__init__.py")}

    assert rooms <= {folder.name for folder in (TOP / "tests").iterdir()}


def test_the_map_in_the_readme_is_the_tree() -> None:
    shown = (TOP / "README.md").read_text("utf-8").split(START)[1].split(END)[0]

    assert table() == shown.strip()


def test_the_face_is_what_it_says() -> None:
    program = "import echoatlas; print(sorted(n for n in dir(echoatlas) if n[:1] != '_'))"

    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    samples = ["Annotation", "Batch", "Batches", "ClipWindows", "Dataset", "Sample", "Stage"]
    assert str([*samples, "collate", "feedback", "load", "tree"]) == shown.stdout.strip()
    assert all(getattr(echoatlas, name) for name in echoatlas.__all__)
