"""How long the steps of a run take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from echoatlas.pipeline.errors import Reject

Item = TypeVar("Item")


@dataclass(slots=True)
class Stopwatch:
    """Seconds spent in each step; a rejection that passes by is told which step it came from.

    Attributes:
        clock: whose seconds: wall time, or CPU time where other work shares the machine.
    """

    seconds: Counter[str] = field(default_factory=Counter)
    clock: Callable[[], float] = time.perf_counter

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = self.clock()
        try:
            yield
        except Reject as rejection:
            rejection.step = rejection.step or name
            raise
        finally:
            self.seconds[name] += self.clock() - start  # type: ignore[assignment]

    def over(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """The items, with the time that it takes to get them."""
        source = iter(items)
        while True:
            with self.step(name):
                item = next(source, self)
            if item is self:
                return
            yield item  # type: ignore[misc]
