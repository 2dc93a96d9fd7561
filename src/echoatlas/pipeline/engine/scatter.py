"""What all ways to scatter work share: tasks, answers, and the search for what kills workers.

Tasks are plain picklable records with a ``split`` method. A task whose worker dies twice is split
in two, until the one object that kills workers is found. That a machine went away is no fault of
what was worked on there.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from echoatlas.schemas.config.deployment import Engine

FEW = 2  # tasks that are not worth starting workers for
MACHINES = 4  # that may be lost under a task before it is suspected of ending them
TASKS_A_WORKER = 200  # then it is replaced, and with it what native libraries may have leaked
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


class Workers(Protocol):
    """Whoever takes tasks: a Ray cluster, or processes of this machine."""

    def scatter(
        self,
        function: Callable[[Work], Answer],
        tasks: Iterable[Work],
        under_way: Callable[[int], None] | None = None,
    ) -> Iterator[Done[Work, Answer]]:
        """Run a function over tasks; answers come as they are ready, in no particular order.

        Args:
            function: of a module, so that workers can import it.
            under_way: told now and then how many objects are done of tasks that are not.

        Raises:
            Retry, UsageError: as the function raised them.
        """
        ...


def in_this_process(
    function: Callable[[Work], Answer], tasks: Iterable[Work]
) -> Iterator[Done[Work, Answer]]:
    """Run a function over tasks in this process, where there are too few to start workers for."""
    for task in tasks:
        yield Done(task, function(task))


@dataclass(frozen=True, slots=True)
class Trial(Generic[Work]):
    """A task that is tried.

    Attributes:
        failed: whether it did before, through what may be its own fault.
        lost: how often its machine went away under it, which says nothing of the task.
    """

    task: Work
    failed: bool = False
    lost: int = 0


class Trials(Generic[Work]):
    """Tasks on their way to workers, those that failed once or were halved among them."""

    def __init__(self, tasks: Iterable[Work]) -> None:
        self._waiting = iter(tasks)
        self._again: deque[Trial[Work]] = deque()

    def next(self) -> Trial[Work] | None:
        """What to try next; None if there is nothing now."""
        if self._again:
            return self._again.popleft()
        task = next(self._waiting, None)
        return None if task is None else Trial(task)

    def again(self, trial: Trial[Work]) -> None:
        """Have a task tried again as it was."""
        self._again.append(trial)

    def failed(self, trial: Trial[Work]) -> bool:
        """Say that a task's worker died, or raised what it may not.

        Returns:
            Whether it is given up: it failed twice, and can't be halved.
        """
        if not trial.failed:
            self._again.append(replace(trial, failed=True))
            return False
        halves = trial.task.split()
        self._again.extend(Trial(half, lost=trial.lost) for half in halves)
        return not halves

    def lost(self, trial: Trial[Work]) -> bool:
        """Say that the machine went away on which a task was: it is tried again as it was.

        Where machines go away as often as that, the task may be what ends them.

        Returns:
            As ``failed`` does.
        """
        if trial.lost >= MACHINES:
            return self.failed(trial)
        self._again.append(replace(trial, lost=trial.lost + 1))
        return False


def width(engine: Engine) -> int:
    """How many tasks may run at once on this machine."""
    return engine.workers or len(os.sched_getaffinity(0))
