"""Processes that de-identify one input at a time, so that none can take the others along.

A codec may crash the process it runs in, or never come back. Each input is given to a worker; if
the worker dies or overruns its time, that input is quarantined as ``crashed`` and a new worker
takes the next. Workers are silent: what libraries print may quote an input.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

import cv2

from echoatlas.pipeline.core_dumps import leave_no_core
from echoatlas.pipeline.deidentify_tool.outcome import Outcome
from echoatlas.pipeline.deidentify_tool.task import Job, Task, perform, quarantined
from echoatlas.pipeline.errors import Reason, Reject, UsageError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

# A fork server has loaded the libraries once and holds nobody's data.
METHOD = "spawn" if sys.platform == "win32" else "forkserver"
SECONDS = 600  # that an input may take


@dataclass(slots=True)
class _Slot:
    """The place of an input's outcome in the order of inputs."""

    index: int
    outcome: Outcome | None = None


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    slot: _Slot | None = None
    deadline: float = 0.0


@dataclass(slots=True)
class Workers:
    """A number of workers; use as a context, which ends them.

    Attributes:
        seconds: that an input may take before it is given up.
    """

    job: Job
    number: int = 1
    seconds: float = SECONDS
    _all: list[_Worker] = field(default_factory=list)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._all:
            _end(worker)
        self._all.clear()

    def outcomes(self, tasks: Iterable[Task | Outcome]) -> Iterator[Outcome]:
        """The outcomes of tasks in their order; what is an outcome already passes through.

        At most ``number`` inputs are held in memory.

        Raises:
            UsageError: DEST can't be written.
        """
        slots: deque[_Slot] = deque()
        for task in tasks:
            if isinstance(task, Outcome):
                slots.append(_Slot(task.input, task))
            else:
                slots.append(_Slot(task.index))
                self._give(task, slots[-1])
            yield from _done(slots)
        while slots:
            self._collect()
            yield from _done(slots)

    def _give(self, task: Task, slot: _Slot) -> None:
        worker = self._idle()
        worker.slot, worker.deadline = slot, time.monotonic() + self.seconds
        try:
            worker.pipe.send(task)
        except OSError:
            self._lose(worker)

    def _idle(self) -> _Worker:
        while not (free := [worker for worker in self._all if worker.slot is None]):
            if len(self._all) < self.number:
                self._all.append(_started(self.job))
            else:
                self._collect()
        return free[0]

    def _collect(self) -> None:
        """Wait until a worker answers, dies, or has had its time."""
        busy = {worker.pipe: worker for worker in self._all if worker.slot is not None}
        if not busy:
            return
        left = min(worker.deadline for worker in busy.values()) - time.monotonic()
        for pipe in wait(list(busy), max(left, 0)):
            worker = busy[pipe]  # type: ignore[index]
            try:
                answer: Any = worker.pipe.recv()
            except (EOFError, OSError):
                self._lose(worker)
                continue
            if isinstance(answer, UsageError):
                raise answer
            if worker.slot is not None:
                worker.slot.outcome, worker.slot = answer, None
        for worker in [one for one in self._all if one.slot and one.deadline < time.monotonic()]:
            self._lose(worker, f"it took longer than {self.seconds:g} seconds")

    def _lose(self, worker: _Worker, why: str = "") -> None:
        """Quarantine what a worker was at, and do without it."""
        self._all.remove(worker)
        if not why:
            worker.process.join(5)
            why = f"its process ended with {worker.process.exitcode}"
        _end(worker)
        if worker.slot is not None:
            worker.slot.outcome = quarantined(worker.slot.index, Reject(Reason.CRASHED, why))


def _done(slots: deque[_Slot]) -> Iterator[Outcome]:
    while slots and (outcome := slots[0].outcome) is not None:
        slots.popleft()
        yield outcome


def _started(job: Job) -> _Worker:
    context: Any = multiprocessing.get_context(METHOD)
    if METHOD == "forkserver":
        context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, job), daemon=True)
    try:
        process.start()
    except OSError as error:
        why = error.strerror or "the path of TMPDIR is too long for a socket"
        raise UsageError(f"no worker can be started: {why}") from None
    theirs.close()
    return _Worker(process, ours)


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def serve(pipe: Connection, job: Job) -> None:
    """Answer tasks with outcomes until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends us
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    cv2.setNumThreads(1)
    leave_no_core()
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(perform(task, job))
        except UsageError as error:
            pipe.send(error)
