"""Call again while the world is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from echoatlas.pipeline.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Callable


Result = TypeVar("Result")
FIRST, LONGEST, SPREAD = 0.2, 10.0, 0.2  # seconds: the first wait, any wait, what chance adds


def retrying(call: Callable[[], Result], times: int, but: type[Retry] | None = None) -> Result:
    """Call, and call again with backoff while the world is at fault.

    Args:
        times: how often it is called again.
        but: faults after which it is not.

    Raises:
        Retry: it was at fault each time.
    """

    def again(error: BaseException) -> bool:
        return isinstance(error, Retry) and not (but and isinstance(error, but))

    try:
        return call()
    except Retry as error:
        if times < 1 or not again(error):
            raise
        failed = [error]
    import tenacity  # who meets no trouble does not wait for it

    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception(again),
        stop=tenacity.stop_after_attempt(times + 1),
        wait=tenacity.wait_exponential_jitter(multiplier=FIRST, max=LONGEST, jitter=SPREAD),
        reraise=True,
    ):
        with attempt:
            if failed:
                raise failed.pop()
            return call()
    raise AssertionError("it is called once at least")
