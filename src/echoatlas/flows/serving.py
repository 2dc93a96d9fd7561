"""Serve a deployment's flows: what ``echoatlas serve`` does until it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import Flow, serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule

from echoatlas.errors import ConfigError
from echoatlas.flows.curate import curate
from echoatlas.flows.ingest import ingest
from echoatlas.flows.onboard import onboard
from echoatlas.flows.release import release

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment

FLOWS: tuple[Flow[..., Any], ...] = (onboard, ingest, curate, release)


def deployments(deployment: Deployment) -> list[RunnerDeployment]:
    """A deployment of Prefect's for each flow; where ours lies is given, and need not be said.

    Raises:
        ConfigError: the schedule is none.
    """
    config = deployment.config
    return [
        RunnerDeployment.from_flow(
            flow,
            config.name,
            schedule=_schedule(config.flows.schedule) if flow is curate else None,
            parameters={"deployment": str(deployment.root)},
            description=(flow.description or "").partition("\n\n")[0],
            tags=["echoatlas"],
        )
        for flow in FLOWS
    ]


def _schedule(cron: str | None) -> Schedule | None:
    if cron is None:
        return None
    try:
        return Cron(cron)
    except ValueError:
        raise ConfigError(f"'flows.schedule': '{cron}' is no cron expression") from None


def serve_flows(deployment: Deployment) -> None:
    """Take flow runs from the Prefect server that PREFECT_API_URL names, until stopped."""
    serve(*deployments(deployment))
