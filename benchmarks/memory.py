"""Peak memory of a process that carries one long cine from bytes to rows, beside ``pixel_array``.

1,200 frames of 640 x 480, JPEG, in color and gray: 1.1 GB of pixels. Each way runs in a process
of its own, on a file; what importing takes is told apart, and so is what the network that looks
for text takes, which does not depend on the clip's length.

What a worker keeps, beside what it declares (``engine.memory_mb``): after a still of 12 megapixels,
after cines of 1,024 x 768 in color of two lengths (what a frame more takes), and after stills of
many sizes, one after the other, in one process.
"""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames

from benchmarks.harness import apart, few, report, seeded
from echoatlas.schemas.config.deployment import Engine
from echoatlas.simulate import make_cine, make_still, write_dicom

FRAMES, MADE = few((1200, 40), (120, 20))
LARGE = few((96, 288), (96, 128))  # frames of two cines, longer than what is looked at at once
WIDE, MEGAPIXELS = (1024, 768), (4000, 3000)
SIZES = few(1000, 40)
EARLY = few(50, 10)  # sizes, after which a worker holds what it needs
SEED = 2
JPEG = "1.2.840.10008.1.2.4.50"
IMPORTS = """
import secrets, sys
from pathlib import Path
import cv2
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.schemas.rows.objects import SightingRow
from pydicom import dcmread
cv2.setNumThreads(1)
"""
JOURNEY = """
data = Path(sys.argv[1]).read_bytes()
sighting = SightingRow("l", "o", "c", "bench", "u", "", -1, 0, len(data))
key, site = SiteKey.of("bench", secrets.token_bytes(32)), SiteConfig(site="bench", bucket="bench")
task = ObjectTask.alone(data, sighting, Origin("bench", "u", "f"))
made = journey(task, SiteContext.of(site, key, JourneyConfig()))
assert made.frames == int(sys.argv[2]), made.frames
"""
BLIND = """
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.geometry import geometry
from echoatlas.pipeline.frames.measure import measure
from echoatlas.pipeline.frames.normalize import normalize, plan_frames
from echoatlas.pipeline.read import read
from echoatlas.schemas.records import Redaction
scan = read(Path(sys.argv[1]).read_bytes())
clip = Clip(scan)
(fan,) = geometry(scan, clip.spread(16))
plan = plan_frames(fan, Redaction(fan.mask(scan.height, scan.width)))
assert sum(1 for _ in clip) == int(sys.argv[2])  # as text detection passes over it
kept, previous = [], None
for picture in clip:
    frame = normalize(picture, plan)
    kept.append((measure(frame, plan.area, previous), encode(frame.pixels)))
    previous = frame
"""
SIZED = """
import numpy as np
from echoatlas.pipeline.errors import Reject
from echoatlas.simulate import make_still
started = make_still(3, size=(640, 480)).pictures[0]
context = SiteContext.of(
    SiteConfig(site="bench", bucket="bench"),
    SiteKey.of("bench", secrets.token_bytes(32)),
    JourneyConfig(),
)
held = []
sides = np.random.default_rng(4).integers((200, 150), (1400, 1050), (int(sys.argv[2]), 2))
for number, size in enumerate(sides):
    resized = cv2.resize(started, tuple(int(side) for side in size))
    data = cv2.imencode(".png", resized)[1].tobytes()
    sighting = SightingRow("l", f"o{number}", "c", "bench", "u", "", -1, number, len(data))
    try:
        journey(ObjectTask.alone(data, sighting, Origin("bench", "u", "f")), context)
    except Reject:
        pass  # too small for a fan, or stretched out of shape: it was looked at
    status = Path("/proc/self/status").read_text()
    held.append(next(int(one.split()[1]) >> 10 for one in status.splitlines() if "VmRSS" in one))
started = 0.0
print(*held, file=Path(sys.argv[1]).open("w"))
"""
USUAL = "assert dcmread(sys.argv[1]).pixel_array.shape[0] == int(sys.argv[2])\n"


def long_cine(
    frames: int = FRAMES, *, color: bool = True, size: tuple[int, int] = (640, 480)
) -> bytes:
    """A cine as DICOM: a short one, over and over."""
    scan = make_cine(SEED, frames=min(frames, MADE), size=size, color=color)
    short = write_dicom(scan, JPEG, "YBR_FULL_422" if color else None)
    header = dcmread(BytesIO(short))
    parts = list(generate_frames(header.PixelData, number_of_frames=len(scan.pictures)))
    header.NumberOfFrames = frames
    header.PixelData = encapsulate([parts[number % len(parts)] for number in range(frames)])
    out = BytesIO()
    header.save_as(out, enforce_file_format=True)
    return out.getvalue()


def declared_mb() -> int:
    """Memory that a worker says it takes."""
    return Engine().memory_mb


def kept(folder: Path) -> None:
    """Tell the peaks of workers that get large pictures, beside what they declare."""
    limit = declared_mb()
    path = folder / "large"
    path.write_bytes(write_dicom(make_still(SEED, size=MEGAPIXELS), JPEG))
    peak, _ = apart(IMPORTS + JOURNEY, path, 1)
    report("memory", "a still of 12 megapixels", journey_mb=peak, declared_mb=limit)
    peaks = []
    for frames in LARGE:
        path.write_bytes(long_cine(frames, size=WIDE))
        peaks.append(apart(IMPORTS + JOURNEY, path, frames)[0])
    slope = 1024 * (peaks[1] - peaks[0]) / (LARGE[1] - LARGE[0])
    report(
        "memory",
        "cines of 1,024 x 768",
        frames=LARGE[1],
        journey_mb=peaks[1],
        a_frame_kb=slope,
        at_1200_mb=peaks[1] + slope * (1200 - LARGE[1]) / 1024,
        declared_mb=limit,
    )
    peak, _ = apart(IMPORTS + SIZED, path, SIZES)
    held = [int(one) for one in path.read_text().split()]
    report(
        "memory",
        "stills of many sizes",
        sizes=SIZES,
        peak_mb=peak,
        held_early_mb=held[EARLY - 1],
        held_last_mb=held[-1],
        declared_mb=limit,
    )


def main() -> None:
    """Tell the peak of each way, MB."""
    seeded("memory", cine=SEED)
    ways = {"imports": "", "but_text": BLIND, "journey": JOURNEY, "pixel_array": USUAL}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cine"
        for color in (True, False):
            path.write_bytes(long_cine(color=color))
            peaks = {
                f"{name}_mb": apart(IMPORTS + way, path, FRAMES)[0] for name, way in ways.items()
            }
            size = path.stat().st_size >> 20
            report("memory", "color" if color else "gray", frames=FRAMES, jpeg_mb=size, **peaks)
        kept(Path(folder))


if __name__ == "__main__":
    main()
