"""Peak memory of a process that carries one long cine from bytes to rows, beside ``pixel_array``.

1,200 frames of 640 x 480, JPEG, in color and gray: 1.1 GB of pixels. Each way runs in a process
of its own, on a file; what importing takes is told apart, and so is what the network that looks
for text takes, which does not depend on the clip's length.
"""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames

from benchmarks.harness import apart, few, report, seeded
from echoatlas.simulate import make_cine, write_dicom

FRAMES, MADE = few((1200, 40), (120, 20))
SEED = 2
IMPORTS = """
import secrets, sys
from pathlib import Path
import cv2
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.schemas.rows import SightingRow
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
USUAL = "assert dcmread(sys.argv[1]).pixel_array.shape[0] == int(sys.argv[2])\n"


def long_cine(frames: int = FRAMES, *, color: bool = True) -> bytes:
    """A cine as DICOM: a short one, over and over."""
    scan = make_cine(SEED, frames=min(frames, MADE), size=(640, 480), color=color)
    short = write_dicom(scan, "1.2.840.10008.1.2.4.50", "YBR_FULL_422" if color else None)
    header = dcmread(BytesIO(short))
    parts = list(generate_frames(header.PixelData, number_of_frames=len(scan.pictures)))
    header.NumberOfFrames = frames
    header.PixelData = encapsulate([parts[number % len(parts)] for number in range(frames)])
    out = BytesIO()
    header.save_as(out, enforce_file_format=True)
    return out.getvalue()


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


if __name__ == "__main__":
    main()
