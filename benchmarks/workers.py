"""What a second worker is worth to ``run``, and what a small run costs beside its work.

Cines at one site, worked on by one worker and by two, each run in a process of its own whose
workers are others. Seconds are CPU time of each process, as a machine that others use has no clock
to go by: ``span`` is the driver's and that of the worker with most to do, which is how long a run
takes where each has a core; ``busy`` is the share of that which the workers together fill. Batches
are dealt out as they are asked for, so where others hold up one worker the other gets more of them,
and both figures are lower than they would be alone. ``wall`` is a clock's.

"Must hold": two workers are worth 1.8 times one, and 85 % busy.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.harness import as_installed, few, report, seeded
from benchmarks.processes import Cost, watched
from benchmarks.scale import COMMAND
from echoatlas.pipeline.deployment import Deployment
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.simulate import make_cine, make_still, write_dicom

FIRST = 4  # cines of a run that is not measured
CINES, FRAMES, SIZE = few(48, 4), few(60, 4), (640, 480)
SMALL = few(50, 4)  # stills
JPEG = "1.2.840.10008.1.2.4.50"


def cines(upload: Path, number: int = CINES) -> None:
    """Write the cines."""
    for seed in range(number):
        cine = make_cine(seed=seed, frames=FRAMES, size=SIZE)
        (upload / f"{seed:03d}.dcm").write_bytes(write_dicom(cine, JPEG))


def stills(upload: Path) -> None:
    """Write small stills."""
    for seed in range(SMALL):
        still = make_still(seed=seed, fan="convex", size=(320, 240), anatomy="abdomen/liver")
        (upload / f"{seed:03d}.dcm").write_bytes(write_dicom(still))


def ran(bucket: Path, home: Path, workers: int) -> tuple[Cost, float]:
    """What a first run over a bucket costs, and its seconds by the clock."""
    Deployment.init(home).add_site(SiteConfig(site="st", bucket=str(bucket)))
    settings = home / "echoatlas.yaml"
    engine = f"\nengine: {{address: processes, workers: {workers}}}\n"
    settings.write_text(settings.read_text("utf-8") + engine, "utf-8")
    clock = time.monotonic()
    cost = watched(COMMAND, (home, "run"), as_installed())
    return cost, time.monotonic() - clock


def compared(root: Path, row: str, bucket: Path) -> None:
    """Report one worker and two at the same objects."""
    span: dict[int, float] = {}
    for workers in (1, 2):
        cost, wall = ran(bucket, root / f"{bucket.name}-{workers}", workers)
        most, driver = max(cost.workers_s, default=0.0), cost.own_s
        span[workers] = driver + most
        report(
            "workers",
            f"{row}, {workers} workers" if workers > 1 else f"{row}, 1 worker",
            driver_s=driver,
            workers_s=sum(cost.workers_s),
            span_s=span[workers],
            busy=sum(cost.workers_s) / (workers * span[workers]),
            wall_s=wall,
        )
    report("workers", f"{row}, two beside one", times=span[1] / span[2])


def main() -> None:
    """A row for each number of workers, for cines and for a small run."""
    seeded("workers", cines=range(CINES), stills=range(SMALL))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "first" / "upload").mkdir(parents=True)
        cines(root / "first" / "upload", FIRST)
        ran(root / "first", root / "compiled", 1)  # once a machine: modules, and loops
        for name, row, write in (
            ("cines", f"{CINES} cines of {FRAMES} frames", cines),
            ("stills", f"{SMALL} small stills", stills),
        ):
            upload = root / name / "upload"
            upload.mkdir(parents=True)
            write(upload)
            compared(root, row, root / name)


if __name__ == "__main__":
    main()
