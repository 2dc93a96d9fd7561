"""Arrow without pandas, until somebody asks for a frame of it.

The first array that Arrow makes of Python objects has it look whether they are a frame's, for which
it imports pandas where that is installed: as much time as all else that ``status`` does.
"""

from __future__ import annotations

import sys

import pyarrow as pa


class _Absent:
    """A finder that has no pandas, and leaves all other modules to the others."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name, name=name)


def forgo_pandas() -> None:
    """Have Arrow look for pandas now, and not find it.

    Arrow looks anew when it is to make a frame (``to_pandas``), and knows frames from then on. If
    pandas was imported before, nothing is done.
    """
    if "pandas" in sys.modules:
        return
    finder = _Absent()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
