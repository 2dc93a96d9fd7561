"""Jobs: the command line, started somewhere, then followed and stopped by whoever knows its id.

Two places know how: a Ray cluster (``run.RayJobs``) and this machine (``LocalJobs``). Both promise
the same: an id is used once, a job outlives its submitter, and what ended can still be asked for.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_lock import try_lock

GRACE = 10.0  # seconds that a job has to end by itself when it is told to stop
POLL = 0.05  # seconds
MODULE = "echoatlas.cli.job"  # by name: the command line stands above all rooms


class JobState(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # it said so itself: doing it again gives the same
    STOPPED = "stopped"  # somebody wanted it to end
    LOST = "lost"  # killed, or gone with its machine: another attempt may succeed


class Jobs(Protocol):
    """A place where the command line runs as jobs."""

    def look(self, job_id: str) -> JobState | None:
        """Where a job stands; None if there is no such job."""

    def submit(self, job_id: str, arguments: Sequence[str]) -> None:
        """Start ``echoatlas ARGUMENTS`` as a job; does nothing if the id is in use."""

    def running(self, arguments: Sequence[str]) -> list[str]:
        """The ids of the jobs that run ``echoatlas ARGUMENTS`` now."""

    def stop(self, job_id: str) -> None:
        """End a job and wait until it has ended; does nothing if it is not running."""

    def log(self, job_id: str) -> str:
        """What a job wrote to its standard output and error."""


class LocalJobs:
    """Jobs as processes of this machine.

    A job holds ``lock`` for as long as it lives: the submitter takes it and hands it over, so of
    several submitters exactly one wins, and the kernel lets go of it however the job ends.

    Args:
        folder: gets a folder a job, with ``lock``, ``arguments``, ``pid``, ``log``, and ``exit``
            when it ended.
    """

    # Of all in this process: a job outlives whoever submitted it, and is reaped by who looks next
    _children: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def look(self, job_id: str) -> JobState | None:
        """Where a job stands; None if there is no such job."""
        folder = self._folder / job_id
        self._children[:] = [child for child in self._children if child.poll() is None]
        alive = _is_held(folder / "lock")
        code = _text(folder / "exit")
        if code == "0":
            return JobState.SUCCEEDED
        if alive and not code:
            return JobState.RUNNING
        if not _text(folder / "pid"):
            return None
        if (folder / "stopped").exists():
            return JobState.STOPPED
        return JobState.FAILED if code else JobState.LOST

    def submit(self, job_id: str, arguments: Sequence[str]) -> None:
        """Start ``echoatlas ARGUMENTS`` as a job; does nothing if the id is in use.

        Raises:
            UsageError: the folder can't be written to.
        """
        folder = self._folder / job_id
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "lock").open("a")
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise UsageError(f"cannot write to {self._folder} ({reason})") from None
        with lock, (folder / "log").open("ab") as log:
            if not try_lock(lock) or _text(folder / "pid"):
                return
            (folder / "arguments").write_text(json.dumps(list(arguments)), "utf-8")
            command = [sys.executable, "-m", MODULE, str(folder), str(lock.fileno())]
            child = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock.fileno(),),
                start_new_session=True,  # it outlives us, and can be ended with all it started
            )
        self._children.append(child)

    def running(self, arguments: Sequence[str]) -> list[str]:
        """The ids of the jobs that run ``echoatlas ARGUMENTS`` now."""
        same = json.dumps(list(arguments))
        ids = sorted(one.parent.name for one in self._folder.glob("*/arguments"))
        return [
            job_id
            for job_id in ids
            if _text(self._folder / job_id / "arguments") == same
            and self.look(job_id) is JobState.RUNNING
        ]

    def stop(self, job_id: str) -> None:
        """End a job and wait until it has ended; does nothing if it is not running."""
        folder = self._folder / job_id
        for number in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + GRACE
            told = False
            while _is_held(folder / "lock") and time.monotonic() < until:
                pid = _text(folder / "pid")
                if pid and not told:  # it writes its pid first of all, but may not have come to it
                    (folder / "stopped").touch()
                    os.killpg(int(pid), number)
                    told = True
                time.sleep(POLL)

    def log(self, job_id: str) -> str:
        """What a job wrote to its standard output and error."""
        return _text(self._folder / job_id / "log")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _is_held(path: Path) -> bool:
    try:
        file = path.open()
    except FileNotFoundError:
        return False
    with file:
        return not try_lock(file)
