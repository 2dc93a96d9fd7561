"""The flow from what sites dropped to labels and duplicates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from echoatlas.flows._jobs import Counts, Stage, carry_out, stopping
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.errors import UsageError


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


@flow(name="curate", persist_result=False, on_cancellation=[stopping("plan", "run", "status")])
async def curate(
    deployment: Path, sites: list[str] | None = None
) -> State[Any] | dict[str, Counts]:
    """Plan, run from ingest to duplicates, and say where the lake stands.

    Args:
        deployment: the folder of ``echoatlas.yaml``, as flow and cluster both see it.
        sites: names; all if not given.

    Returns:
        Counts by stage; a failed state with one line if a stage failed.
    """
    folder = deployment.absolute()
    try:
        names = [site.site for site in Deployment.find(folder).chosen(sites)]
    except UsageError as error:
        return Failed(message=str(error))
    options = [word for name in names if sites for word in ("--site", name)]
    stages = (
        Stage("plan", ["plan", *options], planned),
        Stage("run", ["run", *options], ran),
        Stage("status", ["status"], stands),
    )
    return await carry_out(folder, stages)
