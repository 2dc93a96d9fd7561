"""Scatter work over Ray: the one module that knows it.

Tasks are plain picklable records with a ``split`` method. At most a window of them is in flight.
A task whose worker dies twice is split in two, until the one object that kills workers is found.
"""

from __future__ import annotations

import os
import pickle
import secrets
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Generic, Protocol, Self, TypeVar

from echoatlas.pipeline import SILENT
from echoatlas.pipeline.engine.encryption import new_key, seal, unseal
from echoatlas.pipeline.engine.under_way import GLANCE, Tally
from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.ticks import heard
from echoatlas.schemas.config import Engine

TASKS_A_WORKER = 200  # then it is replaced, and with it what native libraries may have leaked
STARTS = 3  # tries to start a Ray of our own
PATIENCE = 180  # seconds for a new cluster to answer: a busy machine needs more than Ray's own 20
QUIET = {
    **SILENT,
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
ONE_CORE = {  # of a worker's native libraries
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Freed pictures stay with the process: else each frame's memory is mapped and cleared anew.
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
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


def dashboard(engine: Engine) -> str | None:
    """The http address at which a cluster takes jobs, if one is configured or in RAY_ADDRESS."""
    return next((place for place in _addresses(engine) if _is_dashboard(place)), None)


def _addresses(engine: Engine) -> list[str]:
    return [place for place in (engine.address, os.environ.get("RAY_ADDRESS")) if place]


def _is_dashboard(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def _cluster_address(engine: Engine) -> str | None:
    # Within a job Ray sets RAY_ADDRESS to the cluster that the job is in, whatever is configured.
    inside = [place for place in _addresses(engine) if not _is_dashboard(place)]
    if inside or not dashboard(engine):
        return inside[0] if inside else None
    raise UsageError(
        f"{dashboard(engine)} takes jobs only: start the flow, or give a ray:// address"
    )


@contextmanager
def connected(engine: Engine) -> Iterator[Cluster]:
    """A Ray cluster: the configured one, RAY_ADDRESS, or one of our own for as long as needed.

    A process that is in a cluster already stays in it, since Ray allows one a process: whoever
    runs twice within ``with connected(engine)``, or from a notebook, waits for Ray but once.

    Raises:
        UsageError: the configured cluster can't be reached.
    """
    address = _cluster_address(engine)
    prepare(join=bool(address))
    import ray

    if ray.is_initialized():
        yield Cluster(engine)
        return
    scratch: str | None = None
    try:
        if address:
            try:
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, RuntimeError, ValueError):
                hint = "check the address and RAY_AUTH_TOKEN"
                raise UsageError(f"no Ray cluster can be reached at {address}: {hint}") from None
        else:
            scratch = tempfile.mkdtemp(prefix="ea-ray-")
            _start(engine, scratch)
        yield Cluster(engine)
    finally:
        ray.shutdown()
        if scratch:  # Ray's logs and sockets: nothing of a run stays behind
            shutil.rmtree(scratch, ignore_errors=True)


def _start(engine: Engine, scratch: str) -> None:
    """Start a Ray of our own. It gives itself 30 seconds, which a busy machine may not have."""
    import ray

    for attempt in range(1, STARTS + 1):
        try:
            ray.init(
                address="local",
                num_cpus=width(engine),
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                object_store_memory=128 << 20,
                _temp_dir=scratch,
            )
        except Exception as error:
            if type(error) is not Exception or "timed out" not in str(error):
                raise
            ray.shutdown()
            if attempt == STARTS:
                raise Retry("Ray does not start on this machine, which is too busy") from None
        else:
            return


def prepare(*, join: bool) -> None:
    """Set what Ray reads from the environment when it is imported, or first connects."""
    for name, value in (QUIET | ONE_CORE).items():
        os.environ.setdefault(name, value)
    if not join:  # a token of our own for as long as we live, else Ray leaves one at home
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", str(PATIENCE))
    elif os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # else Ray has the token and keeps it


class Cluster:
    """Workers that take tasks."""

    def __init__(self, engine: Engine) -> None:
        import ray

        self._ray = ray
        self._engine = engine
        self._key = new_key()
        self._tally: Tally | None = None
        self._tickets = count()
        self._remote = ray.remote(
            num_cpus=1,
            memory=min(engine.memory_mb << 20, self._memory()),
            max_retries=0,
            retry_exceptions=False,
            max_calls=TASKS_A_WORKER,
        )(_unsealed)

    def _memory(self) -> int:
        total = int(self._ray.cluster_resources().get("memory", 1 << 30))
        return max(total // max(width(self._engine), 1), 1 << 20)

    def scatter(
        self,
        function: Callable[[Work], Answer],
        tasks: Iterable[Work],
        under_way: Callable[[int], None] | None = None,
    ) -> Iterator[Done[Work, Answer]]:
        """Run a function over tasks; answers come as they are ready, in no particular order.

        Args:
            function: of a module, so that workers can import it.
            under_way: told about once a second how many objects are done of tasks that are not.

        Raises:
            Retry, UsageError: as the function raised them.
        """
        ray = self._ray
        remote = self._remote.options(name=function.__name__)
        waiting = iter(tasks)
        again: deque[tuple[Work, int]] = deque()
        flying: dict[Any, tuple[Work, int, int]] = {}
        tally = self._tallied() if under_way else None
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
                sealed = seal(self._key, ray.cloudpickle.dumps((function, task)))
                ticket = next(self._tickets)
                counter = tally.counter if tally else None
                flying[remote.remote(self._key, sealed, counter, ticket)] = (task, attempt, ticket)
            if not flying:
                return
            ready, _ = ray.wait(list(flying), num_returns=1, timeout=GLANCE if tally else None)
            if tally and under_way and (not ready or tally.due()):
                under_way(tally.of({ticket for _, _, ticket in flying.values()}))
            if not ready:
                continue
            task, attempt, _ = flying.pop(ready[0])
            try:
                answer: Answer = unseal(self._key, ray.get(ready[0]))
                yield Done(task, answer)
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

    def _tallied(self) -> Tally:
        """One for as long as the cluster is used, since it is a process of its own."""
        if self._tally is None:
            self._tally = Tally(self._ray)
        return self._tally

    def _slots(self) -> int:
        return max(int(self._ray.cluster_resources().get("CPU", 1)), 1)


def _unsealed(key: bytes, sealed: bytes, counter: Any = None, ticket: int = 0) -> bytes:
    """Do in a worker what a sealed message asks for, and seal the answer.

    Args:
        counter: is told of each object that is done, under the task's ticket: a number, no more.
    """
    function, task = unseal(key, sealed)
    with heard(lambda: counter.add.remote(ticket) if counter is not None else None):
        return seal(key, pickle.dumps(function(task)))
