"""The flow by which a new site begins: its file is checked, and it is added."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from echoatlas.flows._jobs import Counts, Stage, carry_out, stopping
from echoatlas.flows._resume import crashed
from echoatlas.flows._told import failed


def added(_data: Any) -> Counts:
    """A site is one."""
    return {"sites": 1}


STAGES = ("add",)


@flow(
    name="onboard",
    persist_result=False,
    on_cancellation=[stopping(*STAGES)],
    on_failure=[failed],
    on_crashed=[crashed],
)
async def onboard(deployment: Path, file: Path) -> State[Any] | dict[str, Counts]:
    """Check a site's file, then add the site.

    Args:
        deployment: the folder of ``echoatlas.yaml``, as flow and cluster both see it.
        file: the site's YAML file, as both see it.

    Returns:
        Counts by stage; a failed state with one line if a stage failed.
    """
    place = str(file.absolute())
    stages = (Stage("add", ["site", "add", place], added),)
    return await carry_out(deployment.absolute(), stages)
