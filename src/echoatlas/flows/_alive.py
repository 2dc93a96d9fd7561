"""Which flow runs live, and which jobs they left behind.

A flow run holds a lock below the deployment's folder for as long as its process lives: the kernel
lets go of it however that ends. So whoever comes later can tell a run whose process died from one
that is at work elsewhere, and takes its job over instead of starting a second one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_lock import try_lock

if TYPE_CHECKING:
    from pathlib import Path

    from echoatlas.pipeline.engine.jobs import Jobs

FOLDER = "flows"  # below the deployment's folder
PATIENCE = 1.0  # seconds
RUN = 36  # characters of a flow run's id, with which the ids of its jobs begin


@contextmanager
def alive(folder: Path, run: str) -> Iterator[None]:
    """Hold the lock of a flow run.

    Args:
        folder: of the deployment; where there is none, nothing is held.

    Raises:
        UsageError: another process does this run, or the folder can't be written to.
    """
    if not folder.is_dir():
        yield
        return
    place = folder / FOLDER / run
    try:
        place.parent.mkdir(exist_ok=True)
        lock = place.open("a")
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise UsageError(f"cannot write to {place.parent} ({reason})") from None
    with lock:
        until = time.monotonic() + PATIENCE
        while not (ours := try_lock(lock)) and time.monotonic() < until:
            time.sleep(PATIENCE / 20)  # somebody may only have looked whether we live
        if not ours:
            raise UsageError("this flow run is under way in another process")
        yield
        forget_run(folder, run)


def is_alive(folder: Path, run: str) -> bool:
    """Whether a process does this flow run."""
    try:
        with (folder / FOLDER / run).open() as lock:
            return not try_lock(lock)
    except FileNotFoundError:
        return False


def died(folder: Path) -> list[str]:
    """The ids of flow runs whose process ended without a word."""
    names = [one.name for one in (folder / FOLDER).glob("*") if len(one.name) == RUN]
    return sorted(name for name in names if not is_alive(folder, name))


def forget_run(folder: Path, run: str) -> None:
    """Delete a flow run's lock, and its notes of jobs that it took over."""
    for one in (folder / FOLDER).glob(f"{run}*"):
        one.unlink(missing_ok=True)


def taken_over(folder: Path, jobs: Jobs, name: str, arguments: Sequence[str]) -> str | None:
    """A job that does the same and was left behind by a flow run that died; None if there is none.

    It is noted, so that whoever cancels this flow run stops that job.

    Args:
        name: this flow run's name for its own job, RUN-STAGE.
    """
    for job_id in jobs.running(arguments):
        if not (job_id.startswith(name[:RUN]) or is_alive(folder, job_id[:RUN])):
            (folder / FOLDER).mkdir(exist_ok=True)
            (folder / FOLDER / name).write_text(job_id, "utf-8")
            return job_id
    return None


def noted(folder: Path, name: str) -> str | None:
    """The job that was taken over in place of an own one; None if none was."""
    try:
        return (folder / FOLDER / name).read_text("utf-8")
    except FileNotFoundError:
        return None
