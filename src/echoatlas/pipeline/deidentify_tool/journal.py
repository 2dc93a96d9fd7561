"""What an unfinished run has done so far, beside its outputs: so a killed run goes on.

Each outcome is a line, under a keyed id of the input's bytes, name and sidecar row. A run goes on
only under the same policy, key and steps; else DEST would hold two kinds of output.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from echoatlas.pipeline.deidentify_tool.outcome import Outcome, from_json, to_json
from echoatlas.pipeline.deidentify_tool.task import UNFINISHED, Task
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_lock import try_lock
from echoatlas.pipeline.vault.pseudonyms import SiteKey

RUN, LINES, FORMER, LOCK = "run.json", "outcomes.jsonl", "former.jsonl", "lock"


@dataclass(frozen=True, slots=True)
class Journal:
    """The folder of an unfinished run, opened.

    Attributes:
        former: outcomes of the run that was killed, by input id; empty for a new run.
    """

    dest: Path
    former: Mapping[str, Outcome]
    lines: IO[str]
    lock: IO[str]

    @staticmethod
    def open(dest: Path, mark: Mapping[str, str]) -> Journal:
        """Begin a run in a folder that is not there or is empty, or go on with one.

        Args:
            mark: what the outputs depend on besides the inputs: policy, key id, steps.

        Raises:
            UsageError: DEST holds something else, another run is at it, or it can't be written.
        """
        folder = dest / UNFINISHED
        try:
            if not folder.is_dir() and dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
                raise UsageError(f"{dest} is not an empty folder: name one that is not there yet")
            folder.mkdir(parents=True, exist_ok=True)
            lock = _locked(dest)
            former = _former(folder, mark)
            for part in folder.glob("*.part"):
                part.unlink()
            (folder / RUN).write_text(json.dumps(dict(mark), sort_keys=True))
            return Journal(dest, former, (folder / LINES).open("w", encoding="utf-8"), lock)
        except OSError as error:
            raise UsageError(f"cannot write to {dest} ({os.strerror(error.errno or 0)})") from None

    def add(self, identity: str, outcome: Outcome) -> None:
        """Note an outcome, so that it outlives this process.

        Raises:
            UsageError: DEST can't be written.
        """
        try:
            self.lines.write(_line(identity, outcome))
            self.lines.flush()
        except OSError as error:
            told = os.strerror(error.errno or 0)
            raise UsageError(f"cannot write to {self.dest} ({told})") from None

    def __iter__(self) -> Iterator[Outcome]:
        """All outcomes so far, in the order in which they were noted."""
        return (outcome for _, outcome in _lines(self.dest / UNFINISHED / LINES))

    def close(self) -> None:
        """The run is over: take the folder away."""
        self.lines.close()
        shutil.rmtree(self.dest / UNFINISHED)
        self.lock.close()  # last: until then nobody else begins


def _locked(dest: Path) -> IO[str]:
    """The lock of DEST, which the kernel lets go of when this process ends in any way."""
    path = dest / UNFINISHED / LOCK
    lock = path.open("a", encoding="utf-8")
    # A run that ends takes the file away: who has waited for it holds the lock of no folder.
    if (
        not try_lock(lock)
        or not path.exists()
        or path.stat().st_ino != os.fstat(lock.fileno()).st_ino
    ):
        lock.close()
        raise UsageError(f"another run is writing to {dest}: wait for it to end")
    return lock


def input_id(task: Task, key: SiteKey) -> str:
    """A keyed id of everything of an input that its output depends on."""
    told = [(task.name, task.sidecar), *task.others]
    said = "\0".join(
        f"{name}\0" + "\0".join(f"{column}\0{value}" for column, value in sorted(row.items()))
        for name, row in told
    )
    return key.pseudonym("input", f"{task.digest}\0{said}")


def _former(folder: Path, mark: Mapping[str, str]) -> dict[str, Outcome]:
    try:
        stated = json.loads((folder / RUN).read_text())
    except (OSError, ValueError):
        return {}  # killed before it began
    if stated != dict(mark):
        raise UsageError(
            f"{folder.parents[1]} holds a run that was stopped, under another policy, key or "
            "version: go on as it began, or name another folder"
        )
    kept = dict([*_lines(folder / FORMER), *_lines(folder / LINES)])
    with (folder / "former.part").open("w", encoding="utf-8") as file:
        file.writelines(_line(one, outcome) for one, outcome in kept.items())
    (folder / "former.part").replace(folder / FORMER)
    return {one: outcome for one, outcome in kept.items() if _stands(folder.parents[1], outcome)}


def _stands(dest: Path, outcome: Outcome) -> bool:
    names = [name for name in (outcome.output, outcome.mask) if name]
    return all((dest / name).is_file() for name in names)


def _line(identity: str, outcome: Outcome) -> str:
    return f'{{"id": "{identity}", "outcome": {to_json(outcome)}}}\n'


def _lines(path: Path) -> Iterator[tuple[str, Outcome]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                raw = json.loads(line)
                yield raw["id"], from_json(json.dumps(raw["outcome"]))
            except (ValueError, TypeError, KeyError):
                return  # the line that was being written when the run was killed
