"""Find the scanned areas of a clip: what the header says, checked against what the picture shows.

Everything outside of what is found here is blacked out, so doubt never passes: an area that the
picture does not bear out is sent to review or rejected, and nothing found is a rejection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.geometry.fit import fitted
from echoatlas.pipeline.geometry.mode import mode_of, only_traces
from echoatlas.pipeline.geometry.regions import Pane, panes_of
from echoatlas.pipeline.geometry.signal import GAPS, Signal, signal_of
from echoatlas.pipeline.step import step
from echoatlas.schemas.fan import Box, Fan, Shape, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture, Scan


@dataclass(frozen=True, slots=True)
class GeometryConfig:
    """When an area is relied on.

    Attributes:
        pictures: how many of a clip are looked at.
        cropped: the site says that its pictures are cropped to the fan.
        accept, review: least agreement (IoU of area and signal) for each verdict; below
            ``review`` the area is rejected.
        least_area: share of the picture that a pane must cover.
        most_panes: more areas than this are no ultrasound screen.
    """

    pictures: int = 16
    cropped: bool = False
    accept: float = 0.95
    review: float = 0.85
    least_area: float = 0.03
    most_panes: int = 4


@step("geometry", version=1)
def geometry(
    scan: Scan, pictures: Sequence[Picture], config: GeometryConfig = GeometryConfig()
) -> tuple[Fan, ...]:
    """The scanned areas of a clip, one a pane, left to right.

    Args:
        pictures: spread evenly over the clip, (H, W) or (H, W, 3) uint8, all of one size.

    Raises:
        Reject: ``not_imaging`` if only traces or spectra are shown, ``no_fan`` if nothing is
            found, ``geometry_disagrees`` if what is found is not borne out by the picture,
            ``no_pixels`` without a picture, ``frame_mismatch`` if sizes differ.
    """
    if not pictures:
        raise Reject(Reason.NO_PIXELS)
    height, width = pictures[0].shape[:2]
    if any(picture.shape[:2] != (height, width) for picture in pictures):
        raise Reject(Reason.FRAME_MISMATCH, "the frames differ in size")
    if only_traces(scan):
        raise Reject(Reason.NOT_IMAGING)
    if config.cropped:
        fans: list[Fan] = [_whole(width, height, "cropped", Verdict.ACCEPT, 1.0)]
    else:
        fans = _found(scan, pictures, config)
    stated = panes_of(scan, width, height)
    mode = mode_of(scan, pictures, fans)
    return tuple(
        replace(_scaled(fan, stated, scan), mode=mode, pane=number)
        for number, fan in enumerate(fans)
    )


def _found(scan: Scan, pictures: Sequence[Picture], config: GeometryConfig) -> list[Fan]:
    height, width = pictures[0].shape[:2]
    signal = signal_of(pictures)
    stated = panes_of(scan, width, height)
    parts = [
        part
        for part in signal.parts([pane.box for pane in stated], config.most_panes)
        if part.mean() >= config.least_area and not signal.lettered(part)
    ]
    if not parts:
        raise Reject(Reason.NO_FAN)
    if signal.fills_picture(parts[0]) and not stated:
        if signal.colored:  # a photograph fills its picture too
            raise Reject(Reason.NO_FAN, "the picture has no surround, and is colored")
        return [_whole(width, height, "cropped_seen", Verdict.REVIEW, float(parts[0].mean()))]
    fans = [_judged(fitted(part), part, signal, stated, config) for part in parts]
    kept = [fan for fan in fans if fan.verdict is not Verdict.REJECT]
    if not kept:
        raise Reject(Reason.GEOMETRY_DISAGREES, f"agreement {max(f.score for f in fans):.2f}")
    return kept


def _whole(width: int, height: int, found_by: str, verdict: Verdict, score: float) -> Fan:
    corners = ((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1))
    return Fan(Shape.CROPPED, corners=corners, score=score, verdict=verdict, found_by=found_by)


def _judged(
    fan: Fan,
    part: NDArray[np.bool_],
    signal: Signal,
    stated: list[Pane],
    config: GeometryConfig,
) -> Fan:
    """Score a fit by its agreement with the signal, and with the stated region if there is one."""
    mask = fan.mask(*part.shape)
    score = float((mask & part).sum() / max((mask | part).sum(), 1))
    found_by = fan.found_by
    verdict = (
        Verdict.ACCEPT
        if score >= config.accept and found_by == "fit" and signal.filled(part) >= GAPS
        else Verdict.REVIEW
        if score >= config.review
        else Verdict.REJECT
    )
    if stated:
        best = max(stated, key=lambda pane: mask[_slices(pane.box)].sum())
        within = mask[_slices(best.box)].sum() / max(mask.sum(), 1)
        if within >= 0.97:
            found_by = f"region+{found_by}"
        elif verdict is Verdict.ACCEPT:
            verdict = Verdict.REVIEW
    return replace(fan, score=round(score, 4), verdict=verdict, found_by=found_by)


def _scaled(fan: Fan, stated: list[Pane], scan: Scan) -> Fan:
    """The fan with millimeters a pixel, where something trustworthy states them."""
    box = fan.bounding_box(scan.height, scan.width)
    for pane in stated:
        shared = Box(
            max(box.x0, pane.box.x0), max(box.y0, pane.box.y0),
            min(box.x1, pane.box.x1), min(box.y1, pane.box.y1),
        )  # fmt: skip
        if pane.mm_per_px and shared.width > 0 and shared.area > 0.5 * box.area:
            return replace(fan, mm_per_px=pane.mm_per_px, spacing_source="region")
    if scan.spacing is not None and not stated:
        return replace(fan, mm_per_px=scan.spacing, spacing_source="pixel_spacing")
    return fan


def _slices(box: Box) -> tuple[slice, slice]:
    return slice(box.y0, box.y1), slice(box.x0, box.x1)
