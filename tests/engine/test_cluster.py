"""The same run on a Ray cluster that somebody else started: joined by address, or as a job."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from echoatlas._version import __version__
from echoatlas.flows._alive import alive
from echoatlas.flows._jobs import follow, jobs_of
from echoatlas.pipeline.engine.jobs import JobState
from echoatlas.pipeline.engine.ray_jobs import RayJobs
from tests.helpers.rehearsal import TOKEN, Rehearsal
from tests.helpers.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Running:
    """A Ray cluster of one node, which lets in only who has its token."""

    address: str
    dashboard: str
    token: str


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    # Its sockets' paths must be short
    scratch = Path(tempfile.mkdtemp(prefix="ea-ray-"))
    found = Running(
        f"127.0.0.1:{_free_port()}",
        f"http://127.0.0.1:{_free_port()}",
        TOKEN,
    )
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    command += ["--port", found.address.rpartition(":")[2], "--num-cpus", "2"]
    command += ["--dashboard-port", found.dashboard.rpartition(":")[2]]
    # Jobs are given to its agent, whose usual port is that of the Ray this process may be in
    command += ["--dashboard-agent-listen-port", str(_free_port())]
    command += ["--temp-dir", str(scratch), "--disable-usage-stats"]
    # A job's `python` is the one that its cluster's PATH names, as in an image
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    log = tmp_path_factory.mktemp("cluster") / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdout=sink,
            stderr=sink,
            env=os.environ | {"RAY_AUTH_TOKEN": found.token, "PATH": path},
            start_new_session=True,
        )
    try:
        wait_until(
            lambda: process.poll() is not None or "Ray runtime started" in log.read_text(),
            "the cluster",
            pause=0.2,
        )
        assert process.poll() is None, log.read_text()
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(scratch, ignore_errors=True)


@pytest.mark.heavy
def test_a_run_joins_the_cluster_that_the_environment_names(
    undisturbed: Any, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = undisturbed.elsewhere("joined")
    monkeypatch.setenv("RAY_ADDRESS", running.address)

    joined.alone("run")

    assert undisturbed.rows() == joined.rows()


def test_the_same_command_runs_as_a_job_of_the_cluster(undisturbed: Any, running: Running) -> None:
    submitted = undisturbed.elsewhere("submitted")
    jobs = RayJobs(running.dashboard)
    command = ["--deployment", str(submitted.home), "--json", "run"]

    jobs.submit("r-run-1", command)
    jobs.submit("r-run-1", command)  # an id is used once
    wait_until(lambda: jobs.look("r-run-1") is not JobState.RUNNING, "the job's end", pause=0.2)

    assert JobState.SUCCEEDED is jobs.look("r-run-1"), jobs.log("r-run-1")
    assert jobs.log("r-run-1").count('"run_id"') == 1
    assert undisturbed.rows() == submitted.rows()


def test_a_job_is_stopped_for_good_and_one_that_fails_says_so(
    undisturbed: Any, running: Running, tmp_path: Path
) -> None:
    stopped = undisturbed.elsewhere("stopped")
    jobs = RayJobs(running.dashboard)

    jobs.submit("r-run-2", ["--deployment", str(stopped.home), "run"])
    jobs.submit("r-run-3", ["--deployment", str(tmp_path), "status"])
    jobs.stop("r-run-2")
    wait_until(lambda: jobs.look("r-run-3") is not JobState.RUNNING, "the job's end", pause=0.2)

    assert JobState.STOPPED is jobs.look("r-run-2")
    assert JobState.FAILED is jobs.look("r-run-3")
    assert "echoatlas: no deployment at " in jobs.log("r-run-3")
    assert jobs.look("r-run-4") is None


FOLLOWS = """
import asyncio, sys
from pathlib import Path
from echoatlas.flows._alive import alive
from echoatlas.flows._jobs import follow, jobs_of
from echoatlas.pipeline.deployment import Deployment
folder, run = Path(sys.argv[1]), sys.argv[2]
with alive(folder, run):
    jobs = jobs_of(Deployment.find(folder))
    asyncio.run(follow(folder, jobs, f"{run}-run", sys.argv[3:]))
"""


@pytest.mark.heavy
@pytest.mark.parametrize("again", ["the same flow run", "another flow run"])
def test_a_job_whose_flow_was_killed_after_it_was_submitted_is_followed_and_not_begun_again(
    undisturbed: Rehearsal, running: Running, again: str
) -> None:
    left = undisturbed.elsewhere(f"left to {again}")
    left.engine(address=running.dashboard, batch=1, group=1)
    arguments = ["--deployment", str(left.home), "--json", "run"]
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    jobs = jobs_of(left.deployment)
    flow = subprocess.Popen([sys.executable, "-c", FOLLOWS, str(left.home), first, *arguments])
    wait_until(lambda: jobs.look(f"{first}-run-1") is JobState.RUNNING, "the job", pause=0.1)
    flow.kill()
    flow.wait()
    found = jobs.running(arguments)

    now = first if again == "the same flow run" else second
    with alive(left.home, now):
        told = asyncio.run(follow(left.home, jobs, f"{now}-run", arguments))

    assert isinstance(jobs, RayJobs)
    assert found == [f"{first}-run-1"]
    assert jobs.look(f"{first}-run-1") is JobState.SUCCEEDED
    assert jobs.look(f"{second}-run-1") is None is jobs.look(f"{first}-run-2")
    assert told["conservation"]
    assert undisturbed.rows() == left.rows()


JOINS = """
import sys
import types
from echoatlas.pipeline.engine import cluster
from echoatlas.pipeline.errors import UsageError
from echoatlas.schemas.config.deployment import Engine

def join():
    try:
        with cluster.connected(Engine(address=sys.argv[1])):
            print("joined")
    except UsageError as error:
        print(error)

cluster.__version__ = "0.0.9"
join()
here_alone = types.ModuleType("here_alone")
exec("def version(): ...", here_alone.__dict__)
sys.modules["here_alone"] = here_alone
cluster._version = here_alone.version
join()
"""


@pytest.mark.heavy
def test_a_cluster_whose_nodes_have_another_package_or_none_is_refused(running: Running) -> None:
    done = subprocess.run(
        [sys.executable, "-c", JOINS, running.address], capture_output=True, text=True, timeout=240
    )

    place = f"nodes of the Ray cluster at {running.address} have echoatlas"
    assert done.stdout.splitlines() == [
        f"{place} {__version__}, and not 0.0.9",
        f"{place} none, and not 0.0.9",
    ], done.stderr


ASK = """
import sys
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.engine.ray_jobs import RayJobs
try:
    RayJobs(sys.argv[1]).look("r-run-1")
except UsageError as error:
    print(error)
"""


def test_who_has_another_token_is_told_so(running: Running) -> None:
    done = subprocess.run(  # Ray reads the token once a process
        [sys.executable, "-c", ASK, running.dashboard],
        env=os.environ | {"RAY_AUTH_TOKEN": "0" * 64},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert f"{running.dashboard} refuses us: set RAY_AUTH_TOKEN\n" == done.stdout, done.stderr
