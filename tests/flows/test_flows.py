"""Flows against a real Prefect server, their jobs real processes over simulated uploads."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from echoatlas.pipeline.engine.jobs import JobState, LocalJobs
from echoatlas.pipeline.lake.lock import run_lock
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.run.evaluation_sets import export_fingerprints
from echoatlas.pipeline.run.status import status
from tests.helpers.scorer import Planted, leaked
from tests.helpers.waiting import wait_until

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from tests.flows.conftest import Make, Prefect

CLIPS = "ward-seven"  # its file names are its patients' names


def _until_running(deployment: Deployment, job_id: str) -> int:
    """Wait until a job has begun to write to the lake; returns its process id."""
    pid = deployment.root / "jobs" / job_id / "pid"
    lock = deployment.root / "lake" / "_lock.json"
    wait_until(
        lambda: pid.is_file() and lock.is_file() and lock.read_text(), "the job's first writing"
    )
    return int(pid.read_text())


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended but was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
def curated(prefect: Prefect, make: Make) -> tuple[Deployment, str]:
    """A deployment through which the flow has gone although its job was killed; the run's id."""
    deployment = make(CLIPS)
    run = prefect.start("curate", deployment=str(deployment.root))
    pid = _until_running(deployment, f"{run}-run-1")
    os.killpg(pid, signal.SIGKILL)
    assert prefect.ended(run)["type"] == "COMPLETED", prefect.logs(run)
    return deployment, run


def test_a_job_that_is_killed_is_tried_again_till_all_uploads_are_accounted_for(
    prefect: Prefect, curated: tuple[Deployment, str]
) -> None:
    deployment, run = curated
    jobs = LocalJobs(deployment.root / "jobs")

    found = status(deployment.lake)

    assert jobs.look(f"{run}-run-1") is JobState.LOST
    assert jobs.look(f"{run}-run-2") is JobState.SUCCEEDED
    assert prefect.tasks(run) == dict.fromkeys(("plan", "run", "status"), "COMPLETED")
    assert found["conservation"]
    assert found["objects"]["kept"] > 0
    assert found["frames"] == sum(found["regions"].values()) > 0


def test_a_flow_s_logs_and_parameters_carry_counts_and_nothing_of_the_uploads(
    prefect: Prefect, curated: tuple[Deployment, str], uploads: Path
) -> None:
    deployment, run = curated
    names = [path.stem for path in (uploads / CLIPS).rglob("*") if path.is_file()]

    logs = "\n".join(prefect.logs(run))
    told = logs + str(prefect.ask(f"flow_runs/{run}"))

    assert f"status: {status(deployment.lake)['frames']} frames, " in logs
    assert names
    assert [name for name in names if name in told] == []


def test_prefect_s_database_and_the_logs_of_jobs_and_servers_name_nobody(
    prefect: Prefect, curated: tuple[Deployment, str], uploads: Path
) -> None:
    deployment, run = curated
    canaries = json.loads((uploads / "truth.json").read_text())["canaries"]
    planted = [Planted(text, "upload") for text in canaries if len(text) >= 5]

    found = leaked([prefect.home, deployment.root], planted)

    assert len(planted) > 50
    assert found == []
    here = [Planted(run, "flow run")]
    assert here == leaked([prefect.home], here), "the search does not see the database"


def test_the_release_flow_cuts_verifies_and_reports(
    prefect: Prefect, curated: tuple[Deployment, str]
) -> None:
    """... by all that a release's file may say, and without what is near to evaluation sets."""
    deployment, _ = curated
    patient = deployment.lake.read("frames", ["patient"]).column("patient")[0].as_py()
    theirs = deployment.root / "theirs.parquet"
    export_fingerprints(deployment, theirs, None, f"patient = '{patient}'", None)
    asked = {
        "deployment": str(deployment.root),
        "name": "2026.11",
        "min_k": 1,
        "native": "override",
        "without": ["theirs.parquet"],
        "settings": {"splits": {"train": 0.5, "test": 0.5}, "shard_mb": 2, "min_k": 3},
    }

    run = prefect.start("release", **asked)
    again = prefect.start("release", **asked, seed=1)
    wrong = prefect.start("release", **asked | {"name": "x", "settings": {"shard_md": 2}})
    ends = [prefect.ended(run), prefect.ended(again)]
    refused = prefect.ended(wrong)

    assert sorted(end["type"] for end in ends) == ["COMPLETED", "FAILED"], ends
    winner = next(r for r, end in zip((run, again), ends, strict=True) if end["type"] != "FAILED")
    assert ["2026.11" in end["message"] for end in ends if end["type"] == "FAILED"] == [True]
    assert {"create", "verify", "report"} == set(prefect.tasks(winner))
    assert refused["type"] == "FAILED"
    assert refused["message"].startswith("release: unknown key 'shard_md'; did you mean 'shard_mb'")
    manifest = manifest_of(deployment.releases, "2026.11")
    said = manifest.published["config"]
    assert (said["splits"], said["shard_mb"], said["native"], said["min_k"]) == (
        {"train": 0.5, "test": 0.5}, 2, "override", 1)  # fmt: skip
    assert [(one.name, one.near > 0) for one in manifest.without] == [("theirs.parquet", True)]
    assert patient not in index_table(deployment.releases, manifest).column("patient").to_pylist()
    assert (deployment.root / "reports" / "2026.11.html").stat().st_size > 1000


@pytest.mark.heavy
def test_a_job_that_fails_fails_its_flow_with_the_one_line_that_it_said(
    prefect: Prefect, make: Make
) -> None:
    deployment = make(CLIPS)

    with run_lock(deployment.lake.storage, "r-other"):
        run = prefect.start("curate", deployment=str(deployment.root))
        ended = prefect.ended(run)

    assert ended["type"] == "FAILED"
    assert ended["message"].startswith("another run holds this lake (run r-other, ")
    assert "\n" not in ended["message"]
    assert [line for line in prefect.logs(run) if "Traceback" in line] == []


def test_an_unknown_site_fails_the_flow_before_any_job(prefect: Prefect, make: Make) -> None:
    deployment = make(CLIPS)

    run = prefect.start("curate", deployment=str(deployment.root), sites=["ward-sevn"])
    ended = prefect.ended(run)

    assert ended["type"] == "FAILED"
    assert ended["message"].startswith("no site 'ward-sevn'; did you mean 'ward-seven'?")
    assert not (deployment.root / "jobs").exists()


def test_a_cancelled_flow_stops_its_job(prefect: Prefect, make: Make) -> None:
    deployment = make("st-elsewhere", "joint-clinic")
    run = prefect.start("curate", deployment=str(deployment.root))
    pid = _until_running(deployment, f"{run}-run-1")

    prefect.cancel(run)
    ended = prefect.ended(run)

    jobs = LocalJobs(deployment.root / "jobs")
    wait_until(lambda: not _is_alive(pid), "the end of the job's process")
    assert ended["type"] == "CANCELLED"
    assert not _is_alive(pid)
    assert jobs.look(f"{run}-run-1") is JobState.STOPPED
    assert jobs.look(f"{run}-status-1") is None
