"""What became of multipart uploads that were begun: counted, and given up after a site's time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.ingest.arrived import HOUR
from echoatlas.pipeline.ingest.unfinished import abort
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.plan.survey import Survey


def give_up(deployment: Deployment, surveys: Iterable[Survey]) -> list[str]:
    """Abort multipart uploads that are older than their site allows.

    Returns:
        What is left unfinished and what was aborted, in words; no names.
    """
    said: list[str] = []
    for seen in surveys:
        begun = seen.arrived.unfinished
        oldest = time.time() - seen.site.uploads.abort_hours * HOUR
        old = [one for one in begun if one.begun <= oldest]
        aborted = 0
        if old:
            try:
                aborted = abort(deployment.bucket(seen.site), old)
            except (UsageError, Retry) as fault:
                said.append(f"{seen.site.site}: unfinished uploads could not be aborted: {fault}")
        if begun:
            said.append(
                f"{seen.site.site}: "
                f"{number_of(len(begun), 'multipart upload is', 'multipart uploads are')} not "
                f"finished; aborted: {aborted}"
            )
    return said
