"""Libraries that look for other ones as they are imported, and do without what they don't find."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Absent:
    """A finder that has no such libraries, and leaves all other modules to the others."""

    libraries: tuple[str, ...]

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in self.libraries:
            raise ModuleNotFoundError(name, name=name)


@contextmanager
def without(*libraries: str) -> Iterator[None]:
    """Have imports of libraries, or of parts of them, fail meanwhile; what was imported stays."""
    finder = _Absent(libraries)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
