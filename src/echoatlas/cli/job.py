"""``python -m echoatlas.cli.job``: the command line as a job that can be followed and stopped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path


def _put(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.replace(path)


def _become(folder: Path, lock: int, arguments: Sequence[str]) -> int:
    """Be a job: run the command line here, and leave its exit code for whoever asks."""
    os.set_inheritable(lock, False)  # it is ours, not our children's
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _put(folder / "pid", str(os.getpid()))
    code = 1
    try:
        from echoatlas.cli import call
        from echoatlas.cli.broken import tell_places_only

        tell_places_only()
        code = call(arguments)
    finally:
        sys.stdout.flush()
        _put(folder / "exit", str(code))
    return code


if __name__ == "__main__":
    sys.exit(_become(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
