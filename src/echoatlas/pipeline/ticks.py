"""A word from within a task: another of its objects is done. Whoever runs the task may listen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[], None]] = ContextVar("listener", default=lambda: None)


def tick() -> None:
    """Say that another object of the task is done."""
    _listener.get()()


@contextmanager
def heard(listener: Callable[[], None]) -> Iterator[None]:
    """Have ``listener`` called at each tick of what runs within."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
