"""Workers that are started by the first who has work for them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from echoatlas.pipeline.engine.cluster import connected, is_plain

if TYPE_CHECKING:
    from echoatlas.pipeline.engine.scatter import Workers
    from echoatlas.schemas.config.deployment import Engine


class WhenNeeded:
    """Workers that are started by the first who has work for it: doing nothing costs nothing.

    Those who took little work give way to others when there is much of it: an archive is one file
    to be named, and thousands of objects then.
    """

    def __init__(
        self,
        engine: Engine,
        stack: ExitStack,
        tell: Callable[[str, int, int], None],
        note: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._stack = stack.enter_context(ExitStack())
        self._tell = tell
        self._note = note
        self._workers: Workers | None = None
        self._plain = False

    def __call__(self, objects: int) -> Workers:
        """Workers for about so many objects; who held earlier ones has to be done with them."""
        plain = is_plain(self._engine, objects)
        if self._workers is None or (self._plain and not plain):
            self._stack.close()
            self._tell("starting workers", 0, 1)
            self._workers = self._stack.enter_context(connected(self._engine, self._note, objects))
            self._plain = plain
        return self._workers
