"""One run of the tool, read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
