"""End to end, beside decoding alone: images a second and core on 640 x 480 JPEG cines and stills.

Stills have no others of their kind to tell text from tissue by, and pay for their looks alone; of
some cines the speckle is new in every frame, which is as far from still as tissue gets. With each
stands what its looks asked for: views shown to a network, boxes of these that went on to the
detector, lines that were read. Of some objects the detector sees whole views besides
(``redact.witness``): what these cost is told apart.

``python -m benchmarks.journey --real``: the real clips of the samples instead, each a row; by area
a frame of theirs is so many of 640 x 480.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import simplejpeg
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.filebase import DicomBytesIO

from benchmarks.geometry import scans_in
from benchmarks.harness import SAMPLES, Took, demand_samples, few, report, seeded
from benchmarks.yields import real
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.effort import SPENT, spent_since
from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.read import read
from echoatlas.pipeline.stopwatch import Stopwatch
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.simulate import SimulatedScan, make_cine, make_still, write_dicom

CLIPS, FRAMES, STILLS = few((3, 60, 8), (1, 16, 2))
WARMING = 2
WARM = 100  # first seed of scans met before, as by a worker: the first loads each network
SIZE = (640, 480)
NAME = (("KOWALSKI A 0048213", "fan"),)
DRAWN = "looked at whole"
JPEG = "1.2.840.10008.1.2.4.50"
TEXT = ("redact", "check")
KINDS: dict[str, Callable[[int], SimulatedScan]] = {
    "the whole journey": lambda seed: make_cine(seed, frames=FRAMES, size=SIZE),
    "new speckle in every frame": lambda seed: make_cine(
        seed, frames=FRAMES, size=SIZE, fresh=True
    ),
    "stills without text": lambda seed: make_still(seed, size=SIZE, burned_in=()),
    "stills with text": lambda seed: make_still(seed, size=SIZE, burned_in=NAME),
}


@dataclass(slots=True)
class Told:
    """What some journeys took: CPU seconds in all and by step, frames, and what looks asked for."""

    seconds: float = 0.0
    decoding: float = 0.0
    seen: int = 0
    kept: int = 0
    scans: int = 0
    watch: Stopwatch = field(default_factory=lambda: Stopwatch(clock=time.process_time))
    spent: Counter[str] = field(default_factory=Counter)

    @property
    def text_share(self) -> float:
        """Of the time, what looks for text took."""
        steps = self.watch.seconds
        return sum(steps[name] for name in TEXT) / max(sum(steps.values()), 1e-9)

    def asked(self) -> dict[str, float]:
        """What looks asked for, a scan."""
        names = ("views", "boxes", "readings")
        return {name: self.spent[name] / self.scans for name in names}

    def carry(self, data: bytes, number: int, context: SiteContext) -> None:
        """Carry an object through the journey.

        Raises:
            Reject: as the journey.
        """
        sighting = SightingRow("l", f"o{number}", "c", "bench", "u", "", -1, number, len(data))
        task = ObjectTask.alone(data, sighting, Origin("bench", "u", "f"))
        before = SPENT.copy()
        self.scans += 1
        with Took() as whole:
            made = journey(task, context, self.watch)
        self.seconds += whole.seconds
        self.kept += made.frames
        self.spent += spent_since(before)


def decode_only(data: bytes) -> int:
    """Fragments through libjpeg-turbo: the floor that no path can beat."""
    header = dcmread(DicomBytesIO(data))
    return sum(
        simplejpeg.decode_jpeg(fragment).shape[0] > 0
        for fragment in generate_frames(
            header.PixelData, number_of_frames=int(header.get("NumberOfFrames", 1))
        )
    )


def at_site(witness: float) -> SiteContext:
    """A site of whose objects so many are looked at whole besides."""
    key = SiteKey.of("bench", secrets.token_bytes(32))
    config = JourneyConfig(redact=RedactConfig(witness=witness))
    return SiteContext.of(SiteConfig(site="bench", bucket="bench"), key, config)


def measured(make: Callable[[int], SimulatedScan], scans: int, context: SiteContext) -> Told:
    """Journeys of simulated scans, each beside decoding alone."""
    told = Told()
    for number in range(scans):
        data = write_dicom(make(number), JPEG)
        with Took() as limit:
            told.seen += decode_only(data)
        told.decoding += limit.seconds
        told.carry(data, number, context)
    return told


def simulated() -> None:
    """Tell milliseconds an image, the ratio to decoding, and where the time goes."""
    seeded(
        "journey",
        clips=range(CLIPS),
        stills=range(STILLS),
        warming=range(WARM, WARM + WARMING),
    )
    rows = [(name, make, 0.0) for name, make in KINDS.items()]
    rows += [(f"{name}, {DRAWN}", make, 1.0) for name, make in list(KINDS.items())[::2]]
    for name, make, witness in rows:
        told = measured(make, STILLS if "stills" in name else CLIPS, at_site(witness))
        per_frame = {} if "stills" in name else {"but_text_times_decoding": (
            told.seconds * (1 - told.text_share) / told.decoding
        )}  # fmt: skip
        report(
            "journey",
            name,
            images=told.seen,
            kept=told.kept,
            decoding_an_image_ms=1000 * told.decoding / told.seen,
            an_image_ms=1000 * told.seconds / told.seen,
            times_decoding=told.seconds / told.decoding,
            text_share=told.text_share,
            **per_frame,
            **told.asked(),
        )
        for step, seconds in told.watch.seconds.most_common() if not witness else ():
            report("journey", f"{name}, {step}", share=seconds / sum(told.watch.seconds.values()))


def clips() -> None:
    """Tell what each real clip costs, by the area of its frames as well."""
    context = at_site(0.0)
    demand_samples("journey")
    for path in real():
        data = next(scans_in(SAMPLES / path))
        told = Told()
        try:
            scan = read(data)
            if scan.declared_frames < 2:
                continue
            told.carry(data, 0, context)
        except Reject as rejection:
            print(f"  not released  {path}: {rejection.reason.value}")
            continue
        a_frame = 1000 * told.seconds / scan.declared_frames
        report(
            "journey",
            path,
            frames=scan.declared_frames,
            a_frame_ms=a_frame,
            by_area_ms=a_frame * SIZE[0] * SIZE[1] / (scan.height * scan.width),
            text_share=told.text_share,
            **told.asked(),
        )


def main(wanted: Sequence[str] = ()) -> None:
    """Tell of simulated scans, or of real clips."""
    cv2.setNumThreads(1)
    for make in (KINDS["the whole journey"], KINDS["stills with text"]):
        for seed in range(WARM, WARM + WARMING):
            Told().carry(write_dicom(make(seed), JPEG), seed, at_site(0.0))
    (clips if "--real" in wanted else simulated)()


if __name__ == "__main__":
    main(sys.argv[1:])
