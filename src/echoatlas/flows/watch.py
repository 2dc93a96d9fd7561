"""The flow that looks whether anything has come, and takes it in: to be run every few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from echoatlas.flows._jobs import Counts, Stage, carry_out, sites_meant, stopping
from echoatlas.flows._resume import crashed
from echoatlas.flows._slots import slots
from echoatlas.flows._told import failed, not_done
from echoatlas.flows.curate import ran, run_tables
from echoatlas.pipeline.errors import UsageError
from echoatlas.schemas.strict import Slug


def looked(data: Any) -> Counts:
    """How many objects of each site something is to be done about; none where it can't be told.

    A site whose bucket is out of reach goes into the run with the others, which says why.
    """
    return {**dict.fromkeys(data["faults"], 0), **data["due"]}


STAGES = ("look", "run")


@flow(
    name="watch",
    persist_result=False,
    on_cancellation=[stopping(*STAGES)],
    on_failure=[failed],
    on_crashed=[crashed],
)
async def watch(
    deployment: Path, sites: list[Slug] | None = None
) -> State[Any] | dict[str, Counts]:
    """Look at sites' buckets, and run for those at which something is due.

    A look waits for nobody, and costs a listing. A run waits while another flow run works on one of
    the sites, or writes to the lake.

    Args:
        deployment: the folder of ``echoatlas.yaml``, as flow and cluster both see it.
        sites: names; all if not given.

    Returns:
        Counts by stage; a failed state with one line if a stage failed.
    """
    folder = deployment.absolute()
    try:
        found, _, options = sites_meant(folder, sites)
    except UsageError as error:
        return not_done(str(error))
    look = await carry_out(folder, [Stage("look", ["watch", "--look", *options], looked)])
    if not isinstance(look, dict) or not look["look"]:
        return look
    due = sorted(look["look"])
    these = [word for name in due for word in ("--site", name)]
    run = Stage("run", ["run", *these], ran, run_tables)
    done = await carry_out(folder, [run], slots(found, due))
    return {**look, **done} if isinstance(done, dict) else done
