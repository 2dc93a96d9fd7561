"""Serve a deployment's flows: what ``echoatlas serve`` does until it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import Flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval, Schedule

from echoatlas.errors import ConfigError
from echoatlas.flows._resume import resume
from echoatlas.flows.curate import curate
from echoatlas.flows.erase import erase
from echoatlas.flows.ingest import ingest
from echoatlas.flows.onboard import onboard
from echoatlas.flows.release import release
from echoatlas.flows.watch import watch

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.schemas.config.deployment import Flows

FLOWS: tuple[Flow[..., Any], ...] = (onboard, ingest, curate, release, erase, watch)
ONE_LOOK = ConcurrencyLimitConfig(  # who looks while another looks or works finds nothing new
    limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
)


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
            schedule=_schedule(flow, config.flows),
            concurrency_limit=ONE_LOOK if flow is watch else None,
            parameters={"deployment": str(deployment.root)},
            description=(flow.description or "").partition("\n\n")[0],
            tags=["echoatlas"],
        )
        for flow in FLOWS
    ]


def _schedule(flow: Flow[..., Any], config: Flows) -> Schedule | None:
    if flow is watch and config.watch is not None:
        return Interval(config.watch)
    if flow is not curate or config.schedule is None:
        return None
    try:
        return Cron(config.schedule)
    except ValueError:
        raise ConfigError(f"'flows.schedule': '{config.schedule}' is no cron expression") from None


def serve_flows(deployment: Deployment) -> None:
    """Take flow runs from the Prefect server that PREFECT_API_URL names, until stopped.

    Those that died with whoever served them before go on.
    """
    served = deployments(deployment)
    resume(deployment)
    serve(*served)
