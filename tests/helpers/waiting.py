"""Waiting for what another process does: with an end, which a busy machine does not come to."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    reached: Callable[[], object], what: str, seconds: float = 240, pause: float = 0.02
) -> None:
    """Ask every ``pause`` seconds until the answer is yes; fail when it stays no.

    Raises:
        AssertionError: after ``seconds``, saying what did not come.
    """
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until, f"{what}: not within {seconds:.0f} s"
        time.sleep(pause)
