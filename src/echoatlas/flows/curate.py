"""The flow from what sites dropped to labels and duplicates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from echoatlas.flows._jobs import Counts, Stage, carry_out, sites_meant, stopping
from echoatlas.flows._resume import crashed
from echoatlas.flows._slots import slots
from echoatlas.flows._told import Table, as_rows, failed, not_done
from echoatlas.pipeline.errors import UsageError
from echoatlas.schemas.strict import Slug


def planned(data: Any) -> Counts:
    """What would run, over all sites."""
    keys = {"new_files": "new files", "pending": "pending", "renewed": "renewed", "lost": "lost"}
    return {what: sum(site[key] for site in data["sites"]) for key, what in keys.items()}


def ran(data: Any) -> Counts:
    """What a run did."""
    return {
        "objects": data["objects"],
        "frames": data["frames"],
        "duplicates": data["duplicates"],
        "quarantined": sum(data["rejected"].values()),
    }


def stands(data: Any) -> Counts:
    """Where the lake stands: frames, and objects by status."""
    return {"frames": data["frames"], **data["objects"]}


def plan_tables(data: Any) -> Mapping[str, Table]:
    """What would run, site by site, and why."""
    keys = ("site", "new_files", "pending", "renewed", "reread", "up_to_date", "lost")
    why = [{"site": one["site"], "why": reason} for one in data["sites"] for reason in one["why"]]
    return {"plan": [{key: site[key] for key in keys} for site in data["sites"]], "plan why": why}


def run_tables(data: Any) -> Mapping[str, Table]:
    """What was rejected, where the time went, and what the gate said."""
    gate = [{"check": one["name"], "ok": one["ok"]} for one in data["gate"]]
    return {
        "rejected": as_rows(data["rejected"], "reason"),
        "seconds": as_rows(data["step_seconds"], "step"),
        "gate": gate,
    }


def status_tables(data: Any) -> Mapping[str, Table]:
    """Where the lake stands, site by site, and its quarantine by reason."""
    kinds = sorted({kind for counts in data["sites"].values() for kind in counts})
    sites = [
        {"site": site, **{kind: counts.get(kind, 0) for kind in kinds}}
        for site, counts in data["sites"].items()
    ]
    return {
        "sites": sites,
        "organs": as_rows(data["organs"], "organ"),
        "quarantine": as_rows(data["quarantine"], "reason"),
    }


STAGES = ("plan", "run", "status")


@flow(
    name="curate",
    persist_result=False,
    on_cancellation=[stopping(*STAGES)],
    on_failure=[failed],
    on_crashed=[crashed],
)
async def curate(
    deployment: Path, sites: list[Slug] | None = None
) -> State[Any] | dict[str, Counts]:
    """Plan, run from ingest to duplicates, and say where the lake stands.

    Waits while another flow run works on one of the sites, or writes to the lake.

    Args:
        deployment: the folder of ``echoatlas.yaml``, as flow and cluster both see it.
        sites: names; all if not given.

    Returns:
        Counts by stage; a failed state with one line if a stage failed.
    """
    folder = deployment.absolute()
    try:
        found, names, options = sites_meant(folder, sites)
    except UsageError as error:
        return not_done(str(error))
    stages = (
        Stage("plan", ["plan", *options], planned, plan_tables),
        Stage("run", ["run", *options], ran, run_tables),
        Stage("status", ["status"], stands, status_tables),
    )
    return await carry_out(folder, stages, slots(found, names))
