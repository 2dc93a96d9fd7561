"""What benchmarks share: timers, peak memory, and the one way in which figures are told.

A benchmark is a module of this folder with a ``main`` and a guard at its end. It reports rows::

    seeded("frames", scans=range(3))
    report("frames", "gray", limit_ms=0.61, path_ms=2.4)

By itself (``python -m benchmarks.frames``) that prints; run by ``python -m benchmarks`` the rows
also go to its file. Names of figures end in their unit (``_ms``, ``_s``, ``_mb``, ``_kb``); shares
and ratios have none. Times are CPU times: they bear a busy machine better than a clock does.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypeVar

ROWS, QUICK = "ECHOATLAS_BENCH_ROWS", "ECHOATLAS_BENCH_QUICK"  # a file; anything: a short run
SAMPLES = Path(__file__).parents[2] / "shared" / "samples"
DIGITS = 4  # significant ones, of what is stored
Number = TypeVar("Number")
Figure = float | int | str


def quick() -> bool:
    """Whether a short run is wanted, which shows that a benchmark works and no more."""
    return bool(os.environ.get(QUICK))


def few(whole: Number, short: Number) -> Number:
    """How much of something to measure: all of it, or enough for a short run."""
    return short if quick() else whole


def report(benchmark: str, row: str, **figures: Figure) -> None:
    """Tell a row of figures: printed, and kept where ``python -m benchmarks`` asks for it."""
    kept = {name: _rounded(value) for name, value in figures.items()}
    told = "  ".join(f"{name.replace('_', ' ')} {value:,}" if not isinstance(value, str)
                     else f"{name.replace('_', ' ')} {value}"
                     for name, value in kept.items())  # fmt: skip
    print(f"{row:28} {told}", flush=True)
    _keep({"benchmark": benchmark, "row": row, "figures": kept})


def seeded(benchmark: str, **seeds: int | range) -> None:
    """Tell what random numbers were drawn from, by what they are for."""
    _keep({"benchmark": benchmark, "seeds": {name: _spelled(one) for name, one in seeds.items()}})


def skip(benchmark: str, reason: str) -> NoReturn:
    """End a benchmark that can't be run here; no failure."""
    print(f"skipped: {reason}", flush=True)
    _keep({"benchmark": benchmark, "skipped": reason})
    sys.exit(0)


def demand_samples(benchmark: str) -> Path:
    """The folder of real sample scans; without it a benchmark is skipped, saying so."""
    if not (SAMPLES / "manifest.csv").is_file():
        skip(benchmark, "the folder of real sample scans is not beside this checkout")
    return SAMPLES


def _keep(told: Mapping[str, Any]) -> None:
    if place := os.environ.get(ROWS):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps(told, ensure_ascii=False) + "\n")


def _rounded(value: Figure) -> Figure:
    # numpy's numbers become Python's
    if isinstance(value, str):
        return value
    whole = int(value)
    return whole if whole == value else float(f"{value:.{DIGITS}g}")


def _spelled(seeds: int | range) -> int | str:
    return seeds if isinstance(seeds, int) else f"{seeds.start} to {seeds[-1]}"


def cpu_time(*, children: bool = False) -> float:
    """CPU seconds of this process so far, and if wanted of its children that have ended."""
    if not children:
        return time.process_time()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class Took:
    """``with Took() as took:`` measures what is done within it; ``took.seconds`` of CPU time."""

    def __init__(self, *, children: bool = False) -> None:
        self.seconds = 0.0
        self._children = children

    def __enter__(self) -> Took:
        self._start = cpu_time(children=self._children)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.seconds = cpu_time(children=self._children) - self._start


def took(work: Callable[[], object], *, children: bool = False) -> float:
    """CPU seconds of one call."""
    with Took(children=children) as spent:
        work()
    return spent.seconds


def best(work: Callable[[], object], rounds: int = 5) -> float:
    """CPU seconds of the fastest of several calls: the one that others disturbed least."""
    return min(took(work) for _ in range(rounds))


def in_turn(
    ways: Mapping[str, Callable[[], object]], rounds: int = 5, *, children: bool = False
) -> dict[str, list[float]]:
    """CPU seconds of each way in each round; ways take turns, so that all meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            seconds[name].append(took(work, children=children))
    return seconds


def peak_mb() -> int:
    """The most memory that this process has held, MB (Linux).

    Not ``ru_maxrss``: a process inherits its parent's when it is started.
    """
    status = Path("/proc/self/status").read_text("utf-8")
    return next(int(line.split()[1]) >> 10 for line in status.splitlines() if "VmHWM" in line)


def as_installed() -> dict[str, str]:
    """The environment, with compiled modules kept, as installed ones are: compiling takes 100 MB
    and half of the time in which a worker starts."""
    return {name: one for name, one in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def apart(program: str, *given: str | Path | int) -> tuple[int, float]:
    """Run a Python program in a process of its own: its peak memory, MB, and its CPU seconds.

    The seconds count from ``started = time.process_time()``, where the program says that.

    Raises:
        RuntimeError: the program failed; says its last line.
    """
    tail = (
        "\nimport time\nfrom benchmarks.harness import peak_mb\n"
        "print(peak_mb(), time.process_time() - globals().get('started', 0.0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program + tail, *map(str, given)],
        capture_output=True,
        text=True,
        env=as_installed(),
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
    peak, seconds = done.stdout.split()[-2:]
    return int(peak), float(seconds)
