"""The house: packages import in one direction, and each engine is known to one module."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import echoatlas

SOURCE = Path(echoatlas.__file__).parent
ORDER = ("schemas", "taxonomy", "pipeline", "flows")
ALONE = {"ray": {"pipeline/run.py"}, "deltalake": {"pipeline/lake.py"}}


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules() -> list[tuple[str, Path]]:
    return [(file.relative_to(SOURCE).as_posix(), file) for file in sorted(SOURCE.rglob("*.py"))]


def test_imports_point_in_one_direction() -> None:
    wrong = []

    for name, file in modules():
        package = name.split("/")[0]
        if package in ORDER:
            later = ORDER[ORDER.index(package) + 1 :]
            wrong += [
                (name, target)
                for target in imported(file)
                if target.startswith("echoatlas.") and target.split(".")[1] in later
            ]

    assert wrong == []


def test_each_engine_is_known_to_one_module() -> None:
    for engine, homes in ALONE.items():
        knowing = {
            name
            for name, file in modules()
            if any(target.split(".")[0] == engine for target in imported(file))
        }
        assert homes == knowing


def test_prefect_is_known_under_flows_alone() -> None:
    for name, file in modules():
        if any(target.split(".")[0] == "prefect" for target in imported(file)):
            assert name.startswith("flows/")


def test_there_is_no_utils() -> None:
    vague = {"utils", "util", "helpers", "common", "misc"}

    assert not vague & {Path(name).stem for name, _ in modules()}


def test_the_face_is_what_it_says() -> None:
    program = "import echoatlas; print(sorted(n for n in dir(echoatlas) if n[:1] != '_'))"

    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (
        str(["Annotation", "Batch", "Dataset", "Sample", "collate", "load"]) == shown.stdout.strip()
    )
    assert all(getattr(echoatlas, name) for name in echoatlas.__all__)
