"""Work scattered over a Ray cluster. At most a window of tasks is in flight."""

from __future__ import annotations

import pickle
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from echoatlas.pipeline.engine.encryption import new_key, seal, unseal
from echoatlas.pipeline.engine.scatter import TASKS_A_WORKER, Answer, Done, Trial, Trials, Work
from echoatlas.pipeline.engine.under_way import GLANCE, Tally
from echoatlas.pipeline.errors import Retry, UsageError, crash_site
from echoatlas.pipeline.ticks import heard
from echoatlas.schemas.config.deployment import Engine

UNHEARD = 10.0  # seconds after a loss in which a task that has begun elsewhere says so
UNNOTICED = 60.0  # seconds for which a cluster may take a node that is gone for one that is there


class Cluster:
    """Workers that take tasks."""

    def __init__(self, engine: Engine) -> None:
        import ray

        self._ray = ray
        self._engine = engine
        self._key = new_key()
        self._tally: Tally | None = None
        self._tickets = count()
        self._gone, self._since = self._lost(), time.monotonic()  # nodes, and when the last went
        self._remote = ray.remote(
            num_cpus=1,
            memory=self._memory(),
            max_retries=0,
            retry_exceptions=False,
            max_calls=TASKS_A_WORKER,
        )(_unsealed)

    def _memory(self) -> int:
        """What a task declares, bytes: no more than a core's share of the roomiest node, since a
        task that fits nowhere would wait for ever."""
        wanted = self._engine.memory_mb << 20
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        shares = [int(has.get("memory", 0) / has["CPU"]) for has in nodes if has.get("CPU")]
        return min(wanted, max(shares, default=wanted))

    def scatter(
        self,
        function: Callable[[Work], Answer],
        tasks: Iterable[Work],
        under_way: Callable[[int], None] | None = None,
    ) -> Iterator[Done[Work, Answer]]:
        """Run a function over tasks; see ``Workers``."""
        ray = self._ray
        remote = self._remote.options(name=function.__name__)
        trials = Trials(tasks)
        flying: dict[Any, tuple[Trial[Work], int, int]] = {}
        tally = self._tallied()
        while True:
            window = self._window()  # nodes come and go
            while len(flying) < window and (trial := trials.next()):
                sealed = seal(self._key, ray.cloudpickle.dumps((function, trial.task)))
                ticket = next(self._tickets)
                under = remote.remote(self._key, sealed, tally.counter, ticket)
                flying[under] = (trial, ticket, self._lost())
            if not flying:
                return
            ready, _ = ray.wait(list(flying), num_returns=1, timeout=GLANCE)
            if not ready or tally.due():
                done = tally.look([ticket for _, ticket, _ in flying.values()])
                if under_way:
                    under_way(done)
                for one in self._cut_off(flying, tally.places, ready):
                    trials.again(flying.pop(one)[0])
                    ray.cancel(one)
            if not ready:
                continue
            trial, _, lost = flying.pop(ready[0])
            try:
                answer: Answer = unseal(self._key, ray.get(ready[0]))
            except ray.exceptions.RayError as error:
                if self._over(trials, trial, error, lost):
                    yield Done(trial.task, None)
            else:
                yield Done(trial.task, answer)

    def _tallied(self) -> Tally:
        """One for as long as the cluster is used, since it is a process of its own."""
        if self._tally is None:
            # On the driver's node: where that is lost, all is
            here = self._ray.get_runtime_context().get_node_id()
            self._tally = Tally(self._ray, scheduling_strategy=_on(here))
        return self._tally

    def _cut_off(
        self,
        flying: Mapping[Any, tuple[Trial[Work], int, int]],
        places: Mapping[int, str],
        ready: Sequence[Any],
    ) -> list[Any]:
        """Tasks on nodes that the cluster has given up, and of those given out before it did so
        all that nobody has heard of since.

        A call to a node that was cut off, and did not end, fails only after minutes. What is done
        twice is the same: only what is answered is committed.
        """
        gone = {node["NodeID"] for node in self._ray.nodes() if not node["Alive"]}
        if len(gone) > self._gone:
            self._gone, self._since = len(gone), time.monotonic()
        silent = time.monotonic() - self._since > UNHEARD
        return [
            one
            for one, (_, ticket, lost) in flying.items()
            if one not in ready
            and (
                places.get(ticket) in gone or (silent and lost < len(gone) and ticket not in places)
            )
        ]

    def _over(self, trials: Trials[Work], trial: Trial[Work], error: Exception, lost: int) -> bool:
        """Whether a task is given up after what became of it.

        Args:
            lost: how many nodes had been lost when it was given to a worker.

        Raises:
            Retry, UsageError: as the function raised them, or the cluster itself has failed.
        """
        told = self._ray.exceptions
        cause = getattr(error, "cause", None)
        if isinstance(cause, Retry | UsageError):
            raise cause from None
        crashed = isinstance(error, told.WorkerCrashedError)
        if isinstance(error, (told.NodeDiedError, told.ObjectLostError)) or (
            crashed and (self._wait_for_loss() or self._lost() > lost)
        ):
            return trials.lost(trial)
        if crashed or isinstance(error, (told.RayTaskError, told.OutOfMemoryError)):
            return trials.failed(trial)
        # Of no object: it would be every object's, one after the other
        raise Retry(f"the Ray cluster failed ({type(error).__name__})") from None

    def _lost(self) -> int:
        """How many nodes the cluster has lost."""
        return sum(not node["Alive"] for node in self._ray.nodes())

    def _wait_for_loss(self) -> bool:
        """Wait until the cluster knows that a node is gone; false if none is.

        Until then it goes on giving that node's workers tasks, which fail at once.
        """
        until = time.monotonic() + UNNOTICED
        seen = False
        while time.monotonic() < until and self._is_one_gone():
            seen = True
            time.sleep(GLANCE)
        return seen

    def _is_one_gone(self) -> bool:
        """Whether a node that the cluster counts on takes no calls; false where none does, since
        we may be outside of its network."""
        answers = [_takes_calls(node) for node in self._ray.nodes() if node["Alive"]]
        return any(answers) and not all(answers)

    def _window(self) -> int:
        """How many tasks may be under way: for each core one that waits, if all are ours."""
        slots = max(int(self._ray.cluster_resources().get("CPU", 1)), 1)
        asked = self._engine.workers or slots
        return asked if asked < slots else 2 * slots


def _takes_calls(node: Mapping[str, Any]) -> bool:
    place = (node["NodeManagerAddress"], node["NodeManagerPort"])
    try:
        socket.create_connection(place, timeout=GLANCE).close()
    except OSError:
        return False
    return True


def _on(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=True)


def _unsealed(key: bytes, sealed: bytes, counter: Any, ticket: int) -> bytes:
    """Do in a worker what a sealed message asks for, and seal the answer.

    Args:
        counter: is told where the task is, and of each object that is done, under its ticket:
            numbers, no more.

    Raises:
        Retry, UsageError: as the function does.
        BrokenTask: it raised anything else.
    """
    import ray

    counter.begin.remote(ticket, ray.get_runtime_context().get_node_id())
    try:
        function, task = unseal(key, sealed)
        with heard(lambda: counter.add.remote(ticket)):
            return seal(key, pickle.dumps(function(task)))
    except (Retry, UsageError):
        raise
    except Exception as error:  # noqa: BLE001  (a bug of ours: tried again, then halved, then said)
        place = crash_site(error)
    raise BrokenTask(place)  # not within: Ray would write down what the other one says as well


class BrokenTask(Exception):  # noqa: N818  (an outcome)
    """A task raised what it may not: where, and nothing of what that says. Ray keeps it for its
    dashboard, and whoever asks for tasks is shown it."""
