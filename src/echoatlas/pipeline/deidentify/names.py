"""Which input is which: the list that a site keeps for itself. Trusted zone: it identifies."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from echoatlas.pipeline.deidentify.outcome import Outcome
from echoatlas.pipeline.errors import UsageError

HEADS = ("input", "name", "status", "reason", "detail", "output")


@dataclass(frozen=True, slots=True)
class Names:
    """A CSV file that is written line by line, or nothing; use as a context."""

    file: IO[str] | None = None

    @staticmethod
    def open(path: Path | None, dest: Path) -> Names:
        """Begin the list, readable by its owner alone.

        Raises:
            UsageError: it lies in ``dest``, which is to be handed on, or can't be written.
        """
        if path is None:
            return Names()
        if path.resolve().is_relative_to(dest.resolve()):
            raise UsageError(f"{path} would say names within {dest}: put it elsewhere")
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.fchmod(handle, 0o600)  # it may have been there before
        except OSError as error:
            raise UsageError(f"cannot write {path} ({os.strerror(error.errno or 0)})") from None
        names = Names(os.fdopen(handle, "w", newline="", encoding="utf-8", errors="replace"))
        names._write(HEADS)
        return names

    def add(self, name: str, outcome: Outcome) -> None:
        """One line."""
        one = outcome
        self._write((one.input, name, one.status, one.reason, one.detail, one.output))

    def _write(self, cells: tuple[object, ...]) -> None:
        if self.file is not None:
            csv.writer(self.file, lineterminator="\n").writerow(cells)

    def __enter__(self) -> Names:
        return self

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            self.file.close()
