"""The operating system's lock on an open file: it ends with the process, however that ends."""

from __future__ import annotations

from typing import IO


def wait_lock(file: IO[bytes]) -> None:
    """Take the lock on an open file, waiting for whoever has it."""
    _lock(file.fileno(), blocking=True)


def try_lock(file: IO[str] | IO[bytes] | int) -> bool:
    """Take the lock on an open file, without waiting; a child that is handed the file holds it too.

    Returns:
        False if another has it.
    """
    return _lock(file if isinstance(file, int) else file.fileno(), blocking=False)


def _lock(descriptor: int, *, blocking: bool) -> bool:
    from filelock import lock_descriptor  # not with the module: who only reads takes no lock

    return lock_descriptor(descriptor, blocking=blocking)
