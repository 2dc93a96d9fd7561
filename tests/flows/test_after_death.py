"""A flow's process is killed, or all that served it: its job goes on, and is found again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from echoatlas.errors import UsageError
from echoatlas.flows._alive import alive, died, forget_run, is_alive, noted, taken_over
from echoatlas.flows._jobs import follow
from echoatlas.pipeline.engine.jobs import JobState, LocalJobs
from echoatlas.pipeline.run.status import status
from tests.helpers.rehearsal import Rehearsal, fill
from tests.helpers.waiting import wait_until

if TYPE_CHECKING:
    from tests.flows.conftest import Make, Prefect

SITE = "joint-clinic"
FOLLOWS = """
import asyncio, sys
from pathlib import Path
from echoatlas.flows._alive import alive
from echoatlas.flows._jobs import follow
from echoatlas.pipeline.engine.jobs import LocalJobs
folder, run = Path(sys.argv[1]), sys.argv[2]
with alive(folder, run):
    asyncio.run(follow(folder, LocalJobs(folder / "jobs"), f"{run}-run", sys.argv[3:]))
"""


def _killed(folder: Path, run: str, arguments: list[str]) -> LocalJobs:
    """Have a process follow a new job, and kill it when the job runs; what it left behind."""
    process = subprocess.Popen([sys.executable, "-c", FOLLOWS, str(folder), run, *arguments])
    jobs = LocalJobs(folder / "jobs")
    # Not before it runs by itself: until then it has its submitter's files, and the locks on them
    wait_until((folder / "jobs" / f"{run}-run-1" / "pid").exists, "the job")
    process.kill()
    process.wait()
    return jobs


def _followed(folder: Path, jobs: LocalJobs, run: str, arguments: list[str]) -> Any:
    with alive(folder, run):
        return asyncio.run(follow(folder, jobs, f"{run}-run", arguments))


def _ids() -> tuple[str, str]:
    return str(uuid.uuid4()), str(uuid.uuid4())


def _with_one_scan(tmp_path: Path) -> tuple[Path, list[str]]:
    """A deployment's folder, and what a job is asked to do there."""
    made = Rehearsal(tmp_path)
    made.engine(address="processes", workers=1)
    fill(made.site("st"), stills=1, cine=False)
    return made.home, ["--deployment", str(made.home), "--json", "run", "--site", "st"]


@pytest.mark.parametrize(
    "again", [pytest.param("the same flow run", marks=pytest.mark.heavy), "another flow run"]
)
def test_what_a_dead_flow_left_running_is_followed_and_not_begun_again(
    tmp_path: Path, again: str
) -> None:
    folder, arguments = _with_one_scan(tmp_path)
    first, second = _ids()
    jobs = _killed(folder, first, arguments)

    told = _followed(folder, jobs, first if again == "the same flow run" else second, arguments)

    assert (told["named"], told["duplicates"]) == (3, 1)
    assert sorted(one.name for one in (folder / "jobs").iterdir()) == [f"{first}-run-1"]


def test_a_job_of_a_flow_that_lives_or_that_does_something_else_is_left_to_it(
    tmp_path: Path,
) -> None:
    folder, arguments = _with_one_scan(tmp_path)
    first, second = _ids()
    jobs = _killed(folder, first, arguments)

    assert taken_over(folder, jobs, f"{second}-run", [*arguments, "--site", "other"]) is None
    with alive(folder, first):
        assert taken_over(folder, jobs, f"{second}-run", arguments) is None
    assert taken_over(folder, jobs, f"{second}-run", arguments) == f"{first}-run-1"
    assert noted(folder, f"{second}-run") == f"{first}-run-1"
    jobs.stop(f"{first}-run-1")

    assert taken_over(folder, jobs, f"{second}-run", arguments) is None


def test_a_flow_run_is_one_process_at_a_time_and_its_death_is_seen(tmp_path: Path) -> None:
    run, other = _ids()

    with alive(tmp_path, run):
        assert is_alive(tmp_path, run)
        with pytest.raises(UsageError, match="in another process"), alive(tmp_path, run):
            pass
        assert died(tmp_path) == []
    with pytest.raises(KeyboardInterrupt), alive(tmp_path, other):
        raise KeyboardInterrupt

    assert died(tmp_path) == [other]
    forget_run(tmp_path, other)
    assert died(tmp_path) == []


def _process_of(run: str) -> int | None:
    """The process that does a flow run."""
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"PREFECT__FLOW_RUN_ID={run}".encode() in place.read_bytes().split(b"\0"):
                return int(place.parent.name)
        except (OSError, ValueError):
            continue
    return None


@pytest.mark.heavy  # Prefect keeps the turn of a process that died for a minute
def test_a_flow_whose_process_is_killed_is_started_again_and_takes_its_job_s_result(
    prefect: Prefect, make: Make
) -> None:
    deployment = make(SITE)
    run = prefect.start("watch", deployment=str(deployment.root))
    jobs = LocalJobs(deployment.root / "jobs")
    wait_until(lambda: jobs.look(f"{run}-run-1") is JobState.RUNNING, "the job")
    pid = _process_of(run)
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    ended = prefect.ended_well(run)

    assert ended["type"] == "COMPLETED", prefect.logs(run)
    assert sorted(one.name for one in (deployment.root / "jobs").glob("*-run-*")) == [
        f"{run}-run-1"
    ]
    assert status(deployment.lake)["conservation"]
    assert died(deployment.root) == []


@pytest.mark.heavy
def test_flows_that_died_with_whoever_served_them_go_on_when_they_are_served_again(
    prefect: Prefect, make: Make
) -> None:
    deployment = make(SITE)
    (deployment.root / "echoatlas.yaml").write_text(
        (deployment.root / "echoatlas.yaml").read_text() + "\nname: other\n"
    )
    serve = [sys.executable, "-m", "echoatlas.cli", "--deployment", str(deployment.root), "serve"]
    env = os.environ | {
        "PREFECT_API_URL": prefect.address,
        "PREFECT_HOME": str(prefect.home),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    }
    jobs = LocalJobs(deployment.root / "jobs")
    server = subprocess.Popen(serve, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: prefect.knows("watch", "other"), "the deployment")
    run = prefect.start("watch", served="other", deployment=str(deployment.root))
    wait_until(lambda: jobs.look(f"{run}-run-1") is JobState.RUNNING, "the job")
    pid = _process_of(run)
    assert pid is not None

    server.kill()
    os.kill(pid, signal.SIGKILL)
    server.wait()
    again = subprocess.Popen(serve, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ended = prefect.ended(run)
    finally:
        again.send_signal(signal.SIGINT)
        again.wait(180)

    assert ended["type"] == "COMPLETED", prefect.logs(run)
    assert sorted(one.name for one in (deployment.root / "jobs").glob("*-run-*")) == [
        f"{run}-run-1"
    ]
