"""The flow of one site's uploads, from its bucket to its receipts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from echoatlas.flows._jobs import Counts, Stage, carry_out, stopping
from echoatlas.flows._resume import crashed
from echoatlas.flows._slots import slots
from echoatlas.flows._told import failed, not_done
from echoatlas.flows.curate import ran, run_tables
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.errors import UsageError
from echoatlas.schemas.strict import Slug


def received(files: Any) -> Counts:
    """How many files of a site stand where; which files they are stays in the site's zone."""
    found: Counts = {"files": len(files)}
    for one in files:
        found[one["status"]] = found.get(one["status"], 0) + 1
    return found


STAGES = ("run", "receipts")


@flow(
    name="ingest",
    persist_result=False,
    on_cancellation=[stopping(*STAGES)],
    on_failure=[failed],
    on_crashed=[crashed],
)
async def ingest(deployment: Path, site: Slug) -> State[Any] | dict[str, Counts]:
    """Take in what a site dropped, and count its receipts.

    Args:
        deployment: the folder of ``echoatlas.yaml``, as flow and cluster both see it.

    Returns:
        Counts by stage; a failed state with one line if a stage failed.
    """
    folder = deployment.absolute()
    try:
        found = Deployment.find(folder)
        name = found.site(site).site
    except UsageError as error:
        return not_done(str(error))
    stages = (
        Stage("run", ["run", "--site", name], ran, run_tables),
        Stage("receipts", ["site", "receipt", name], received),
    )
    return await carry_out(folder, stages, slots(found, [name]))
