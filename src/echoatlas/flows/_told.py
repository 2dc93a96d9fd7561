"""What a flow shows in Prefect, and whom it tells when it fails: counts and our own lines only."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging.loggers import flow_run_logger
from prefect.states import Failed

from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.retry import retrying

SECRET = "ECHOATLAS_WEBHOOK"  # the variable that holds an address nobody may read
TRIES, PATIENCE = 3, 10.0  # of a webhook: calls after the first, and seconds for each
OURS = "NotDone"  # the name of a state whose message is a line of ours: others may quote values
Table = Sequence[Mapping[str, object]]


def not_done(message: str) -> State[Any]:
    """The state of a flow or task that failed with a line that anybody may read."""
    return Failed(name=OURS, message=message)


async def show(tables: Mapping[str, Table]) -> None:
    """Leave tables as artifacts of the task that runs, by their names; empty ones are left out."""
    for name, rows in tables.items():
        if rows:
            key = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
            await acreate_table_artifact([dict(row) for row in rows], key=key, description=name)


def as_rows(counts: Mapping[str, object], what: str) -> Table:
    """Counts as rows, the greatest first."""
    rows = sorted(counts.items(), key=lambda pair: (-float(str(pair[1])), pair[0]))
    return [{what: name, "number": number} for name, number in rows]


async def failed(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """Tell the webhook that a flow failed or that its process died. A hook of Prefect's."""
    said = {
        "flow": str(flow.name),
        "run": str(flow_run.id),
        "state": str(state.name),
        "message": (state.message or "") if state.name == OURS else "",
    }
    try:
        await asyncio.to_thread(_tell, Path(str(flow_run.parameters["deployment"])), said)
    except Retry as error:  # who is told of failures can't be told of this one
        flow_run_logger(flow_run).warning("%s", error)


def _tell(folder: Path, said: Mapping[str, str]) -> None:
    try:
        config = Deployment.find(folder).config
    except UsageError:  # then it is this that failed the flow, and only a variable can say where
        address, name = os.environ.get(SECRET), ""
    else:
        address, name = os.environ.get(SECRET) or config.flows.webhook, config.name
    if address:
        retrying(lambda: _post(address, {"deployment": name, **said}), TRIES)


def _post(address: str, said: Mapping[str, str]) -> None:
    try:
        httpx.post(address, json=said, timeout=PATIENCE).raise_for_status()
    except httpx.HTTPError:
        raise Retry("the webhook does not take what it is told") from None
