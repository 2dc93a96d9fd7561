"""A run may be killed at any moment: run again, and the lake is what it would have been."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.waiting import wait_until

MOMENTS: dict[str, Callable[[Path], bool]] = {
    "as it takes the lock": lambda lake: (lake / "_lock.json").exists(),
    "after naming": lambda lake: (lake / "tables/sightings/_delta_log").exists(),
    "with a part written": lambda lake: any(lake.glob("tables/frames/part-*")),
    "in the middle of a commit": lambda lake: any(lake.glob("_intents/*.json")),
    "after the first outcome": lambda lake: (
        len(list(lake.glob("tables/objects/_delta_log/*.json"))) > 1
    ),
    "while labeling": lambda lake: (lake / "tables/labels").exists(),
}
# What a kill finds is the driver's doing, not its workers'. These are plain processes, and Ray's at
# a moment that every run of the tests comes to and at a heavy one
ON_RAY = {"with a part written", "in the middle of a commit"}
# Found by the others' kind of kill as well
HEAVY = {*MOMENTS} - {"in the middle of a commit"}
PROCESSES = {"batch": 2, "group": 1, "workers": 2, "address": "processes"}


def started(rehearsal: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        rehearsal.command("run"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait_for(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    """Wait until a process has come to a moment, or has ended."""
    wait_until(lambda: reached() or process.poll() is not None, "the moment", pause=0.002)


def named(pid: int) -> str:
    """How a process calls itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            continue
    return found


@pytest.mark.parametrize(
    "moment",
    [pytest.param(one, marks=[pytest.mark.heavy] if one in HEAVY else []) for one in MOMENTS],
)
def test_killed_and_run_again_equals_undisturbed(undisturbed: Any, moment: str) -> None:
    killed = undisturbed.elsewhere(f"killed-{list(MOMENTS).index(moment)}")
    killed.engine(**PROCESSES | ({"address": "local"} if moment in ON_RAY else {}))
    process = started(killed)
    wait_for(process, lambda: MOMENTS[moment](killed.lake_path))

    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before that moment"
    killed.engine(**PROCESSES)
    killed.run("run")

    assert undisturbed.rows() == killed.rows()
    assert not list(killed.lake_path.glob("_intents/*"))
    assert killed.run("status")["conservation"]


@pytest.mark.heavy
def test_killed_workers_cost_nothing(undisturbed: Any) -> None:
    harassed = undisturbed.elsewhere("harassed")
    harassed.engine(**PROCESSES | {"address": "local"})
    process = started(harassed)

    def at_work() -> list[int]:
        started = [pid for node in children(process.pid) for pid in children(node)]
        return [pid for pid in started if named(pid).startswith("ray::work")]

    workers: list[int] = []
    wait_for(process, lambda: bool(workers.extend(at_work()) or workers))
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    process.wait(timeout=300)

    assert workers
    assert undisturbed.rows() == harassed.rows()


def test_a_second_run_does_nothing(undisturbed: Any) -> None:
    done = undisturbed.elsewhere("done", with_lake=True)
    before = {name: done.lake.version(name) for name in ("objects", "frames", "labels")}

    again = done.run("run")

    assert 0 == again["objects"] == again["named"]
    assert before == {name: done.lake.version(name) for name in before}


def test_two_runs_at_once_are_refused(undisturbed: Any) -> None:
    busy = undisturbed.elsewhere("busy")
    busy.engine(**PROCESSES)
    process = started(busy)
    wait_for(process, lambda: (busy.lake_path / "_lock.json").exists())

    second = busy.call("run")

    assert second.returncode == 2
    assert second.stderr.splitlines()[-1].startswith("echoatlas: another run holds this lake")
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("workers", "batch", "address"),
    [(1, 3, "processes"), pytest.param(4, 50, "local", marks=pytest.mark.heavy)],
)
def test_any_number_of_workers_gives_the_same_bytes(
    undisturbed: Any, workers: int, batch: int, address: str
) -> None:
    other = undisturbed.elsewhere(f"workers-{workers}")
    other.engine(workers=workers, batch=batch, address=address)

    other.alone("run")

    assert undisturbed.rows() == other.rows()


def test_the_same_bytes_twice_are_one_object_and_one_duplicate(undisturbed: Any) -> None:
    outcomes = undisturbed.rows()["objects"]

    repeated = [row for row in outcomes if row["status"] == "duplicate"]

    assert len(repeated) == 1
    assert [repeated[0]["object_id"]] == [
        row["object_id"]
        for row in outcomes
        if row["status"] == "kept" and row["object_id"] == repeated[0]["object_id"]
    ]


def test_a_changed_setting_renews_the_frames_and_the_plan_says_so(undisturbed: Any) -> None:
    changed = undisturbed.elsewhere("changed", with_lake=True)
    config = (changed.home / "echoatlas.yaml").read_text()
    (changed.home / "echoatlas.yaml").write_text(config + "steps: {normalize: {size: 128}}\n")

    planned = changed.run("plan")["sites"][0]
    changed.run("run")

    assert "steps.normalize.set.size: 256 -> 128" in planned["why"]
    assert {128} == {row["width"] for row in changed.rows()["frames"]}
    assert changed.run("status")["conservation"]


def test_a_rejected_object_can_be_tried_again(undisturbed: Any) -> None:
    retried = undisturbed.elsewhere("retried", with_lake=True)

    number = retried.run("quarantine", "retry")["retried"]
    pending = retried.run("status")["objects"].get("pending", 0)
    retried.run("run")

    assert number == pending > 0
    assert undisturbed.rows() == retried.rows()
