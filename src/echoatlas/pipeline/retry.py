"""Call again while the world is at fault."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, TypeVar

from echoatlas.pipeline.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Callable


Answer = TypeVar("Answer")


def retrying(call: Callable[[], Answer], times: int) -> Answer:
    """Call, and call again with backoff while the world is at fault.

    Raises:
        Retry: it was at fault each time.
    """
    for attempt in range(times):
        try:
            return call()
        except Retry:
            time.sleep(min(0.2 * 2**attempt, 10) * random.uniform(0.5, 1.0))
    return call()
