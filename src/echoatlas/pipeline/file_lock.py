"""The operating system's lock on an open file: it ends with the process, however that ends."""

from __future__ import annotations

from typing import IO

from filelock import lock_descriptor


def wait_lock(file: IO[bytes]) -> None:
    """Take the lock on an open file, waiting for whoever has it."""
    lock_descriptor(file.fileno())


def try_lock(file: IO[str] | IO[bytes] | int) -> bool:
    """Take the lock on an open file, without waiting; a child that is handed the file holds it too.

    Returns:
        False if another has it.
    """
    return lock_descriptor(file if isinstance(file, int) else file.fileno(), blocking=False)
