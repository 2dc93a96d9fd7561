"""Where tasks are that are still under way, and how far, object by object wherever they run.

Ray comes from the one module that knows it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

GLANCE = 1.0  # seconds between two looks


class TicketCounter:
    """Counts objects by the ticket of their task, in a process of its own; numbers, no more."""

    def __init__(self) -> None:
        self._done: Counter[int] = Counter()
        self._places: dict[int, str] = {}

    def begin(self, ticket: int, node: str) -> None:
        self._places[ticket] = node

    def add(self, ticket: int) -> None:
        self._done[ticket] += 1

    def told(self, tickets: Sequence[int]) -> tuple[dict[int, int], dict[int, str]]:
        """Objects that are done of tasks, and the nodes that these are on; older ones are over."""
        oldest = min(tickets, default=0)
        for kept in (self._done, self._places):
            for over in [ticket for ticket in kept if ticket < oldest]:
                del kept[over]
        return (
            {ticket: self._done[ticket] for ticket in tickets if ticket in self._done},
            {ticket: self._places[ticket] for ticket in tickets if ticket in self._places},
        )


class Tally:
    """The driver's view of the counter: never waited for, so that it can hold nothing up.

    Attributes:
        places: by ticket, the node that a task is on, as far as is known by now.
    """

    def __init__(self, ray: Any, **where: Any) -> None:
        self._ray = ray
        self.counter = ray.remote(num_cpus=0, memory=0, **where)(TicketCounter).remote()
        self._asked: Any = None
        self._done: Mapping[int, int] = {}
        self.places: Mapping[int, str] = {}
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether the last look is long enough ago, however fast answers come."""
        return time.monotonic() - self._last >= GLANCE

    def look(self, tickets: Sequence[int]) -> int:
        """How many objects are done of some tasks, as far as is known by now."""
        self._last = time.monotonic()
        if self._asked is None:
            self._asked = self.counter.told.remote(tickets)
        ready, _ = self._ray.wait([self._asked], timeout=0)
        if ready:
            try:
                self._done, self.places = self._ray.get(self._asked)
            except self._ray.exceptions.RayError:  # it died: there is only less to tell
                self._done, self.places = {}, {}
            self._asked = None
        return sum(self._done.get(ticket, 0) for ticket in tickets)
