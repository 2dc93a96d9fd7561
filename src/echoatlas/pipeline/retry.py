"""Call again while the world is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import stamina

from echoatlas.pipeline.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Callable


Result = TypeVar("Result")
FIRST, LONGEST, SPREAD = 0.2, 10.0, 0.2  # seconds: the first wait, any wait, what chance adds


def retrying(call: Callable[[], Result], times: int) -> Result:
    """Call, and call again with backoff while the world is at fault.

    Args:
        times: how often it is called again.

    Raises:
        Retry: it was at fault each time.
    """
    for attempt in stamina.retry_context(
        on=Retry,
        attempts=times + 1,
        timeout=None,
        wait_initial=FIRST,
        wait_max=LONGEST,
        wait_jitter=SPREAD,
    ):
        with attempt:
            return call()
    raise AssertionError("stamina calls once at least")
