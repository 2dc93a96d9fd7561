"""What is made once of arrays that all frames of a clip share, and found again by identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np

Made = TypeVar("Made")
HELD = 16  # more than one object's panes need; the oldest goes first


class OncePerArray(Generic[Made]):
    """A function of arrays, and of what can be hashed, that remembers what it made.

    An array is known by its identity: it is held as long as what was made of it, and made
    read-only, so that neither another array nor other content can come in its place.
    """

    def __init__(self, make: Callable[..., Made]) -> None:
        self._make = make
        self._held: dict[tuple[Any, ...], tuple[tuple[Any, ...], Made]] = {}

    def __call__(self, *parts: Any) -> Made:
        key = tuple(id(part) if isinstance(part, np.ndarray) else part for part in parts)
        found = self._held.get(key)
        if found is not None:
            return found[1]
        made = self._make(*parts)
        for part in parts:
            if isinstance(part, np.ndarray):
                part.setflags(write=False)
        if len(self._held) >= HELD:
            del self._held[next(iter(self._held))]
        self._held[key] = (parts, made)
        return made
