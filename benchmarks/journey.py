"""End to end: images a second and core on 640 x 480 JPEG cines, beside decoding alone."""

from __future__ import annotations

import secrets
import time

import cv2
import simplejpeg
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.filebase import DicomBytesIO

from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.stopwatch import Stopwatch
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.schemas.rows import SightingRow
from echoatlas.simulate import make_cine, write_dicom

CLIPS, FRAMES = 3, 60
WARMING = 3  # clips that a worker has met before: each network is loaded by the first that needs it


def decode_only(data: bytes) -> int:
    """Fragments through libjpeg-turbo: the floor that no path can beat."""
    stored = dcmread(DicomBytesIO(data)).PixelData
    return sum(
        simplejpeg.decode_jpeg(fragment).shape[0] > 0
        for fragment in generate_frames(stored, number_of_frames=FRAMES)
    )


def main() -> None:
    cv2.setNumThreads(1)
    clips = [
        write_dicom(make_cine(seed=n, frames=FRAMES, size=(640, 480)), "1.2.840.10008.1.2.4.50")
        for n in (*range(100, 100 + WARMING), *range(CLIPS))
    ]
    key = SiteKey.of("bench", secrets.token_bytes(32))
    site = SiteConfig(site="bench", bucket="bench")
    watch = Stopwatch(clock=time.process_time)
    decoding = working = 0.0
    frames = 0
    for number, data in enumerate(clips):
        start = time.process_time()
        decode_only(data)
        middle = time.process_time()
        used = Stopwatch() if number < WARMING else watch
        sighting = SightingRow("l", f"o{number}", "c", "bench", "u", "", -1, number, len(data))
        task = ObjectTask.alone(data, sighting, Origin("bench", "u", "f"))
        made = journey(task, SiteContext.of(site, key, JourneyConfig()), used)
        if number >= WARMING:
            decoding += middle - start
            working += time.process_time() - middle
            frames += made.frames
    seen = CLIPS * FRAMES
    text = (watch.seconds["redact"] + watch.seconds["check"]) / sum(watch.seconds.values())
    print(f"{frames} frames kept of {seen}; CPU time, one core")
    for name, spent in (("decode only", decoding), ("whole journey", working)):
        print(f"{name:18} {1e3 * spent / seen:8.2f} ms a frame {seen / spent:8.0f} images/s")
    print(f"  times decode     {working / decoding:8.1f}")
    print(f"  without text     {working * (1 - text) / decoding:8.1f}")
    for name, seconds in watch.seconds.most_common():
        print(f"  {name:16} {seconds / sum(watch.seconds.values()):8.1%}")


if __name__ == "__main__":
    main()
