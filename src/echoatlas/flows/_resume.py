"""Flow runs whose process died go on: they are scheduled anew, find their job, and follow it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.logging.loggers import flow_run_logger
from prefect.states import AwaitingRetry, Cancelled

from echoatlas.flows._alive import died, forget_run
from echoatlas.flows._told import failed

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from echoatlas.pipeline.deployment import Deployment

STARTS = 4  # of a flow run, the first among them: one that kills its process each time has to end


async def crashed(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """Have a flow run go on whose process died; tell the webhook of one that died too often.

    A hook of Prefect's.
    """
    async with get_client() as client:
        now = await client.read_flow_run(flow_run.id)  # what the hook is told is of its beginning
        if now.deployment_id is not None and now.run_count < STARTS:
            await client.set_flow_run_state(flow_run.id, AwaitingRetry(), force=True)
            flow_run_logger(flow_run).warning("its process died: it is started again")
            return
    await failed(flow, flow_run, state)


def resume(deployment: Deployment) -> list[str]:
    """Have those flow runs go on that died together with whoever served them.

    Returns:
        Their ids.
    """
    left = died(deployment.root)
    if not left:
        return []
    with get_client(sync_client=True) as client:
        return [run for run in left if _goes_on(client, deployment.root, run)]


def _goes_on(client: SyncPrefectClient, folder: Path, run: str) -> bool:
    try:
        state = client.read_flow_run(UUID(run)).state
    except ObjectNotFound:  # of another server, or deleted there
        state = None
    if state is not None and state.type in (StateType.RUNNING, StateType.PENDING):
        client.set_flow_run_state(UUID(run), AwaitingRetry(), force=True)
        return True
    if state is not None and state.type is StateType.CANCELLING:
        client.set_flow_run_state(UUID(run), Cancelled(), force=True)
    forget_run(folder, run)
    return False
