"""A lock on an open file that the kernel lets go of when its holder dies."""

from __future__ import annotations

import fcntl
from typing import IO


def try_lock(file: IO[str] | int) -> bool:
    """Take the kernel's lock on an open file, which ends with it; false if another has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
