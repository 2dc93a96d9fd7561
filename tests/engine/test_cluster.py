"""The same run on a Ray cluster that somebody else started: joined by address, or as a job."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from echoatlas.pipeline.engine.jobs import JobState
from echoatlas.pipeline.engine.ray_jobs import RayJobs
from tests.helpers.rehearsal import TOKEN
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
