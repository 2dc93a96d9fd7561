"""Scatter work over plain processes of this machine, where there is no Ray.

Each worker is a program of its own that is asked over a pipe and ends with it. Nothing of a task
touches a disk, so nothing of it has to be sealed.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from echoatlas.pipeline.engine.scatter import (
    ONE_CORE,
    TASKS_A_WORKER,
    Answer,
    Done,
    Trial,
    Trials,
    Work,
    width,
)
from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.forgo import forgo_pandas
from echoatlas.pipeline.silence import SILENT
from echoatlas.pipeline.ticks import heard

if TYPE_CHECKING:
    from types import TracebackType

    from echoatlas.schemas.config.deployment import Engine


PATIENCE = 180  # seconds for a worker to start: a busy machine needs more than a quiet one
STARTS = 3  # of a worker that dies before it is ready
READY = "ready"


class Processes:
    """Workers that take tasks, one at a time each. To be used in a ``with``, which ends them."""

    def __init__(self, engine: Engine) -> None:
        self._width = width(engine)
        self._idle: list[_Worker] = []
        self._busy: dict[Any, tuple[_Worker, Trial[Any]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end()

    def scatter(
        self,
        function: Callable[[Work], Answer],
        tasks: Iterable[Work],
        under_way: Callable[[int], None] | None = None,
    ) -> Iterator[Done[Work, Answer]]:
        """Run a function over tasks; see ``Workers``."""
        trials = Trials(tasks)
        try:
            while True:
                free = self._width - len(self._busy)
                wanted = list(islice(iter(trials.next, None), free))
                missing = len(wanted) - len(self._idle)
                self._idle += [_taken() for _ in range(missing)]  # which come up side by side
                for trial in wanted:
                    self._give(function, trial)
                if not self._busy:
                    return
                for pipe in wait(list(self._busy)):
                    worker, trial = self._busy[pipe]
                    answered, answer = worker.answer()
                    if answered and isinstance(answer, _Tick):
                        worker.ticks += 1
                        if under_way:
                            under_way(sum(busy[0].ticks for busy in self._busy.values()))
                        continue
                    del self._busy[pipe]
                    if answered:
                        self._idle.append(worker)
                    else:
                        worker.end()
                    if isinstance(answer, Retry | UsageError):
                        raise answer
                    if answered and not isinstance(answer, _Failed):
                        yield Done(trial.task, answer)
                    elif trials.failed(trial):
                        yield Done(trial.task, None)
        finally:
            if self._busy:  # whoever asked has gone: what is still worked on is nobody's
                self._end()

    def _give(self, function: Callable[[Work], Answer], trial: Trial[Work]) -> None:
        data = pickle.dumps((function, trial.task))
        while True:
            worker = _Worker.ready(self._idle.pop() if self._idle else None)
            if worker.tasks >= TASKS_A_WORKER or not worker.ask(data):
                worker.end()
                continue
            self._busy[worker.pipe] = (worker, trial)
            return

    def _end(self) -> None:
        for worker, _ in self._busy.values():
            worker.end()
        for worker in self._idle:
            _left(worker)
        self._idle, self._busy = [], {}


class _Worker:
    """A process that works, as its driver sees it.

    Attributes:
        up: whether it said so.
        around: what it was started in.
    """

    def __init__(self) -> None:
        self.tasks = self.ticks = 0
        self.around = _Around.now()
        self.up = False
        self.pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "echoatlas.pipeline.engine.processes", str(theirs.fileno())],
                # What native libraries say may quote the object
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=self.around.environment,
            )

    @staticmethod
    def ready(worker: _Worker | None) -> _Worker:
        """A worker that is up: this one, once it is; one that dies as it starts is replaced.

        Else a machine on which no worker starts would have each object for its killer.

        Raises:
            Retry: none comes up.
        """
        for _ in range(STARTS):
            worker = worker or _Worker()
            if worker.up:
                return worker
            said = worker.pipe.poll(PATIENCE)
            worker.up = said and worker.answer() == (True, READY)
            if worker.up:
                return worker
            worker.end()
            worker = None
            if not said:
                break
        raise Retry("workers do not start on this machine")

    def ask(self, data: bytes) -> bool:
        """Give it a task; false if it is dead."""
        self.tasks += 1
        self.ticks = 0
        try:
            self.pipe.send_bytes(data)
        except OSError:
            return False
        return True

    def answer(self) -> tuple[bool, Any]:
        """Whether it is still there, and what it answers."""
        try:
            return True, pickle.loads(self.pipe.recv_bytes())
        except (EOFError, OSError):
            return False, None

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self.pipe.close()
        if self._process.stdin:
            self._process.stdin.close()


@dataclass(frozen=True, slots=True)
class _Around:
    """What a worker has of its driver as it starts, and keeps."""

    environment: dict[str, str]
    folder: str

    @staticmethod
    def now() -> _Around:
        places = {"PYTHONPATH": os.pathsep.join(sys.path)}
        return _Around(
            SILENT | ONE_CORE | os.environ | places, str(Path("/proc/self/cwd").readlink())
        )


class _Kept:
    """Workers that wait for whoever scatters next; None if none is kept."""

    lock = threading.Lock()
    workers: list[_Worker] | None = None


@contextmanager
def workers_kept() -> Iterator[None]:
    """Have workers that are done with all that was asked wait for who scatters next, while this
    lasts: one takes longer to start than a small run takes. As many as there are cores wait."""
    with _Kept.lock:
        kept = _Kept.workers is not None
        _Kept.workers = _Kept.workers or []
    try:
        yield
    finally:
        if not kept:
            with _Kept.lock:
                workers, _Kept.workers = _Kept.workers, None
            for worker in workers or ():
                worker.end()


def _taken() -> _Worker:
    """A worker that waits, if it is as one that is started now; else one that starts."""
    now = _Around.now()
    with _Kept.lock:
        for worker in _Kept.workers or ():
            if worker.around == now and _Kept.workers:
                _Kept.workers.remove(worker)
                return worker
    return _Worker()


def _left(worker: _Worker) -> None:
    """Have a worker wait, or end if none is kept; who waits longest ends if there are too many."""
    with _Kept.lock:
        if _Kept.workers is not None and worker.up:
            _Kept.workers.append(worker)
            if len(_Kept.workers) <= len(os.sched_getaffinity(0)):
                return
            worker = _Kept.workers.pop(0)
    worker.end()


class _Tick:
    """What is told of each object of a task that is done."""


class _Failed:
    """What is answered where the function raised what it may not."""


def _serve(pipe: Connection) -> None:
    """Answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's, which ends us
    threading.Thread(target=_end_with_driver, daemon=True).start()
    forgo_pandas()
    with suppress(EOFError):
        pipe.send(READY)
        while True:
            pipe.send_bytes(_answered(pipe.recv_bytes(), lambda: pipe.send(_Tick())))


def _answered(data: bytes, tell: Callable[[], None]) -> bytes:
    try:
        function, task = pickle.loads(data)
        with heard(tell):
            return pickle.dumps(function(task))
    except (Retry, UsageError) as error:
        return pickle.dumps(error)
    except Exception:  # noqa: BLE001  (a bug of ours: tried again, then halved, then said)
        return pickle.dumps(_Failed())


def _end_with_driver() -> None:
    """Wait for the end of the standard input, which the driver holds as long as it lives."""
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    # By its name, so that what it answers is of the module that the driver has imported
    from echoatlas.pipeline.engine import processes

    processes._serve(Connection(int(sys.argv[1])))
