"""End to end: images a second and core on 640 x 480 JPEG cines, beside decoding alone."""

from __future__ import annotations

import secrets
import time

import cv2
import simplejpeg
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.filebase import DicomBytesIO

from benchmarks.harness import Took, few, report, seeded
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.stopwatch import Stopwatch
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.schemas.rows import SightingRow
from echoatlas.simulate import make_cine, write_dicom

CLIPS, FRAMES, WARMING = few((3, 60, 3), (1, 16, 1))
WARM = 100  # first seed of clips met before, as by a worker: the first loads each network


def decode_only(data: bytes) -> int:
    """Fragments through libjpeg-turbo: the floor that no path can beat."""
    stored = dcmread(DicomBytesIO(data)).PixelData
    return sum(
        simplejpeg.decode_jpeg(fragment).shape[0] > 0
        for fragment in generate_frames(stored, number_of_frames=FRAMES)
    )


def main() -> None:
    """Tell milliseconds a frame, the ratio to decoding, and where the time goes."""
    cv2.setNumThreads(1)
    clips = [
        write_dicom(make_cine(seed=n, frames=FRAMES, size=(640, 480)), "1.2.840.10008.1.2.4.50")
        for n in (*range(WARM, WARM + WARMING), *range(CLIPS))
    ]
    seeded("journey", clips=range(CLIPS), warming=range(WARM, WARM + WARMING))
    key = SiteKey.of("bench", secrets.token_bytes(32))
    site = SiteConfig(site="bench", bucket="bench")
    watch = Stopwatch(clock=time.process_time)
    decoding = working = 0.0
    frames = 0
    for number, data in enumerate(clips):
        with Took() as limit:
            decode_only(data)
        used = Stopwatch() if number < WARMING else watch
        sighting = SightingRow("l", f"o{number}", "c", "bench", "u", "", -1, number, len(data))
        task = ObjectTask.alone(data, sighting, Origin("bench", "u", "f"))
        with Took() as whole:
            made = journey(task, SiteContext.of(site, key, JourneyConfig()), used)
        if number >= WARMING:
            decoding += limit.seconds
            working += whole.seconds
            frames += made.frames
    seen = CLIPS * FRAMES
    text = (watch.seconds["redact"] + watch.seconds["check"]) / sum(watch.seconds.values())
    report("journey", "frames", seen=seen, kept=frames)
    report("journey", "decoding alone", a_frame_ms=1000 * decoding / seen)
    report(
        "journey",
        "the whole journey",
        a_frame_ms=1000 * working / seen,
        times_decoding=working / decoding,
        but_text_times_decoding=working * (1 - text) / decoding,
        text_share=text,
    )
    for name, seconds in watch.seconds.most_common():
        report("journey", name, share=seconds / sum(watch.seconds.values()))


if __name__ == "__main__":
    main()
