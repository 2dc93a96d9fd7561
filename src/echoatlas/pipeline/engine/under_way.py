"""How far tasks are that are still under way, counted object by object wherever they run.

Ray comes from the one module that knows it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Set
from typing import Any

GLANCE = 1.0  # seconds between two looks


class TicketCounter:
    """Counts objects by the ticket of their task, in a process of its own; numbers, no more."""

    def __init__(self) -> None:
        self._done: Counter[int] = Counter()

    def add(self, ticket: int) -> None:
        self._done[ticket] += 1

    def counts(self) -> dict[int, int]:
        return dict(self._done)


class Tally:
    """The driver's view of the counter: never waited for, so that it can hold nothing up."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self.counter = ray.remote(num_cpus=0, memory=0)(TicketCounter).remote()
        self._asked: Any = None
        self._known: dict[int, int] = {}
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether the last look is long enough ago, however fast answers come."""
        return time.monotonic() - self._last >= GLANCE

    def of(self, tickets: Set[int]) -> int:
        """How many objects are done of some tasks, as far as is known by now."""
        self._last = time.monotonic()
        if self._asked is None:
            self._asked = self.counter.counts.remote()
        ready, _ = self._ray.wait([self._asked], timeout=0)
        if ready:
            try:
                self._known = self._ray.get(self._asked)
            except self._ray.exceptions.RayError:  # it died: there is only less to tell
                self._known = {}
            self._asked = None
        return sum(self._known.get(ticket, 0) for ticket in tickets)
