"""What is printed of a bug of ours: where it is, and nothing of what the error says.

An error of Python's or of a library's quotes what it was at: a file's name, a cell, a value. What
commands print stays in terminals, in jobs' logs and with whoever runs them.
"""

from __future__ import annotations

import sys
import threading
import traceback
from types import TracebackType

from echoatlas.pipeline.errors import crash_site


def tell_places_only() -> None:
    """Have this process print errors that nobody catches without their words."""
    sys.excepthook = _tell
    threading.excepthook = lambda told: _tell(told.exc_type, told.exc_value, told.exc_traceback)


def _tell(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if error is None or not isinstance(error, Exception):  # of Ctrl-C and the like
        sys.__excepthook__(kind, error or kind(), trace)
        return
    sys.stderr.write(f"{places(error)}\n")


def places(error: BaseException) -> str:
    """Where an error was, and before it those that led to it: kinds, files, lines and code."""
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    parts = [
        f"{''.join(traceback.format_tb(each.__traceback__))}{type(each).__name__}\n"
        for each in reversed(chain)
    ]
    return (
        f"{''.join(parts)}echoatlas: this is a bug: {crash_site(error)}; what the error says is "
        "left out, since it may quote a scan"
    )
