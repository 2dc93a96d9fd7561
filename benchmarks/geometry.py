"""How well fans are found: IoU by case on simulated scans, whose truth is known to the pixel, and
on the real samples, whose fans are drawn by hand.

``python -m benchmarks.geometry 200`` makes thousands of simulated scans; by default there are few.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks.drawn import drawn_fans, drawn_mask, overlap
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

SAMPLES = Path(__file__).parents[2] / "shared" / "samples"
PICTURES = 16  # of a clip that are looked at

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


def main(each: int = 3) -> None:
    """Print, by case, the overlap with the truth, the verdicts and the CPU time."""
    cv2.setNumThreads(1)
    print(f"{'simulated':16}{HEADING}")
    every: list[Found] = []
    for name, options in CASES.items():
        for frames in (1, 8):
            found = [simulated(seed, frames, **options) for seed in range(each)]
            every += found
            print(f"{name:13}{frames:3}{line(found)}")
    print(f"{'all':16}{line(every)}")
    if (SAMPLES / "manifest.csv").is_file():
        print(f"\n{'real, by hand':16}{HEADING}")
        real = {path: measured(path, drawn) for path, drawn in drawn_fans().items()}
        for kind in sorted({kind_of(path) for path in real}):
            print(f"{kind:16}{line([one for path, one in real.items() if kind_of(path) == kind])}")
        print(f"{'all':16}{line(list(real.values()))}")
    speed()


HEADING = f"{'scans':>6}{'mean':>8}{'min':>8}{'accept':>8}{'min':>8}{'review':>8}{'reject':>8}  ms"


def line(found: Sequence[Found]) -> str:
    """One row of a table."""
    accepted = [one.iou for one in found if one.verdict is Verdict.ACCEPT]
    count = {verdict: sum(one.verdict is verdict for one in found) for verdict in Verdict}
    return (
        f"{len(found):6}{np.mean([one.iou for one in found]):8.3f}"
        f"{min(one.iou for one in found):8.3f}{len(accepted):8}{min(accepted, default=0):8.3f}"
        f"{count[Verdict.REVIEW]:8}{count[Verdict.REJECT]:8}"
        f"{np.median([one.took for one in found]) * 1000:5.0f}"
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
    start = time.process_time()
    fans: tuple[Fan, ...] = ()
    with suppress(Reject):  # counted as such
        fans = geometry(scan, pictures)
    took = time.process_time() - start
    verdict = next((v for v in reversed(Verdict) if any(f.verdict is v for f in fans)), None)
    drawn = [fan.mask(*truth.shape) for fan in fans]
    mask = np.logical_or.reduce([np.zeros_like(truth), *drawn])
    return Found(overlap(truth, mask), verdict or Verdict.REJECT, took)


def kind_of(path: str) -> str:
    """Format, and for pictures the collection."""
    parts = path.split("/")
    return parts[1] if parts[0] == "images" else parts[0]


def speed() -> None:
    """CPU time at 640 x 480, beside that of taking the brightest of all frames."""
    print(f"\n{'640 x 480':16}{'ms':>6}{'a frame':>9}{'x max':>7}")
    for frames in (60, 1):
        cine = make_cine(3, frames=frames, size=(640, 480), color=True)
        pictures = list(cine.pictures)
        spread = pictures[:: max(frames // PICTURES, 1)][:PICTURES]
        scan = Scan("x", "", frames, 480, 640, lambda: iter(()))
        ours = fastest(lambda: geometry(scan, spread))  # noqa: B023
        limit = fastest(lambda: np.maximum.reduce(pictures))  # noqa: B023
        name = "clip of 60" if frames > 1 else "still"
        print(f"{name:16}{ours * 1000:6.1f}{ours / frames * 1000:9.2f}{ours / limit:7.1f}")


def fastest(work: Any, rounds: int = 7) -> float:
    """CPU seconds of the fastest of some rounds."""
    took = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return min(took)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
