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
def forgo(*libraries: str) -> Iterator[None]:
    """Have imports of libraries, or of parts of them, fail meanwhile; what was imported stays."""
    finder = _Absent(libraries)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def forgo_pandas() -> None:
    """Have Arrow look for pandas now, and not find it.

    The first array that Arrow makes of Python objects has it look whether they are a frame's, for
    which it imports pandas where that is installed: as much time as all else that ``status`` does.
    Arrow looks anew when it is to make a frame (``to_pandas``), and knows frames from then on. If
    pandas was imported before, nothing is done.
    """
    import pyarrow as pa

    if "pandas" in sys.modules:
        return
    with forgo("pandas"):
        pa.array([0])
