"""Scatter work over Ray: the one module that knows it.

Tasks are plain picklable records with a ``split`` method. At most a window of them is in flight.
A task whose worker dies twice is split in two, until the one object that kills workers is found.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.schemas.config import Engine

TASKS_A_WORKER = 200  # then it is replaced, and with it what native libraries may have leaked
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAY_DEDUP_LOGS": "0",
}


class Task(Protocol):
    """Work that can be cut in two."""

    def split(self) -> tuple[Self, ...]: ...


Work = TypeVar("Work", bound=Task)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Done(Generic[Work, Answer]):
    """A task and its answer, or None when it kills whichever worker it is given to."""

    task: Work
    answer: Answer | None


def width(engine: Engine) -> int:
    """How many tasks may run at once on this machine."""
    return engine.workers or len(os.sched_getaffinity(0))


@contextmanager
def connected(engine: Engine) -> Iterator[Cluster]:
    """A Ray cluster: the configured one, RAY_ADDRESS, or one of our own for as long as needed.

    Raises:
        UsageError: the configured cluster can't be reached.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    address = engine.address or os.environ.get("RAY_ADDRESS")
    scratch: str | None = None
    try:
        if address:
            try:
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, RuntimeError, ValueError):
                raise UsageError(f"no Ray cluster can be reached at {address}") from None
        else:
            scratch = tempfile.mkdtemp(prefix="ea-ray-")
            ray.init(
                address="local",
                num_cpus=width(engine),
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                object_store_memory=128 << 20,
                _temp_dir=scratch,
            )
        yield Cluster(engine)
    finally:
        ray.shutdown()
        if scratch:  # Ray's logs and sockets: nothing of a run stays behind
            shutil.rmtree(scratch, ignore_errors=True)


class Cluster:
    """Workers that take tasks."""

    def __init__(self, engine: Engine) -> None:
        import ray

        self._ray = ray
        self._engine = engine
        self._remotes: dict[Callable[..., Any], Any] = {}

    def _remote(self, function: Callable[..., Any]) -> Any:
        if function not in self._remotes:
            declared = self._ray.remote(
                num_cpus=1,
                memory=min(self._engine.memory_mb << 20, self._memory()),
                max_retries=0,
                retry_exceptions=False,
                max_calls=TASKS_A_WORKER,
            )
            self._remotes[function] = declared(function)
        return self._remotes[function]

    def _memory(self) -> int:
        total = int(self._ray.cluster_resources().get("memory", 1 << 30))
        return max(total // max(width(self._engine), 1), 1 << 20)

    def scatter(
        self, function: Callable[[Work], Answer], tasks: Iterable[Work]
    ) -> Iterator[Done[Work, Answer]]:
        """Run a function over tasks; answers come as they are ready, in no particular order.

        Args:
            function: of a module, so that workers can import it.

        Raises:
            Retry, UsageError: as the function raised them.
        """
        ray = self._ray
        remote = self._remote(function)
        waiting = iter(tasks)
        again: deque[tuple[Work, int]] = deque()
        flying: dict[Any, tuple[Work, int]] = {}
        window = 2 * self._slots()
        exhausted = False
        while True:
            while len(flying) < window and not (exhausted and not again):
                if again:
                    task, attempt = again.popleft()
                else:
                    following = next(waiting, None)
                    if following is None:
                        exhausted = True
                        continue
                    task, attempt = following, 0
                flying[remote.remote(task)] = (task, attempt)
            if not flying:
                return
            ready, _ = ray.wait(list(flying), num_returns=1)
            task, attempt = flying.pop(ready[0])
            try:
                yield Done(task, ray.get(ready[0]))
            except (ray.exceptions.RayError, ray.exceptions.RayTaskError) as error:
                cause = getattr(error, "cause", None)
                if isinstance(cause, Retry | UsageError):
                    raise cause from None
                halves = task.split() if attempt else ()
                if not attempt:
                    again.append((task, 1))
                elif halves:
                    again.extend((half, 0) for half in halves)
                else:
                    yield Done(task, None)

    def _slots(self) -> int:
        return max(int(self._ray.cluster_resources().get("CPU", 1)), 1)
