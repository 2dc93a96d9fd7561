"""Workers that are started by the first who has work for them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from echoatlas.pipeline.engine.cluster import connected

if TYPE_CHECKING:
    from echoatlas.pipeline.engine.scatter import Workers
    from echoatlas.schemas.config import Engine


class WhenNeeded:
    """Workers that are started by the first who has work for it: doing nothing costs nothing."""

    def __init__(
        self,
        engine: Engine,
        stack: ExitStack,
        tell: Callable[[str, int, int], None],
        note: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._stack = stack
        self._tell = tell
        self._note = note
        self._workers: Workers | None = None

    def __call__(self) -> Workers:
        if self._workers is None:
            self._tell("starting workers", 0, 1)
            self._workers = self._stack.enter_context(connected(self._engine, self._note))
        return self._workers
