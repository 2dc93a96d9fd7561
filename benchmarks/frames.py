"""Where the time of a frame goes, beside decoding alone and beside what people glue together.

640 x 480 JPEG cines of 60 frames with a convex fan: gray (one component), gray as most scanners
code it (YBR_FULL_422), and in color throughout. CPU time of one core, all in one run, the fastest
of several passes. The path is the journey itself, less the two looks for text, which
``burned_text`` measures; that the second one decodes what was written is counted here ("again").
"""

from __future__ import annotations

import io
import secrets
import time
from collections.abc import Callable

import cv2
import imagehash
import numpy as np
import pydicom
import simplejpeg
from PIL import Image
from pydicom.encaps import generate_frames
from skimage import filters, transform
from skimage import measure as skimage_measure

from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.stopwatch import Stopwatch
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.schemas.rows import FrameRow, SightingRow
from echoatlas.simulate import make_cine, write_dicom

FRAMES, PASSES = 60, 4
STEPS = ("read", "decode", "geometry", "normalize", "measure", "encode")
CINES = {"gray": (False, False), "gray as YBR_FULL_422": (True, False), "color": (True, True)}


def cine(*, rgb: bool, tinted: bool) -> bytes:
    """A cine as DICOM, with or without a picture in it that is not gray."""
    scan = make_cine(5, frames=FRAMES, size=(640, 480), color=rgb)
    if rgb and not tinted:
        gray = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in scan.pictures])
        scan.pictures[...] = gray[..., None]
    photometric = "YBR_FULL_422" if rgb else None
    return write_dicom(scan, "1.2.840.10008.1.2.4.50", photometric)


def best(work: Callable[[], object], passes: int = PASSES) -> float:
    """The least CPU time of several runs, milliseconds a frame."""
    shortest = float("inf")
    for _ in range(passes):
        start = time.process_time()
        work()
        shortest = min(shortest, time.process_time() - start)
    return shortest * 1000 / FRAMES


def decoded(data: bytes) -> None:
    """Fragments through libjpeg-turbo, each picture dropped at once: the limit."""
    pixels = pydicom.dcmread(io.BytesIO(data)).PixelData
    for fragment in generate_frames(pixels, number_of_frames=FRAMES):
        simplejpeg.decode_jpeg(fragment)


def glued(data: bytes) -> None:
    """The usual way: pixel_array, scikit-image, imagehash, PIL."""
    for picture in pydicom.dcmread(io.BytesIO(data)).pixel_array:
        gray = np.asarray(Image.fromarray(picture).convert("L"))
        skimage_measure.shannon_entropy(gray)
        filters.laplace(gray).var()
        small = transform.resize(gray, (192, 256), anti_aliasing=True)
        stored = Image.fromarray((small * 255).astype(np.uint8))
        imagehash.phash(stored)
        imagehash.phash(stored, hash_size=16)
        stored.save(io.BytesIO(), "png")


def carried(data: bytes, watch: Stopwatch) -> list[bytes]:
    """One object's journey; the images that came of it."""
    sighting = SightingRow("l", "o", "c", "bench", "u", "", -1, 0, len(data))
    key, site = (
        SiteKey.of("bench", secrets.token_bytes(32)),
        SiteConfig(site="bench", bucket="bench"),
    )
    task = ObjectTask.alone(data, sighting, Origin("bench", "u", "f"))
    made = journey(task, SiteContext.of(site, key, JourneyConfig()), watch)
    return [row.image for row in made.rows if isinstance(row, FrameRow)]


def path(data: bytes) -> tuple[float, dict[str, float]]:
    """Milliseconds a frame of all steps but text detection, and of each."""
    fastest: tuple[float, dict[str, float]] = (float("inf"), {})
    for _ in range(PASSES):
        watch, images = Stopwatch(clock=time.process_time), []
        whole = best(lambda: images.extend(carried(data, watch)), 1)  # noqa: B023
        parts = {step: 1000 * watch.seconds[step] / FRAMES for step in STEPS}
        parts["again"] = best(lambda: [decode(image) for image in images])  # noqa: B023
        looking = 1000 * (watch.seconds["redact"] + watch.seconds["check"]) / FRAMES
        total = whole - looking + parts["again"]
        parts["other"] = total - sum(parts.values())
        if total < fastest[0]:
            fastest = total, parts
    return fastest


def main() -> None:
    """Print milliseconds a frame by step, and the ratios to decoding and to the glued stack."""
    cv2.setNumThreads(1)
    print(f"{'':22}{'limit':>7}{'path':>7}{'x limit':>9}{'glued':>8}{'x path':>8}   where it goes")
    for name, (rgb, tinted) in CINES.items():
        data = cine(rgb=rgb, tinted=tinted)
        limit, usual = best(lambda: decoded(data)), best(lambda: glued(data), 1)  # noqa: B023
        total, parts = path(data)
        print(
            f"{name:22}{limit:7.2f}{total:7.2f}{total / limit:9.1f}{usual:8.1f}"
            f"{usual / total:8.1f}   "
            + "  ".join(f"{step} {spent:.2f}" for step, spent in parts.items())
        )


if __name__ == "__main__":
    main()
