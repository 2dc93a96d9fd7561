"""Settings of a library that are ours while we read; other users of it keep theirs."""

from __future__ import annotations

from threading import Lock
from typing import Any


class Borrowed:
    """A setting that has our value while anything of ours is open, and its own again afterwards.

    Several may be open at once, also in threads, and be closed in any order.
    """

    def __init__(self, holder: Any, name: str, value: Any) -> None:
        self._holder, self._name, self._value = holder, name, value
        self._lock = Lock()
        self._own: Any = None
        self._open = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._open:
                self._own = getattr(self._holder, self._name)
            self._open += 1
            setattr(self._holder, self._name, self._value)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._open -= 1
            if not self._open:
                setattr(self._holder, self._name, self._own)
