"""A process that dies over a scan leaves nothing of it behind."""

from __future__ import annotations


def leave_no_core() -> None:
    """Let no core file be written when a codec crashes this process: the scan would be in it."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows writes none
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
