"""What ``echoatlas serve`` offers, and what flows leave behind in Prefect and at a webhook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from echoatlas.cli import call
from echoatlas.flows._slots import limits_of
from echoatlas.flows._told import OURS
from echoatlas.flows.serving import FLOWS, deployments
from echoatlas.pipeline.deployment import Deployment
from tests.helpers.programs import run_program
from tests.helpers.waiting import wait_until

if TYPE_CHECKING:
    from tests.flows.conftest import Make, Prefect

SITE = "joint-clinic"


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A webhook's address and what it was told; it refuses the first call, as busy ones do."""
    told: list[dict[str, str]] = []
    calls: list[int] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls.append(1)
            if len(calls) > 1:
                told.append(body)
            self.send_response(503 if len(calls) == 1 else 204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", told
    server.shutdown()
    server.server_close()
    thread.join()


def _say(deployment: Deployment, text: str) -> None:
    with (deployment.root / "echoatlas.yaml").open("a") as file:
        file.write(text)


def test_each_flow_is_served_under_the_deployment_s_name_with_where_it_lies(tmp_path: Path) -> None:
    made = Deployment.init(tmp_path / "atlas")
    _say(made, "flows: {schedule: '0 2 * * *', watch: 300}\n")
    deployment = Deployment.find(made.root)

    served = {one.flow_name: one for one in deployments(deployment)}

    assert set(served) == {flow.name for flow in FLOWS}
    assert {one.name for one in served.values()} == {"echoatlas"}
    assert {one.parameters["deployment"] for one in served.values()} == {str(deployment.root)}
    timed = {name: len(one.schedules or []) for name, one in served.items()}
    assert timed == {**dict.fromkeys(served, 0), "curate": 1, "watch": 1}
    assert [name for name, one in served.items() if one.concurrency_limit] == ["watch"]


def test_the_process_of_a_flow_run_loads_no_pandas() -> None:
    program = "import echoatlas.flows, sys; print(*({'prefect', 'pandas'} & {*sys.modules}))"

    done = run_program(program)

    assert done.stdout.split() == ["prefect"], done.stderr


def test_a_form_in_prefect_s_page_asks_for_what_a_flow_takes(prefect: Prefect) -> None:
    schema = prefect.ask("deployments/name/release/test")["parameter_openapi_schema"]

    assert schema["required"] == ["deployment", "name"]
    choices, nothing = schema["properties"]["codec"]["anyOf"]
    assert choices["enum"] == ["png", "zstd", "jpeg"]
    assert nothing == {"type": "null"}


def test_a_wrong_schedule_is_told_before_anything_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Deployment.init(tmp_path / "atlas")
    _say(made, "flows: {schedule: 'at noon'}\n")

    code = call(["--deployment", str(made.root), "serve"])

    assert code == 2
    assert capsys.readouterr().err == (
        "echoatlas: 'flows.schedule': 'at noon' is no cron expression\n"
    )


def test_runs_of_a_site_and_of_a_lake_wait_for_each_other(make: Make) -> None:
    deployment = make(SITE)

    limits = limits_of(deployment, [SITE], writes=True)

    assert limits == {f"echoatlas-site-{SITE}": 1, "echoatlas-lake": 1}


@pytest.mark.heavy
def test_two_flow_runs_of_a_lake_take_turns_and_show_what_they_did(
    prefect: Prefect, make: Make
) -> None:
    deployment = make(SITE)

    runs = [prefect.start("ingest", deployment=str(deployment.root), site=SITE) for _ in "ab"]
    ends = [prefect.ended(run) for run in runs]

    assert [end["type"] for end in ends] == ["COMPLETED", "COMPLETED"], ends
    shown = prefect.ask("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": runs}}})
    seconds = [one for one in shown if one["key"] == "seconds"]
    assert {one["key"] for one in shown} >= {"seconds", "gate"}
    assert "normalize" in seconds[0]["data"]
    logs = ["\n".join(prefect.logs(run)) for run in runs]
    assert sorted("run: 0 objects" in log for log in logs) == [False, True]
    assert all("receipts: " in log for log in logs)


def test_a_flow_that_fails_tells_the_webhook_its_one_line(
    prefect: Prefect, make: Make, hook: tuple[str, list[dict[str, str]]]
) -> None:
    address, told = hook
    deployment = make()
    _say(deployment, f"flows: {{webhook: '{address}'}}\n")

    run = prefect.start("ingest", deployment=str(deployment.root), site="nowhere")
    ended = prefect.ended(run)
    wait_until(lambda: bool(told), "the webhook's second call")

    assert told == [
        {
            "deployment": "echoatlas",
            "flow": "ingest",
            "run": run,
            "state": OURS,
            "message": ended["message"],
        }
    ]
    assert told[0]["message"].startswith("no site 'nowhere'")


def test_a_new_site_begins_with_a_flow(prefect: Prefect, make: Make, uploads: Path) -> None:
    deployment = make()

    run = prefect.start(
        "onboard", deployment=str(deployment.root), file=str(uploads / f"{SITE}.yaml")
    )
    ended = prefect.ended(run)

    assert ended["type"] == "COMPLETED"
    assert list(Deployment.find(deployment.root).sites) == [SITE]


@pytest.mark.heavy
def test_a_worker_pool_takes_the_deployments_of_infra(prefect: Prefect) -> None:
    prefect.ask("work_pools/", {"name": "atlas", "type": "docker"})
    file = Path(__file__).parents[2] / "infra" / "prefect.yaml"

    done = subprocess.run(
        [
            *(sys.executable, "-m", "prefect", "--no-prompt"),
            *("deploy", "--all", "--prefect-file", str(file)),
        ],
        env=os.environ | {"PREFECT_API_URL": prefect.address, "PREFECT_HOME": str(prefect.home)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    made = {flow.name: prefect.ask(f"deployments/name/{flow.name}/atlas") for flow in FLOWS}
    assert {one["work_pool_name"] for one in made.values()} == {"atlas"}
    assert [name for name, one in made.items() if one["schedules"]] == ["curate", "watch"]
