"""What of real scans is released: each file not released with its reason, and tissue lost to text.

The pixel path of the lake on the real samples: fan, redaction, a second look in full size and one
at stored frames. A scan without a fan is tried as one that was cropped to it before it came, as its
site's file may say.
Skipped where the samples are absent.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.geometry import scans_in
from benchmarks.harness import SAMPLES, demand_samples, few, report
from echoatlas.pipeline.deidentify.pixels.check import check_redacted, check_written
from echoatlas.pipeline.deidentify.pixels.redact import redact
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.frames.normalize import normalize, plan_frames
from echoatlas.pipeline.geometry import GeometryConfig, geometry
from echoatlas.pipeline.read import read

if TYPE_CHECKING:
    from echoatlas.schemas.fan import Fan
    from echoatlas.schemas.records import Scan

MOST = 0.005  # of a fan, that text may cost where there is none
FRAMES = 120  # of a clip that are looked at


def fans_of(scan: Scan, clip: Clip) -> tuple[tuple[Fan, ...], bool]:
    """The fans of a scan, and whether it had to be taken for cropped."""
    spread = clip.spread(GeometryConfig().pictures)
    try:
        return geometry(scan, spread), False
    except Reject as rejection:
        if rejection.reason is not Reason.NO_FAN:
            raise
        return geometry(scan, spread, GeometryConfig(cropped=True)), True


def released(data: bytes) -> tuple[float, bool, bool]:
    """The share of the fan that is lost to text, whether some of it is in doubt, and whether the
    scan was taken for cropped.

    Raises:
        Reject: it is quarantined.
    """
    scan = read(data)
    clip = Clip(scan)
    fans, cropped = fans_of(scan, clip)
    cuts = redact(islice(iter(clip), FRAMES), fans)
    check_redacted(list(islice(iter(clip), FRAMES)), cuts)
    for fan, cut in zip(fans, cuts, strict=True):
        plan = plan_frames(fan, cut)
        check_written(normalize(one, plan).pixels for one in islice(iter(clip), FRAMES))
    doubted = any("text_doubtful" in cut.verdicts for cut in cuts)
    return max(cut.text_area for cut in cuts), doubted, cropped


def real() -> Iterator[str]:
    """Paths of the real samples, below their folder."""
    with (SAMPLES / "manifest.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file) if row["kind"] == "real"]
    yield from paths[: few(None, 5)]


def main() -> None:
    """Tell what is not released and why, and where much of the fan is lost."""
    demand_samples("yields")
    reasons: Counter[str] = Counter()
    lost: dict[str, float] = {}
    cropped = doubted = 0
    for path in real():
        try:
            lost[path], unsure, without = released(next(scans_in(SAMPLES / path)))
            cropped += without
            doubted += unsure
            if unsure:
                print(f"  text in doubt blacked out  {path}")
        except Reject as rejection:
            reasons[rejection.reason.value] += 1
            print(f"  not released  {path}: {rejection.reason.value}")
    for path, share in sorted(lost.items(), key=lambda one: -one[1]):
        if share > MOST:
            print(f"  {share:7.2%} lost to text  {path}")
    report(
        "yields",
        "real scans",
        scans=len(lost) + reasons.total(),
        released=len(lost),
        taken_for_cropped=cropped,
        text_in_doubt=doubted,
        lost_mean=float(np.mean(list(lost.values()))),
    )
    for reason, count in reasons.most_common():
        report("yields", f"not released, {reason}", scans=count)


if __name__ == "__main__":
    main()
