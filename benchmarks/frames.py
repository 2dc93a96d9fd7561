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

import cv2
import imagehash
import numpy as np
import pydicom
import simplejpeg
from PIL import Image
from pydicom.encaps import generate_frames
from skimage import filters, transform
from skimage import measure as skimage_measure

from benchmarks.harness import best, few, report, seeded
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.stopwatch import Stopwatch
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.schemas.rows.frames import FrameRow
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.simulate import make_cine, write_dicom

FRAMES, PASSES = few((60, 4), (12, 1))
MS = 1000 / FRAMES  # of seconds a cine, milliseconds a frame
SEED = 5
STEPS = ("read", "decode", "geometry", "normalize", "measure", "encode")
CINES = {"gray": (False, False), "gray as YBR_FULL_422": (True, False), "color": (True, True)}


def cine(*, rgb: bool, tinted: bool) -> bytes:
    """A cine as DICOM, with or without a picture in it that is not gray."""
    scan = make_cine(SEED, frames=FRAMES, size=(640, 480), color=rgb)
    if rgb and not tinted:
        gray = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in scan.pictures])
        scan.pictures[...] = gray[..., None]
    photometric = "YBR_FULL_422" if rgb else None
    return write_dicom(scan, "1.2.840.10008.1.2.4.50", photometric)


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
        whole = MS * best(lambda: images.extend(carried(data, watch)), 1)  # noqa: B023
        parts = {step: MS * watch.seconds[step] for step in STEPS}
        parts["again"] = MS * best(lambda: [decode(image) for image in images], PASSES)  # noqa: B023
        looking = MS * (watch.seconds["redact"] + watch.seconds["check"])
        total = whole - looking + parts["again"]
        parts["other"] = total - sum(parts.values())
        if total < fastest[0]:
            fastest = total, parts
    return fastest


def main() -> None:
    """Tell milliseconds a frame by step, and the ratios to decoding and to the glued stack."""
    cv2.setNumThreads(1)
    seeded("frames", cines=SEED)
    for name, (rgb, tinted) in CINES.items():
        data = cine(rgb=rgb, tinted=tinted)
        limit = MS * best(lambda: decoded(data), PASSES)  # noqa: B023
        usual = MS * best(lambda: glued(data), 1)  # noqa: B023
        total, parts = path(data)
        report(
            "frames",
            name,
            limit_ms=limit,
            path_ms=total,
            times_limit=total / limit,
            glued_ms=usual,
            glued_times_path=usual / total,
            **{f"{step}_ms": spent for step, spent in parts.items()},
        )


if __name__ == "__main__":
    main()
