"""Jobs of this machine: used once, found again, stopped for good."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from echoatlas.pipeline.engine.jobs import JobState, LocalJobs
from echoatlas.pipeline.errors import UsageError
from tests.helpers.waiting import wait_until


def _ended(jobs: LocalJobs, job_id: str) -> JobState:
    wait_until(lambda: jobs.look(job_id) not in (None, JobState.RUNNING), "the job's end")
    state = jobs.look(job_id)
    assert state is not None
    return state


def test_nobody_knows_a_job_that_was_never_submitted(tmp_path: Path) -> None:
    assert LocalJobs(tmp_path).look("one") is None


def test_an_id_is_used_once_whoever_submits_it(tmp_path: Path) -> None:
    submitters = [LocalJobs(tmp_path) for _ in range(3)]

    for jobs in submitters:
        jobs.submit("one", ["--help"])
    state = _ended(submitters[2], "one")
    submitters[1].submit("one", ["--help"])

    assert JobState.SUCCEEDED is state is submitters[1].look("one")
    assert submitters[0].log("one").count("Usage: echoatlas") == 1


def test_a_job_says_its_exit_code_and_its_line(tmp_path: Path) -> None:
    jobs = LocalJobs(tmp_path / "jobs")

    jobs.submit("one", ["--deployment", str(tmp_path), "status"])

    assert JobState.FAILED is _ended(jobs, "one")
    assert jobs.log("one").startswith("echoatlas: no deployment at ")


def test_a_job_outlives_its_submitter_and_can_be_stopped_by_another(tmp_path: Path) -> None:
    LocalJobs(tmp_path / "jobs").submit("one", ["demo", str(tmp_path / "demo")])
    other = LocalJobs(tmp_path / "jobs")

    assert JobState.RUNNING is other.look("one")
    other.stop("one")

    assert JobState.STOPPED is other.look("one")


def test_a_job_that_was_killed_is_lost(tmp_path: Path) -> None:
    jobs = LocalJobs(tmp_path / "jobs")
    jobs.submit("one", ["demo", str(tmp_path / "demo")])
    pid = tmp_path / "jobs" / "one" / "pid"
    wait_until(pid.is_file, "the job's beginning")

    os.killpg(int(pid.read_text()), signal.SIGKILL)

    assert JobState.LOST is _ended(jobs, "one")


def test_a_folder_that_cannot_be_written_to_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file where the folder should be")

    with pytest.raises(UsageError, match="cannot write to"):
        LocalJobs(tmp_path / "jobs").submit("one", ["status"])
