"""How well fans are found: IoU by case on simulated scans, whose truth is known to the pixel, and
on the real samples, whose fans are drawn by hand.

2,040 simulated scans take some twenty minutes; ``python -m benchmarks.geometry 3`` makes three a
case and length.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks.drawn import drawn_fans, drawn_mask, overlap
from benchmarks.harness import SAMPLES, Took, best, few, report, seeded
from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.geometry import geometry
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.archive import is_archive, opened
from echoatlas.schemas.fan import Fan, Shape, Verdict
from echoatlas.schemas.records import Scan
from echoatlas.simulate.pictures.layouts import LAYOUTS
from echoatlas.simulate.pictures.scans import make_cine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

PICTURES = 16  # of a clip that are looked at
SPEED = 3  # the seed of what is timed

CASES: dict[str, dict[str, Any]] = {
    **{shape.value: {"fan": shape} for shape in Shape if shape is not Shape.CROPPED},
    "endocavity up": {"fan": Shape.ENDOCAVITY, "up": True},
    "dark still": {"fan": Shape.CONVEX, "dim": 0.12},
    "dark phased": {"fan": Shape.PHASED, "dim": 0.12},
    "cut by screen": {"fan": Shape.CONVEX, "clipped": True},
    "dual linear": {"fan": Shape.LINEAR, "panes": 2},
    "dual convex": {"fan": Shape.CONVEX, "panes": 2},
    "quad": {"fan": Shape.CONVEX, "panes": 4},
    "color flow": {"fan": Shape.PHASED, "mode": "color_doppler"},
    "over M-mode": {"fan": Shape.PHASED, "mode": "m_mode"},
    "over spectrum": {"fan": Shape.LINEAR, "mode": "spectral_doppler"},
    "ECG, marks": {"fan": Shape.PHASED, "extras": ("ecg", "calipers", "body_mark")},
}


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one scan.

    Attributes:
        verdict: the worst of its fans, "reject" where there is none.
        took: CPU seconds.
    """

    iou: float
    verdict: Verdict
    took: float


def main(each: int | None = None) -> None:
    """Tell, by case, the overlap with the truth, the verdicts and the CPU time."""
    cv2.setNumThreads(1)
    each = each or few(60, 1)
    seeded("geometry", scans=range(each), speed=SPEED)
    every: list[Found] = []
    for name, options in CASES.items():
        found = [simulated(n, frames, **options) for frames in (1, 8) for n in range(each)]
        every += found
        tell(name, found)
    tell("all simulated", every)
    if (SAMPLES / "manifest.csv").is_file():
        some = dict(list(drawn_fans().items())[: few(None, 6)])
        real = {path: measured(path, drawn) for path, drawn in some.items()}
        for kind in sorted({kind_of(path) for path in real}):
            tell(f"real, {kind}", [one for path, one in real.items() if kind_of(path) == kind])
        tell("all real", list(real.values()))
    else:
        print("no real scans: the folder of samples is not beside this checkout")
    speed()


def tell(row: str, found: Sequence[Found]) -> None:
    """A row of figures."""
    accepted = [one.iou for one in found if one.verdict is Verdict.ACCEPT]
    count = {verdict: sum(one.verdict is verdict for one in found) for verdict in Verdict}
    report(
        "geometry",
        row,
        scans=len(found),
        iou_mean=float(np.mean([one.iou for one in found])),
        iou_min=min(one.iou for one in found),
        accepted=len(accepted),
        accepted_iou_min=min(accepted, default=0.0),
        review=count[Verdict.REVIEW],
        rejected=count[Verdict.REJECT],
        median_ms=1000 * float(np.median([one.took for one in found])),
    )


def simulated(seed: int, frames: int, dim: float = 1.0, **options: Any) -> Found:
    """A scan on one of the screens in turn, without a header to help."""
    screen = sorted(LAYOUTS)[seed % len(LAYOUTS)]
    cine = make_cine(seed, frames=frames, screen=screen, **options)
    pictures = [(picture * dim).astype(np.uint8) for picture in cine.pictures]
    scan = Scan("x", "", frames, cine.height, cine.width, lambda: iter(()))
    truth = [fan.mask(cine.height, cine.width) for fan in cine.fans]
    return held(scan, pictures, np.logical_or.reduce(truth))


def measured(path: str, drawn: dict[str, Any]) -> Found:
    """A real sample; of an archive, the first scan in it."""
    scan = read(next(scans_in(SAMPLES / path)))
    pictures = Clip(scan).spread(PICTURES)
    return held(scan, pictures, drawn_mask(drawn, *pictures[0].shape[:2]))


def scans_in(path: Path) -> Iterator[bytes]:
    """A file's bytes, or those of each file in an archive."""
    data = path.read_bytes()
    if is_archive(data):
        yield from (content() for _, content in opened(data))
    else:
        yield data


def held(scan: Scan, pictures: list[Picture], truth: NDArray[np.bool_]) -> Found:
    """What is found of a scan, beside the truth."""
    fans: tuple[Fan, ...] = ()
    with Took() as took, suppress(Reject):  # counted as such
        fans = geometry(scan, pictures)
    verdict = next((v for v in reversed(Verdict) if any(f.verdict is v for f in fans)), None)
    drawn = [fan.mask(*truth.shape) for fan in fans]
    mask = np.logical_or.reduce([np.zeros_like(truth), *drawn])
    return Found(overlap(truth, mask), verdict or Verdict.REJECT, took.seconds)


def kind_of(path: str) -> str:
    """Format, and for pictures the collection."""
    parts = path.split("/")
    return parts[1] if parts[0] == "images" else parts[0]


def speed() -> None:
    """CPU time at 640 x 480, beside that of taking the brightest of all frames."""
    for frames in (60, 1):
        cine = make_cine(SPEED, frames=frames, size=(640, 480), color=True)
        pictures = list(cine.pictures)
        spread = pictures[:: max(frames // PICTURES, 1)][:PICTURES]
        scan = Scan("x", "", frames, 480, 640, lambda: iter(()))
        ours = best(lambda: geometry(scan, spread), 7)  # noqa: B023
        limit = best(lambda: np.maximum.reduce(pictures), 7)  # noqa: B023
        name = "640 x 480, clip of 60" if frames > 1 else "640 x 480, still"
        report("geometry", name, ours_ms=1000 * ours, times_maximum=ours / limit)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
