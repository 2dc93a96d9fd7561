"""Which input is which: the list that a site keeps for itself. Trusted zone: it identifies."""

from __future__ import annotations

import csv
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from echoatlas.pipeline.deidentify_tool.outcome import Outcome
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_lock import try_lock
from echoatlas.pipeline.spreadsheet import inert

HEADS = ("input", "name", "status", "reason", "detail", "output")


@dataclass(frozen=True, slots=True)
class Names:
    """A CSV file that is written line by line, or nothing; use as a context.

    A name that a spreadsheet would take for a formula has an apostrophe before it.
    """

    file: IO[str] | None = None
    path: Path | None = None
    new: bool = False  # it was not there before

    @staticmethod
    def open(path: Path | None, dest: Path) -> Names:
        """Open the list, readable by its owner alone; what was in it stays until ``begin``.

        Raises:
            UsageError: it lies in ``dest``, which is to be handed on, is a file of another kind,
                another run is writing it, or it can't be written.
        """
        if path is None:
            return Names()
        if path.resolve().is_relative_to(dest.resolve()):
            raise UsageError(f"{path} would say names within {dest}: put it elsewhere")
        demand_own(path, ",".join(HEADS))
        new = not path.exists()
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            if hasattr(os, "fchmod"):  # not on Windows
                os.fchmod(handle, 0o600)  # it may have been there before
        except OSError as error:
            raise UsageError(_unwritten(path, error)) from None
        listed = os.fdopen(handle, "w", newline="", encoding="utf-8", errors="backslashreplace")
        if not try_lock(listed):
            listed.close()
            raise UsageError(f"another run is writing {path}: name another file")
        return Names(listed, path, new)

    def begin(self) -> None:
        """Write the list's head, over what was there."""
        if self.file is not None:
            if stat.S_ISREG(os.fstat(self.file.fileno()).st_mode):
                os.ftruncate(self.file.fileno(), 0)
            self._write(HEADS)

    def add(self, name: str, outcome: Outcome) -> None:
        """One line."""
        one, name = outcome, inert(name)
        self._write((one.input, name, one.status, one.reason, one.detail, one.output))

    def _write(self, cells: tuple[object, ...]) -> None:
        if self.file is not None:
            try:
                csv.writer(self.file, lineterminator="\n").writerow(cells)
                self.file.flush()
            except OSError as error:
                raise UsageError(_unwritten(self.path, error)) from None

    def __enter__(self) -> Names:
        return self

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            with suppress(OSError):  # of what was told already: every line was flushed
                begun = os.fstat(self.file.fileno()).st_size > 0
                self.file.close()
                if self.new and self.path and not begun:  # refused before there was a line
                    self.path.unlink()


def _unwritten(path: Path | None, error: OSError) -> str:
    return f"cannot write {path} ({os.strerror(error.errno or 0)})"


def demand_own(path: Path, head: str) -> None:
    """Refuse to write over a file that is none of ours: it may be a scan, a policy or the key.

    Args:
        head: how a file begins that may be written over.

    Raises:
        UsageError: another kind of file is there, or a folder.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file")
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            found = file.read(len(head))
    except OSError:
        return  # writing says what is wrong
    if found not in (b"", head.encode()):
        raise UsageError(f"{path} is there and was not written by this command: name another file")
