"""Who waits for whom: a site takes one flow run at a time, and so does a lake.

A run that came while another holds the lake would fail; as a flow it waits its turn. The slots are
leases of Prefect's: those of a process that died are free again within ``LEASE`` seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.concurrency.asyncio import concurrency
from prefect.exceptions import ObjectAlreadyExists

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment

LEASE = 60  # seconds; Prefect takes no shorter one


def limits_of(
    deployment: Deployment, sites: Sequence[str], *, writes: bool, cuts: bool = False
) -> dict[str, int]:
    """The names of the slots that a flow run needs, and how many there are of each.

    Args:
        sites: whose uploads it takes.
        writes: whether it writes to the lake.
        cuts: whether it cuts releases, or may have none cut beside it.
    """
    config = deployment.config
    limits = {f"{config.name}-site-{site}": config.flows.site_limit for site in sites}
    if writes:
        limits[f"{config.name}-lake"] = config.flows.lake_limit
    if cuts:
        limits[f"{config.name}-releases"] = 1
    return limits


@asynccontextmanager
async def slots(
    deployment: Deployment,
    sites: Sequence[str] = (),
    *,
    writes: bool = True,
    cuts: bool = False,
) -> AsyncIterator[None]:
    """Wait until nobody else works on these sites, writes to the lake or cuts; then hold them."""
    limits = limits_of(deployment, sites, writes=writes, cuts=cuts)
    async with get_client() as client:
        for name, limit in limits.items():
            with suppress(ObjectAlreadyExists):  # another flow run made it meanwhile
                await client.upsert_global_concurrency_limit_by_name(name, limit)
    # All at once, else two runs could each hold what the other waits for
    async with concurrency(sorted(limits), occupy=1, lease_duration=LEASE):
        yield
