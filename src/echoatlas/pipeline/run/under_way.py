"""A run that is under way: what its stages work on, and whom they tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.engine.scatter import Workers
    from echoatlas.pipeline.event_log import EventLog
    from echoatlas.pipeline.gate.gate import Gate
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.lake.tombstones import Tombstones
    from echoatlas.pipeline.run.summary import Summary
    from echoatlas.schemas.events import Stage

Progress: TypeAlias = Callable[[str, int, int], None]  # what, done, of


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A run that is under way, and holds the lake.

    Attributes:
        cluster: workers for about so many objects.
        summary: takes what it did.
        stones: what was erased.
        gate: what is committed has to pass.
        tell: somebody who watches.
    """

    deployment: Deployment
    cluster: Callable[[int], Workers]
    summary: Summary
    stones: Tombstones
    gate: Gate
    log: EventLog
    tell: Progress

    @property
    def lake(self) -> Lake:
        return self.deployment.lake

    @property
    def run_id(self) -> str:
        return self.summary.run_id

    def begin(self, stage: Stage, said: str) -> None:
        """Begin a stage."""
        self.log.begin(stage)
        self.tell(said, 0, 1)
