"""A Prefect server of the tests' own, and deployments with small uploads."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from echoatlas.flows.serving import FLOWS
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.engine.jobs import LocalJobs
from echoatlas.pipeline.sites.onboarding import check_site
from echoatlas.simulate.uploads import build_uploads

Make = Callable[..., Deployment]
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


class Prefect:
    """A server, asked over its HTTP API as any client would."""

    def __init__(self, address: str, home: Path) -> None:
        self.address = address
        self.home = home  # its database and the logs of its processes

    def ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/{path}", data)
        request.add_header("Content-Type", "application/json")
        for pause in (0.2, 0.5, 1.0, 2.0, 4.0, 8.0):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                # Prefect's own clients ask again too: its database was busy, nothing was done
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
            time.sleep(pause)
        raise TimeoutError(f"Prefect stayed unavailable for {path.split('/')[0]}")

    def knows(self, flow: str, name: str) -> bool:
        """Whether a flow is served under a deployment's name."""
        try:
            self.ask(f"deployments/name/{flow}/{name}")
        except urllib.error.HTTPError:
            return False
        return True

    def start(self, flow: str, *, served: str = "test", **parameters: object) -> str:
        """Trigger a flow as a data engineer does; returns the run's id."""
        deployment = self.ask(f"deployments/name/{flow}/{served}")["id"]
        path = f"deployments/{deployment}/create_flow_run"
        return str(self.ask(path, {"parameters": parameters})["id"])

    def takes(self, flow: str, **parameters: object) -> bool:
        """Whether the server lets a flow be triggered with these parameters."""
        try:
            self.cancel(self.start(flow, **parameters))
        except urllib.error.HTTPError as error:
            if error.code not in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
                raise
            return False
        return True

    def cancel(self, run: str) -> None:
        self.ask(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})

    def ended(self, run: str, seconds: float = 240) -> dict[str, Any]:
        """The state in which a run ends: its type and message."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            state: dict[str, Any] = self.ask(f"flow_runs/{run}")["state"]
            if state["type"] in FINAL:
                return state
            time.sleep(0.2)
        raise TimeoutError(f"the flow run is {state['type']} after {seconds} s")

    def ended_well(self, run: str, seconds: float = 400) -> dict[str, Any]:
        """The state in which a run ends that may crash in between, and is started again."""
        until = time.monotonic() + seconds
        while (state := self.ended(run))["type"] == "CRASHED" and time.monotonic() < until:
            time.sleep(0.2)
        return state

    def tasks(self, run: str) -> dict[str, str]:
        """The tasks of a run, with their states, in the order of their starts."""
        body = {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found = self.ask("task_runs/filter", body)
        return {one["name"].rsplit("-", 1)[0]: one["state_type"] for one in found}

    def logs(self, run: str, seconds: float = 120) -> list[str]:
        """What a run that has ended logged: it is sent in batches, the last after the end."""
        body = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC"}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = self.ask("logs/filter", body)
            ends = [one for one in found if one["message"].startswith("Finished in state")]
            if any(one["task_run_id"] is None for one in ends):
                return [one["message"] for one in found]
            time.sleep(0.2)
        raise TimeoutError(f"{len(found)} lines of the run after {seconds} s, and not its last")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="package")  # a server that is asked nothing takes a tenth of a processor
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """A real server with an empty database, and a process that serves our flows."""
    home = tmp_path_factory.mktemp("prefect")
    served = Deployment.init(tmp_path_factory.mktemp("served")).root
    config = (served / "echoatlas.yaml").read_text().replace("name: echoatlas", "name: test")
    (served / "echoatlas.yaml").write_text(config)
    port = _free_port()
    address = f"http://127.0.0.1:{port}/api"
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "DO_NOT_TRACK": "1",
    }
    started = [sys.executable, "-m", "prefect", "server", "start", "--no-ui"]
    with (home / "server.log").open("wb") as log, (home / "runner.log").open("wb") as runs:
        server = subprocess.Popen(
            [*started, "--host", "127.0.0.1", "--port", str(port)], stdout=log, stderr=log, env=env
        )
        runner = None
        try:
            _wait_for(f"{address}/health", server)
            runner = subprocess.Popen(
                [sys.executable, "-m", "echoatlas.cli", "--deployment", str(served), "serve"],
                stdout=runs,
                stderr=runs,
                env=env | {"PREFECT_API_URL": address},
            )
            for flow in FLOWS:  # one after the other is served: the last may come a while later
                _wait_for(f"{address}/deployments/name/{flow.name}/test", runner)
            yield Prefect(address, home)
        finally:
            for process in filter(None, (runner, server)):
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, "a process of Prefect's did not start"
        try:
            urllib.request.urlopen(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("Prefect did not answer within 120 s")


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What simulated sites dropped, with a site file for each."""
    folder = tmp_path_factory.mktemp("uploads")
    build_uploads(folder, 0.05).write(folder / "truth.json")
    return folder


@pytest.fixture(scope="session")
def make(uploads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """A factory of deployments over the uploads of some sites; their jobs end with the tests."""
    made: list[Path] = []

    def make(*sites: str) -> Deployment:
        folder = tmp_path_factory.mktemp("deployment")
        made.append(folder)
        deployment = Deployment.init(folder)
        config = folder / "echoatlas.yaml"  # the subject is Prefect: no Ray has to start
        config.write_text(config.read_text() + "\nengine: {address: processes}\n")
        for site in sites:
            deployment.add_site(check_site(deployment, uploads / f"{site}.yaml").site)
        return Deployment.find(folder)

    yield make
    for folder in made:
        for job in (folder / "jobs").glob("*"):
            LocalJobs(folder / "jobs").stop(job.name)
