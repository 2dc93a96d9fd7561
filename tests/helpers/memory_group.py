"""Processes that the operating system gives no more memory than so much."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """A control group of Linux, of either version: who takes more is killed."""

    folder: Path
    limit: str  # names of its files
    killed: str

    def run(
        self, command: Sequence[str], env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it, however it ends."""
        procs = self.folder / "cgroup.procs"
        # A shell joins first, so that nothing of Python's runs between fork and exec
        script = f'echo $$ > "{procs}" && exec "$@"'
        return subprocess.run(
            ["sh", "-c", script, "sh", *command], capture_output=True, text=True, timeout=500,
            env=dict(os.environ) if env is None else env, check=False,
        )  # fmt: skip

    def allow(self, megabytes: int) -> None:
        """From here on so much."""
        (self.folder / self.limit).write_text(str(megabytes << 20))

    def kills(self) -> int:
        """How many processes were killed for it."""
        told = (self.folder / self.killed).read_text().split()
        pairs = dict(zip(told[::2], told[1::2], strict=False))
        return int(pairs.get("oom_kill", 0))


@contextmanager
def memory_group(name: str) -> Iterator[MemoryGroup]:
    """A group of one's own; skips the test where none can be made."""
    first = (ROOT / "memory").is_dir()
    folder = (ROOT / "memory" if first else ROOT) / f"{name}-{os.getpid()}"
    files = (
        ("memory.limit_in_bytes", "memory.oom_control")
        if first
        else ("memory.max", "memory.events")
    )
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("no group of processes can be made here (a container, or not root)")
    try:
        if not (folder / files[0]).exists():
            pytest.skip("this kernel limits no group's memory")
        yield MemoryGroup(folder, *files)
    finally:
        folder.rmdir()
