"""Running the tool as a hospital does: through its command, with a key of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from echoatlas.pipeline.cli import call


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the command.

    Attributes:
        code: its exit code. said, complained: its standard output and error.
    """

    dest: Path
    code: int
    said: str
    complained: str

    @property
    def report(self) -> dict[str, Any]:
        told = json.loads((self.dest / "_deidentification/report.json").read_text("utf-8"))
        assert isinstance(told, dict)
        return told

    @property
    def outputs(self) -> list[Path]:
        return sorted(
            path
            for path in self.dest.rglob("*")
            if path.is_file() and "_deidentification" not in path.parts
        )


Tool = Callable[..., Ran]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Tool:
    """``tool(src, *options, dest=...)`` runs the command and reads what it wrote."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def run(src: Path, *options: str, dest: Path | None = None) -> Ran:
        target = dest or tmp_path / "clean"
        capsys.readouterr()
        code = call(["deidentify", str(src), str(target), *options])
        told = capsys.readouterr()
        return Ran(target, code, told.out, told.err)

    return run
