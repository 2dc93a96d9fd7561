"""What a run counts and how long its steps take: numbers only, labelled by step, site, reason."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from echoatlas.pipeline.errors import Reject
from echoatlas.schemas.rows import RunRow

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


def exposition(samples: Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]) -> str:
    """Metrics in Prometheus' text format.

    Args:
        samples: metric name to {label pairs: value}.
    """
    lines: list[str] = []
    for name in sorted(samples):
        lines.append(f"# TYPE {name} gauge")
        for labels, value in sorted(samples[name].items()):
            inner = ",".join(f'{key}="{text}"' for key, text in labels)
            lines.append(f"{name}{{{inner}}} {value:g}" if inner else f"{name} {value:g}")
    return "\n".join(lines) + "\n"


def run_metrics(
    sites: Mapping[str, Mapping[str, int]],
    rejected: Mapping[str, int],
    seconds: Mapping[str, float],
    run: RunRow,
) -> str:
    """The metrics of one run, for Prometheus' textfile collector."""
    return exposition(
        {
            "echoatlas_objects": {
                (("site", site), ("status", status)): number
                for site, counts in sites.items()
                for status, number in counts.items()
            },
            "echoatlas_rejected": {(("reason", code),): n for code, n in rejected.items()},
            "echoatlas_step_seconds": {(("step", name),): s for name, s in seconds.items()},
            "echoatlas_run_seconds": {(): run.seconds},
            "echoatlas_run_frames": {(): run.frames},
            "echoatlas_run_crashed": {(): run.crashed},
            "echoatlas_conservation": {(): float(run.conservation)},
        }
    )
