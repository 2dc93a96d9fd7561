"""What comes is taken in by a flow that looks, and who leaves is erased by another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from echoatlas.flows._slots import limits_of
from echoatlas.pipeline.run.status import status
from tests.helpers.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from echoatlas.pipeline.deployment import Deployment
    from tests.flows.conftest import Make, Prefect

SITE = "joint-clinic"


@pytest.fixture(scope="module")
def watched(prefect: Prefect, make: Make) -> tuple[Deployment, str]:
    """A deployment that a look found something for; the run's id."""
    deployment = make(SITE)
    run = prefect.start("watch", deployment=str(deployment.root))
    assert prefect.ended(run)["type"] == "COMPLETED", prefect.logs(run)
    return deployment, run


def test_a_look_runs_where_something_has_come_and_nowhere_else(
    prefect: Prefect, watched: tuple[Deployment, str]
) -> None:
    deployment, run = watched

    again = prefect.start("watch", deployment=str(deployment.root), sites=[SITE])
    ended = prefect.ended(again)

    assert ended["type"] == "COMPLETED", prefect.logs(again)
    assert prefect.tasks(run) == {"look": "COMPLETED", "run": "COMPLETED"}
    assert prefect.tasks(again) == {"look": "COMPLETED"}
    found = status(deployment.lake)
    assert found["objects"]["kept"] > 0
    assert found["conservation"]


@pytest.mark.heavy
def test_a_site_out_of_reach_fails_the_flow_with_one_line(
    prefect: Prefect, make: Make, uploads: Path
) -> None:
    deployment = make(SITE)
    (uploads / "gone").write_text("a file where a folder should be")
    site = deployment.root / "sites" / f"{SITE}.yaml"
    site.write_text(site.read_text().replace(f"/{SITE}", "/gone"))

    run = prefect.start("watch", deployment=str(deployment.root))
    ended = prefect.ended(run)

    assert ended["type"] == "FAILED"
    assert "gone" in ended["message"]
    assert "\n" not in ended["message"]


@pytest.mark.heavy
def test_a_patient_leaves_by_a_flow_which_proves_it(
    prefect: Prefect, watched: tuple[Deployment, str]
) -> None:
    deployment, _ = watched
    patients = deployment.lake.read("frames", ["patient"]).column("patient").unique().to_pylist()
    file = deployment.root / "leaves.csv"
    file.write_text(f"pseudonym,patient_id\n{patients[0]},\n")
    asked = {"deployment": str(deployment.root), "site": SITE, "patient_ids": str(file)}

    counted = prefect.start("erase", **asked, request="dsr-7", dry_run=True)
    assert prefect.ended(counted)["type"] == "COMPLETED", prefect.logs(counted)
    before = len(deployment.lake.read("frames", ["frame_id"]))
    run = prefect.start("erase", **asked, request="dsr-7")
    ended = prefect.ended(run)

    assert ended["type"] == "COMPLETED", prefect.logs(run)
    assert prefect.tasks(counted) == {"find": "COMPLETED"}
    assert prefect.tasks(run) == {"find": "COMPLETED", "erase": "COMPLETED"}
    left = deployment.lake.read("frames", ["patient"]).column("patient").to_pylist()
    assert before > 0
    assert patients[0] not in left
    report = json.loads((deployment.root / "reports" / "erasure-dsr-7.json").read_text())
    assert report["frames"] == before - len(left) > 0
    assert patients[0] not in "\n".join(prefect.logs(run)) + str(prefect.ask(f"flow_runs/{run}"))
    wait_until(lambda: "erasure-proof" in _shown(prefect, run), "the proof's artifact")


def _shown(prefect: Prefect, run: str) -> set[str]:
    found = prefect.ask("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
    return {one["key"] for one in found}


@pytest.mark.parametrize(
    "wrong", [{"request": "Doe, Jane"}, {"site": "Joint Clinic"}, {"whole": "perhaps"}]
)
def test_what_no_request_may_say_is_refused_before_it_is_kept(
    prefect: Prefect, wrong: dict[str, str]
) -> None:
    asked = {"site": SITE, "request": "dsr-8", "whole": True, **wrong}

    assert not prefect.takes("erase", **asked)


@pytest.mark.heavy
def test_neither_patients_nor_all_is_no_request(prefect: Prefect, make: Make) -> None:
    deployment = make(SITE)

    run = prefect.start("erase", deployment=str(deployment.root), site=SITE, request="dsr-9")
    ended = prefect.ended(run)

    assert ended["message"] == (
        "erase: name a file of patient ids, or say that the whole site goes"
    )
    assert not (deployment.root / "jobs").exists()


def test_who_erases_waits_for_who_cuts_a_release(make: Make) -> None:
    deployment = make(SITE)

    release = limits_of(deployment, [], writes=False, cuts=True)
    erase = limits_of(deployment, [SITE], writes=True, cuts=True)

    assert release == {"echoatlas-releases": 1}
    assert release.items() <= erase.items()
