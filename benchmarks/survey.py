"""CPU time and memory of looking for what is due, beside the code of before the joins.

A site whose archives hold 100 scans each, all of them done but one in a thousand, at 100,000 and
at 1,000,000 sightings. Each code runs in a process of its own, over its own start, on a lake whose
rows bear its own marks: `survey`, and the books that `status` balances. The other code is taken
from this repository's history; where that is not at hand the benchmark says so, and ends.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.harness import few, report, skip
from benchmarks.relabel import plain
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.ingest.listing import arrivals
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.site import SiteConfig

BEFORE = "e3dbcdb"  # a commit that looked at each sighting as a Python object
SIZES = (100_000, 1_000_000)
INSIDE, DUE, FRAMES = 100, 1000, 1  # scans an archive; one of how many is due; frames a scan
SITE = "st-elsewhere"
OPEN = """
import sys, time
from pathlib import Path
from echoatlas.pipeline.deployment import Deployment
deployment = Deployment.find(Path(sys.argv[1]), sys.argv[2])
site = deployment.site("st-elsewhere")
deployment.lake.read("runs")  # what reading any table takes, all commands share
"""
NEW = """
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.fingerprints import fingerprints_of
from echoatlas.pipeline.plan.survey import survey
from echoatlas.pipeline.run.conservation import balance
"""
OLD = """
from echoatlas.pipeline.journey import JourneyConfig
from echoatlas.pipeline.fingerprints import marks_of as fingerprints_of
from echoatlas.pipeline.survey import survey
from echoatlas.pipeline.balance import balance
"""
START = "started = time.process_time()\n"
SURVEY = "found = survey(deployment, site, JourneyConfig())\nprint(len(found.due), found.made_by)\n"
BOOKS = "print(balance(deployment.lake))\n"
MARKS = "made = fingerprints_of(JourneyConfig(), site)\nprint(made.frames, made.evidence)\n"
# Not ru_maxrss: a process inherits its parent's when it is started.
TOLD = """
status = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) >> 10 for line in status.splitlines() if "VmHWM" in line)
print(peak, time.process_time() - started)
"""


def ids(kind: str, number: int) -> list[str]:
    """Opaque names, 32 hex digits each."""
    seed = int.from_bytes(hashlib.sha256(kind.encode()).digest()[:4], "big")
    text = np.random.default_rng(seed).bytes(16 * number).hex()
    return [text[at : at + 32] for at in range(0, len(text), 32)]


def make(lake: Lake, containers: list[str], marks: tuple[str, str]) -> None:
    """Fill a lake: all scans of all archives are seen, and all but a few are done."""
    lake.append("runs", plain("runs", 1))  # is read as a process starts, as any command does
    number = len(containers) * INSIDE
    site, objects, locators = [SITE] * number, ids("object", number), ids("locator", number)
    seen = plain(
        "sightings",
        number,
        site=site,
        object_id=objects,
        locator=locators,
        content_id=ids("content", number),
        container=[one for one in containers for _ in range(INSIDE)],
        member=list(range(INSIDE)) * len(containers),
        ordinal=list(range(number)),
    )
    lake.append("sightings", seen)
    done = number - number // DUE
    outcomes: dict[str, Sequence[object]] = {"status": ["kept"] * done, "frames": [FRAMES] * done}
    mine = {"site": site[:done], "object_id": objects[:done]}
    made = {"fingerprint": [marks[0]] * done, "locator": locators[:done]}
    lake.append("objects", plain("objects", done, **mine, **outcomes, **made))
    lake.append("readings", plain("readings", done, **mine, fingerprint=[marks[1]] * done))
    frames = pa.array(objects[:done]).take(np.repeat(np.arange(done), FRAMES))
    lake.append("frames", plain("frames", done * FRAMES, object_id=frames))


def run(code: Path, imports: str, way: str, *places: Path) -> list[str]:
    """What a process of some code says, by lines."""
    env = os.environ | {"PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, "-c", OPEN + imports + START + way + TOLD, *map(str, places)],
        check=True, capture_output=True, text=True, env=env,
    )  # fmt: skip
    return done.stdout.splitlines()


def former(folder: Path, commit: str = BEFORE) -> Path | None:
    """The sources of the former code; None where the history is not at hand."""
    found = subprocess.run(
        ["git", "-C", str(Path(__file__).parents[1]), "archive", commit, "src"], capture_output=True
    )
    if found.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as packed:
        packed.extractall(folder, filter="data")
    return folder / "src"


def measured(root: Path, number: int, codes: dict[str, tuple[Path, str]]) -> None:
    """Print how the two codes compare at a number of sightings."""
    home, bucket = root / f"home-{number}", root / f"bucket-{number}"
    (bucket / "upload").mkdir(parents=True)
    for archive in range(number // INSIDE):
        (bucket / "upload" / f"{archive:06d}.zip").touch()
    deployment = Deployment.init(home)
    deployment.add_site(SiteConfig(site=SITE, bucket=str(bucket)))
    listed = arrivals(deployment.sites.get(SITE) or SiteConfig(site=SITE, bucket=str(bucket)),
                      Storage.open(bucket), deployment.key())  # fmt: skip
    containers = [one.locator for one in listed]
    cost: dict[str, list[tuple[int, float]]] = {}
    said = []
    for name, (code, imports) in codes.items():
        place = root / f"lake-{number}-{name}"
        Lake(Storage.open(place))
        place.mkdir()
        marks = run(code, imports, MARKS, home, place)[0].split()
        make(Lake(Storage.open(place)), containers, (marks[0], marks[1]))
        (idle, _), *ways = (
            run(code, imports, way, home, place)[-1].split() for way in ("", SURVEY, BOOKS)
        )
        cost[name] = [(int(peak) - int(idle), float(seconds)) for peak, seconds in ways]
        said.append(run(code, imports, SURVEY, home, place)[0].split(" ", 1)[0])
    assert len(set(said)) == 1, said
    for row, what in enumerate(("survey", "balance")):
        (before, slow), (now, fast) = cost["before"][row], cost["now"][row]
        report(
            "survey",
            f"{what}, {number:,} sightings",
            due=int(said[0]),
            cpu_s=fast,
            over_start_mb=now,
            cpu_s_before=slow,
            over_start_mb_before=before,
            times_less_cpu=slow / fast,
            times_less_memory=before / max(now, 1),
        )


def main() -> None:
    """Print CPU time and memory of both codes, over what starting takes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        before = former(root / "code")
        if before is None:
            skip("survey", f"no commit {BEFORE} at hand: nothing to compare with")
        here = Path(__file__).parents[1] / "src"
        for number in SIZES[: few(len(SIZES), 1)]:
            measured(root, number, {"now": (here, NEW), "before": (before, OLD)})


if __name__ == "__main__":
    main()
