"""No input takes the tool, or another input, down with it."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.pixels.config import LookConfig, RedactConfig
from echoatlas.pipeline.deidentify_tool.outcome import filtered
from echoatlas.pipeline.deidentify_tool.run import deidentify_files
from echoatlas.pipeline.deidentify_tool.task import Job, Task, perform
from echoatlas.pipeline.deidentify_tool.workers import Workers
from echoatlas.pipeline.errors import UsageError
from echoatlas.simulate import make_still, write_dicom
from tests.helpers.planted import SIZE
from tests.helpers.torture import make_key


@pytest.fixture(scope="module")
def scans() -> list[bytes]:
    return [
        write_dicom(make_still(seed, size=SIZE, screen="none", burned_in=())) for seed in range(3)
    ]


def task(index: int, data: bytes) -> Task:
    return Task(index, f"{index}.dcm", data, hashlib.sha256(data).hexdigest())


def test_an_input_whose_worker_dies_is_quarantined_and_the_next_is_not(tmp_path, scans):
    job = Job(tmp_path / "out", make_key(), Policy())

    with Workers(job) as workers:

        def tasks() -> Iterator[Task]:
            yield task(0, scans[0])
            yield task(1, scans[1])
            workers._all[0].process.kill()  # as a codec does that runs wild
            yield task(2, scans[2])

        outcomes = list(workers.outcomes(tasks()))

    assert [one.status for one in outcomes] == ["released", "quarantined", "released"]
    assert outcomes[1].reason == "crashed"
    assert outcomes[1].detail == "its process ended with -9"


def test_an_input_that_overruns_its_time_is_given_up(tmp_path, scans):
    (tmp_path / "a.dcm").write_bytes(scans[0])

    done = deidentify_files(
        tmp_path / "a.dcm", tmp_path / "out", Policy(), make_key(), seconds=0.001
    )

    assert done.reasons == {"crashed": 1}
    assert done.exit_code == 1
    assert not list((tmp_path / "out").rglob("*.dcm"))


def test_a_bug_of_ours_costs_one_input_and_tells_no_value(tmp_path, scans):
    # What the type checker would refuse: none of our checks catches it before it is used.
    job = Job(tmp_path, make_key(), Policy(), RedactConfig(look=LookConfig(noise="loud")))

    outcome = perform(task(0, scans[0]), job)

    assert (outcome.status, outcome.reason) == ("quarantined", "crashed")
    assert " in pipeline/" in outcome.detail and ", line " in outcome.detail
    assert not list(tmp_path.rglob("*.dcm"))


def test_outcomes_come_in_the_order_of_inputs_whatever_takes_longest(tmp_path, scans):
    job = Job(tmp_path, make_key(), Policy())
    tasks = [task(0, scans[0]), filtered(1, "litter"), task(2, b"no scan"), task(3, scans[1])]

    with Workers(job, number=2) as workers:
        outcomes = list(workers.outcomes(tasks))

    assert [one.input for one in outcomes] == [0, 1, 2, 3]
    assert [one.status for one in outcomes] == ["released", "filtered", "quarantined", "released"]


def test_a_place_that_cannot_be_written_ends_the_run_with_a_line(tmp_path, scans):
    (tmp_path / "out").write_text("a file, no folder")

    with (
        Workers(Job(tmp_path / "out", make_key(), Policy())) as workers,
        pytest.raises(UsageError, match="cannot write to"),
    ):
        list(workers.outcomes([task(0, scans[0])]))


def test_workers_are_gone_when_the_work_is_done(tmp_path: Path, scans: list[bytes]) -> None:
    with Workers(Job(tmp_path, make_key(), Policy()), number=2) as workers:
        list(workers.outcomes([task(0, scans[0]), task(1, scans[1])]))
        processes = [worker.process for worker in workers._all]

    assert len(processes) == 2
    assert not any(process.is_alive() for process in processes)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of others are Linux's")
def test_a_worker_that_dies_leaves_no_core_file(tmp_path: Path, scans: list[bytes]) -> None:
    with Workers(Job(tmp_path, make_key(), Policy())) as workers:
        list(workers.outcomes([task(0, scans[0])]))
        (worker,) = workers._all

        limits = resource.prlimit(worker.process.pid, resource.RLIMIT_CORE)

    assert limits == (0, 0)
