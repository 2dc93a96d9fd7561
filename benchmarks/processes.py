"""A command in a process of its own, and all that it starts: CPU time, memory, bytes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PAUSE = 0.05  # seconds between two looks
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took, with all processes that it started.

    Attributes:
        peak_mb: the most memory that its own process held. worker_mb: that any other held; 0 if
            there was none.
        own_s, workers_s: CPU seconds of its own process, and of each other.
        read_mb, written_mb: by calls of the operating system; not what was mapped.
    """

    cpu_s: float
    peak_mb: float
    worker_mb: float
    read_mb: float
    written_mb: float
    own_s: float = 0.0
    workers_s: tuple[float, ...] = ()


@dataclass(slots=True)
class _Watch:
    """The last that was seen of each process below one."""

    root: int
    seen: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)

    def look(self) -> None:
        """Look at all of them once; one that ends meanwhile is as it was."""
        for pid in _below(self.root):
            try:
                self.seen[pid] = _of(pid)
            except (OSError, StopIteration, ValueError):
                continue


def watched(program: str, given: Sequence[str | Path], env: Mapping[str, str]) -> Cost:
    """Run a Python program, and measure it and all that it starts.

    Raises:
        RuntimeError: the program failed; says its last lines.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile() as said:
        running = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, given)],
            stdout=said,
            stderr=subprocess.STDOUT,
            env=dict(env),
        )
        watch, ended = _Watch(running.pid), threading.Event()

        def look() -> None:
            while not ended.wait(PAUSE):
                watch.look()

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        # Not reaped yet: what it held is still told, but for its memory
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        ended.set()
        looking.join()
        code = running.wait()
        said.seek(0)
        told = said.read().decode(errors="replace")
    if code:
        raise RuntimeError("\n".join(told.strip().splitlines()[-5:]))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    waited = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    own = watch.seen.pop(running.pid, (0.0, 0.0, 0.0, 0.0))
    others = list(watch.seen.values())
    return Cost(
        cpu_s=max(waited, own[0] + sum(one[0] for one in others)),
        peak_mb=own[1],
        worker_mb=max((one[1] for one in others), default=0.0),
        read_mb=own[2] + sum(one[2] for one in others),
        written_mb=own[3] + sum(one[3] for one in others),
        own_s=own[0],
        workers_s=tuple(one[0] for one in others),
    )


def _of(pid: int) -> tuple[float, float, float, float]:
    """CPU seconds, the most memory, bytes read and written, MB, of a process so far."""
    place = Path("/proc") / str(pid)
    after = (place / "stat").read_text().rpartition(")")[2].split()
    cpu = (int(after[11]) + int(after[12])) / TICKS
    io = dict(line.split(": ") for line in (place / "io").read_text().splitlines())
    status = (place / "status").read_text().splitlines()
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    return cpu, peak, int(io["rchar"]) / 1e6, int(io["wchar"]) / 1e6


def _below(root: int) -> list[int]:
    """A process and all that it started, and these."""
    found, at = [root], 0
    while at < len(found):
        try:
            for task in (Path("/proc") / str(found[at]) / "task").iterdir():
                found += [int(one) for one in (task / "children").read_text().split()]
        except OSError:
            pass
        at += 1
    return found
