"""Running the tool as a hospital does: through its command, with a key of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echoatlas.cli import call
from tests.helpers.hospital import Ran

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
