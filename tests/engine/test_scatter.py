"""Work over a real Ray: objects that kill their worker are found and cost nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from echoatlas.pipeline.engine import processes
from echoatlas.pipeline.engine.cluster import BUSY, connected
from echoatlas.pipeline.engine.encryption import seal
from echoatlas.pipeline.engine.scatter import MACHINES, Trials, Workers
from echoatlas.pipeline.errors import Retry
from echoatlas.pipeline.ticks import tick
from echoatlas.schemas.config.deployment import Engine
from tests.helpers.programs import run_program
from tests.helpers.waiting import wait_until


@dataclass(frozen=True)
class Numbers:
    values: tuple[int, ...]

    def split(self) -> tuple[Numbers, ...]:
        half = len(self.values) // 2
        return (Numbers(self.values[:half]), Numbers(self.values[half:])) if half else ()


def doubled(task: Numbers) -> list[int]:
    if 13 in task.values:
        os._exit(70)
    if 99 in task.values:
        raise Retry("the storage is away")
    if 7 in task.values:
        raise MemoryError
    return [2 * value for value in task.values]


@dataclass(frozen=True)
class Watched:
    """Objects whose task is not done before somebody has heard of them, or a minute has passed."""

    objects: int
    heard_of: Path

    def split(self) -> tuple[Watched, ...]:
        return ()


def ticking(task: Watched) -> bool:
    for _ in range(task.objects):
        tick()
    until = time.monotonic() + 60
    while not task.heard_of.exists() and time.monotonic() < until:
        time.sleep(0.1)
    return task.heard_of.exists()


SPILLS = {  # an object store that is always full, and forgets nothing of what it spilled
    "RAY_max_direct_call_object_size": "1000",
    "RAY_object_spilling_threshold": "0.0",
    "RAY_min_spilling_size": "0",
    "RAY_free_objects_period_milliseconds": "1000000",
}


# In a process of its own, since Ray is set up once a process.
SPILL = """
import time
from dataclasses import dataclass
from pathlib import Path
import ray
from echoatlas.pipeline.engine.cluster import connected
from echoatlas.schemas.config.deployment import Engine

@dataclass(frozen=True)
class Name:
    said: str

def repeated(task):
    return task.said * 2

def spilled(size):
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    until = time.monotonic() + 120
    while time.monotonic() < until:
        ray.put(bytes(2000))  # Ray looks at how full it is when something comes in
        found = b"".join(file.read_bytes() for file in session.rglob("ray_spilled*/*"))
        if len(found) > size:
            return found
        time.sleep(0.1)
    raise SystemExit("nothing was spilled")

with connected(Engine(workers=1)) as cluster:
    plain = ray.put("Wisniewska" * 30_000)
    before = spilled(300_000)
    answers = cluster.scatter(repeated, [Name("Kowalczyk" * 30_000)])
    first = next(answers)  # and Ray keeps it until the next is asked for
    after = spilled(len(before) + 500_000)
    assert first.answer == "Kowalczyk" * 60_000
    assert b"Wisniewska" in before, "what is not sealed is not found either"
    assert b"Kowalczyk" not in after, "spilled in the clear"
"""


@pytest.fixture(autouse=True)
def no_worker_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program of its own."""
    monkeypatch.setattr(processes._Kept, "workers", None)


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[Workers]:
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with connected(Engine(workers=2)) as found:
        yield found


@pytest.fixture(params=["ray", "processes"])
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    if request.param == "ray":
        yield request.getfixturevalue("ray_cluster")
    else:
        with connected(Engine(workers=2, address="processes")) as found:
            yield found


@pytest.mark.heavy
def test_what_ray_spills_to_a_disk_is_sealed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPILL],
        env={**os.environ, **SPILLS},
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert done.returncode == 0, done.stderr


def test_a_poison_object_is_found_by_halving(workers: Workers) -> None:
    tasks = [Numbers(tuple(range(start, start + 8))) for start in (0, 8, 16)]

    done = list(workers.scatter(doubled, tasks))

    assert {(7,), (13,)} == {one.task.values for one in done if one.answer is None}
    answers = sorted(value for one in done for value in one.answer or ())
    assert [2 * n for n in range(24) if n not in (7, 13)] == answers


def quoting(task: Numbers) -> None:
    raise ValueError("Kowalczyk^Malgorzata")


def test_ray_is_told_no_word_of_what_a_task_fails_with(ray_cluster) -> None:  # type: ignore[no-untyped-def]
    """It keeps errors in the clear, and its dashboard shows them."""
    import ray

    sealed = seal(ray_cluster._key, ray.cloudpickle.dumps((quoting, Numbers((1,)))))
    tally = ray_cluster._tallied()

    with pytest.raises(ray.exceptions.RayTaskError) as told:
        ray.get(ray_cluster._remote.remote(ray_cluster._key, sealed, tally.counter, 0))

    assert "BrokenTask" in str(told.value) and "ValueError" in str(told.value)
    assert "Kowalczyk" not in f"{told.value!s}{told.value!r}{told.value.cause!r}"


def test_a_task_is_not_to_blame_for_machines_that_are_lost_unless_they_are_many() -> None:
    trials = Trials([Numbers((1, 2))])
    given_up, tried = [], []

    while trial := trials.next():
        tried.append(trial.task.values)
        given_up += [trial.task.values] if trials.lost(trial) else []

    assert tried[: MACHINES + 2] == [(1, 2)] * (MACHINES + 2)
    assert tried[MACHINES + 2 :] == [(1,), (2,)] * 2
    assert given_up == [(1,), (2,)]


def test_a_failing_world_ends_the_run_with_its_own_words(workers: Workers) -> None:
    with pytest.raises(Retry, match="the storage is away"):
        list(workers.scatter(doubled, [Numbers((99,))]))


def test_who_is_in_a_cluster_stays_in_it_after_a_run_within(ray_cluster) -> None:  # type: ignore[no-untyped-def]
    with connected(Engine(workers=1)) as within:
        (first,) = within.scatter(doubled, [Numbers((1,))])

    (then,) = ray_cluster.scatter(doubled, [Numbers((2,))])

    assert (first.answer, then.answer) == ([2], [4])


def test_objects_are_told_of_before_their_task_is_done(workers: Workers, tmp_path: Path) -> None:
    heard: list[int] = []

    def listen(objects: int) -> None:
        heard.append(objects)
        if objects == 3:
            (tmp_path / "heard").touch()

    (done,) = workers.scatter(ticking, [Watched(3, tmp_path / "heard")], listen)

    assert done.answer is True
    assert heard == sorted(heard) and heard[-1] == 3


def process_of(task: Numbers) -> int:
    return os.getpid()


def test_a_worker_is_replaced_after_many_tasks_and_none_is_left_behind() -> None:
    tasks = [Numbers((number,)) for number in range(450)]

    with connected(Engine(workers=1, address="processes")) as workers:
        done = [one.answer for one in workers.scatter(process_of, tasks)]

    assert len(set(done)) == 3
    assert not any(alive(pid) for pid in set(done))


PLAIN = Engine(workers=1, address="processes")


def its_process() -> int:
    """The process of a worker of a run."""
    with connected(PLAIN) as workers:
        (done,) = workers.scatter(process_of, [Numbers((1,))])
    assert done.answer is not None
    return done.answer


def test_a_worker_stays_for_the_next_run_within_and_ends_with_the_outermost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with connected(PLAIN):
        first, second = its_process(), its_process()
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere")
        other = its_process()
        monkeypatch.chdir(tmp_path)
        third = its_process()
        assert alive(third)
    alone = its_process()

    assert first == second
    assert len({first, other, third, alone}) == 4
    assert not any(alive(pid) for pid in (first, other, third, alone))


def test_a_worker_that_died_as_it_waited_is_replaced() -> None:
    with connected(PLAIN):
        first = its_process()
        os.kill(first, 9)
        second = its_process()

    assert first != second


def test_no_more_workers_wait_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(PLAIN):
        for number in range(len(os.sched_getaffinity(0)) + 1):
            monkeypatch.setenv("ANOTHER", str(number))
            its_process()
        assert processes._Kept.workers is not None
        assert len(processes._Kept.workers) == len(os.sched_getaffinity(0))


def test_who_stops_asking_leaves_no_worker_at_work() -> None:
    with connected(Engine(workers=2, address="processes")) as workers:
        asked = workers.scatter(process_of, [Numbers((number,)) for number in range(9)])
        first = next(asked).answer
        asked.close()  # type: ignore[attr-defined]
        (then,) = workers.scatter(doubled, [Numbers((4,))])

    assert then.answer == [8]
    assert not alive(first)


def alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_that_dies_as_it_starts_is_replaced_and_where_none_starts_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    died = f"[ -e {tmp_path}/died ] || {{ touch {tmp_path}/died; kill -9 $$; }}"
    python.write_text(f'#!/bin/sh\n{died}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))

    with connected(Engine(workers=1, address="processes")) as workers:
        (done,) = workers.scatter(doubled, [Numbers((4,))])
    python.write_text("#!/bin/sh\nexit 1\n")

    assert done.answer == [8]
    with (
        connected(Engine(workers=1, address="processes")) as workers,
        pytest.raises(Retry, match="workers do not start"),
    ):
        list(workers.scatter(doubled, [Numbers((4,))]))


ORPHANS = """
import os, sys
from echoatlas.pipeline.engine.cluster import connected
from echoatlas.schemas.config.deployment import Engine
from tests.engine.test_scatter import Numbers, process_of
with connected(Engine(workers=1, address="processes")) as workers:
    print(next(workers.scatter(process_of, [Numbers((1,))])).answer, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_workers_end_with_a_driver_that_is_killed() -> None:
    killed = run_program(ORPHANS)

    worker = int(killed.stdout)

    wait_until(lambda: not alive(worker), "the worker's end", pause=0.05)


BUSY_MACHINE = """
import sys
import ray
from echoatlas.pipeline.errors import Retry
from echoatlas.pipeline.engine.cluster import connected
from echoatlas.schemas.config.deployment import Engine
from tests.engine.test_scatter import Numbers, doubled

starts = []

def too_slow(**how):
    starts.append(how)
    raise Exception("The current node timed out during startup. This could happen because ...")

ray.init = too_slow
said = []
with connected(Engine(workers=1), said.append) as workers:
    assert [2, 4] == next(workers.scatter(doubled, [Numbers((1, 2))])).answer
    with connected(Engine(workers=1), said.append) as within:
        assert [6] == next(within.scatter(doubled, [Numbers((3,))])).answer
print(len(starts), *said)
try:
    with connected(Engine(workers=1, address="local")):
        pass
except Retry as refused:
    print(refused)
"""


def test_where_ray_does_not_start_plain_processes_do_the_work_and_it_is_said() -> None:
    done = run_program(BUSY_MACHINE)

    assert [f"4 {BUSY}: working in plain processes", BUSY] == done.stdout.splitlines(), done.stderr


SLOW_START = """
import os, time
import psutil
import ray
import ray._private.node as node
from ray._private import services
from echoatlas.pipeline.engine import cluster
from echoatlas.schemas.config.deployment import Engine

def not_yet(*asked, **how):
    raise RuntimeError("no such node yet")

services.get_node = not_yet
node.time = type("Clock", (), {"monotonic": lambda self: time.perf_counter() * 30,
                               "sleep": time.sleep, "time": time.time})()
cluster.STARTS = 1
said = []
with cluster.connected(Engine(workers=1), said.append):
    running = [" ".join(one.cmdline()) for one in psutil.Process().children(recursive=True)]
    print(len(said), sum("ea-ray-" in one for one in running))
"""


def test_a_start_of_ray_that_is_given_up_leaves_nothing_running() -> None:
    done = run_program(SLOW_START)

    assert done.stdout.split() == ["1", "0"], done.stderr
