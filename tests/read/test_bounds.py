"""Whatever the bytes: a scan or a reason, in bounded time and memory.

Each run is a process of its own whose address space is limited, so that an allocation as large
as a header's claim fails it, and which is stopped by a clock where a reader does not return.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import random, resource, signal, sys, time
from tests.helpers import corpus
from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.pipeline.read.archive import opened
from echoatlas.pipeline.read.bounds import Limits
from echoatlas.pipeline.sidecars.tables import read_sidecar
from echoatlas.schemas.config.site import Sidecar

ROUNDS, SEED = int(sys.argv[1]), int(sys.argv[2])
SECONDS, MEGABYTES = 20, 700
scans, archives, tables = corpus.corpus(), corpus.archives(), corpus.tables()

def scan(data, partial):
    made = read(data, ReadConfig(partial=partial, max_inflated=1 << 27))
    for picture in made.frames():
        assert picture.dtype == "uint8" and picture.shape[:2] == (made.height, made.width)
    if made.single is not None:
        made.single(made.declared_frames - 1)

def archive(data, partial):
    for _, content in opened(data, Limits(member_bytes=1 << 24)):
        content()

def table(data, partial):
    read_sidecar(data, "table", Sidecar(key=None if partial else "file"))

WAYS = {scan: scans, archive: archives, table: tables}
for way, files in WAYS.items():  # as they are, so that everything is loaded
    for data in files.values():
        way(data, False)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (MEGABYTES << 20),) * 2)
cases = [(way, name, data) for way, files in WAYS.items() for name, data in files.items()]
rng, longest, ended = random.Random(SEED), 0.0, {"scan": 0, "reason": 0}
for number in range(ROUNDS):
    way, name, data = cases[number % len(cases)]
    seed = rng.randrange(1 << 32)
    bad = corpus.mutated(data, seed) if rng.random() < 0.95 else data[:200] + corpus.noise(seed)
    print(name, seed, file=sys.stderr)
    signal.alarm(SECONDS)
    start = time.process_time()
    try:
        way(bad, bool(seed % 2))
        ended["scan"] += 1
    except Reject:
        ended["reason"] += 1
    longest = max(longest, time.process_time() - start)
    signal.alarm(0)
print(ended["scan"], ended["reason"], round(longest, 2))
"""


def bounded(rounds: int, seed: int) -> tuple[int, int]:
    if not Path("/proc/self/statm").is_file():
        pytest.skip("this system has no /proc to read a process's size from")
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.getenv("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(rounds), str(seed)],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-1500:]
    scans, reasons, _ = done.stdout.split()
    return int(scans), int(reasons)


def test_damaged_files_of_every_format_stay_within_bounds():
    scans, reasons = bounded(400, 1)

    assert scans >= 40
    assert reasons >= 80


@pytest.mark.heavy
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_thousands_of_damaged_files_stay_within_bounds(seed):
    scans, reasons = bounded(6000, seed)

    assert min(scans, reasons) > 600
