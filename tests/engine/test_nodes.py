"""A run on a Ray cluster of three nodes, each with an address of its own, of which one is lost."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from echoatlas.pipeline.engine.jobs import JobState
from echoatlas.pipeline.engine.ray_jobs import RayJobs
from tests.helpers import s3server
from tests.helpers.ray_nodes import Nodes, may_make_namespaces, namespaces
from tests.helpers.rehearsal import Rehearsal, fill
from tests.helpers.stored import in_store, move_lake
from tests.helpers.waiting import wait_until

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]
SITES = ("st-elsewhere", "joint-clinic")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Three nodes, and an object store that they all reach, whose credentials they have."""
    if not may_make_namespaces():
        pytest.skip("no network namespaces can be made here: it takes root, and `ip`")
    folder = tmp_path_factory.mktemp("nodes")
    with (
        namespaces(3) as network,
        pytest.MonkeyPatch.context() as patch,
    ):
        process, endpoint = s3server.start(folder, network.outside)
        try:
            patch.setenv("AWS_ENDPOINT_URL", endpoint)
            patch.setenv("AWS_ACCESS_KEY_ID", s3server.KEY)
            patch.setenv("AWS_SECRET_ACCESS_KEY", s3server.SECRET)
            with Nodes(network, folder) as found:
                yield found
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def made(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Two sites whose uploads lie in the store."""
    made = Rehearsal(tmp_path_factory.mktemp("made"))
    made.engine(address=nodes.address, batch=1, group=1)
    for number, name in enumerate(SITES):
        fill(made.site(name, labels={"organ": "abdomen/liver"}), stills=8 + number)
        in_store(made, os.environ["AWS_ENDPOINT_URL"], name)
    return made


@pytest.fixture(scope="module")
def alone(made: Rehearsal) -> dict[str, str]:
    """What one process of one machine makes of the same."""
    alone = lake_of(made, "alone")
    alone.engine(address="processes", workers=1)
    alone.alone("run")
    return digests(alone)


def lake_of(made: Rehearsal, name: str) -> Rehearsal:
    """The same sites, with an empty lake in the store."""
    other = made.elsewhere(name)
    move_lake(other, f"{str(made.lake_path).rpartition('/')[0]}/{name}")
    return other


def digests(made: Rehearsal) -> dict[str, str]:
    """Of each table's rows, in the order of their keys."""
    return {
        name: f"{len(rows)} rows {hashlib.sha256(repr(rows).encode()).hexdigest()}"
        for name, rows in made.rows().items()
    }


def killed(nodes: Nodes, number: int) -> None:
    nodes.nodes[number].kill()


def parted(nodes: Nodes, number: int) -> None:
    """The node works on, and nobody hears of it."""
    nodes.nodes[number].part()


def frozen(nodes: Nodes, number: int) -> None:
    """The node is there, and does nothing any more."""
    nodes.nodes[number].signal(signal.SIGSTOP)


def wait_for_the_middle(made: Rehearsal, nodes: Nodes, number: int) -> None:
    """Wait until something is committed, and a node is at work."""
    storage = made.lake.storage
    wait_until(lambda: any(storage.list("tables/frames/_delta_log/")), "a commit", pause=0.2)
    wait_until(lambda: nodes.nodes[number].pids("ray::work"), "work on the node", pause=0.1)


@pytest.mark.parametrize("lose", [killed, parted, frozen], ids=lambda one: one.__name__)
def test_a_node_that_is_lost_in_the_middle_costs_the_tables_nothing(
    nodes: Nodes,
    made: Rehearsal,
    alone: dict[str, str],
    lose: Callable[[Nodes, int], None],
    tmp_path: Path,
) -> None:
    run = lake_of(made, lose.__name__)

    with (tmp_path / "out").open("w") as out:
        running = nodes.popen(run.command("--json", "run"), stdout=out, stderr=subprocess.DEVNULL)
        try:
            wait_for_the_middle(run, nodes, 2)
            lose(nodes, 2)
            code = running.wait(600)
        finally:
            running.kill()
            nodes.renew(2)

    assert code == 0, (tmp_path / "out").read_text()
    assert json.loads((tmp_path / "out").read_text())["conservation"]  # and nothing else
    assert digests(run) == alone


def test_a_job_survives_the_loss_of_a_node(
    nodes: Nodes, made: Rehearsal, alone: dict[str, str]
) -> None:
    run, jobs = lake_of(made, "submitted"), RayJobs(nodes.dashboard)

    jobs.submit("r-run-1", ["--deployment", str(run.home), "--json", "run"])
    wait_for_the_middle(run, nodes, 1)
    nodes.nodes[1].kill()
    wait_until(lambda: jobs.look("r-run-1") is not JobState.RUNNING, "its end", 600, 0.5)
    nodes.renew(1)

    assert JobState.SUCCEEDED is jobs.look("r-run-1"), jobs.log("r-run-1")
    assert digests(run) == alone


def test_a_run_that_lost_its_head_goes_on_elsewhere(
    nodes: Nodes, made: Rehearsal, alone: dict[str, str], tmp_path: Path
) -> None:
    """The last of this file: there is no cluster after it."""
    run = lake_of(made, "headless")

    with (tmp_path / "out").open("w") as out:
        running = nodes.popen(run.command("run"), stdout=out, stderr=subprocess.STDOUT)
        try:
            wait_for_the_middle(run, nodes, 1)
            for node in nodes.nodes:
                node.kill()
            code = running.wait(600)
        finally:
            running.kill()
    run.engine(address="processes", workers=1)
    run.alone("run")

    assert code not in (0, None)
    assert digests(run) == alone
