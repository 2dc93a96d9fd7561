"""What SequenceOfUltrasoundRegions says, as far as it can be true (PS3.3 C.8.5.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.precision import pitch
from echoatlas.schemas.fan import Box, Fan

if TYPE_CHECKING:
    from echoatlas.schemas.records import Scan, UltrasoundRegion

CENTIMETERS = 3
TWO_D = 1
TISSUE, COLOR_FLOW = 1, 2
LEAST_SHARE, MOST_SHARE = 0.05, 0.98
LIKELY_MM = (0.002, 3.0)  # per pixel, from ultrasound biomicroscopy to a small abdominal picture
DEEPEST = 350.0  # millimeters that ultrasound reaches; beyond, a spacing is one that nobody set


@dataclass(frozen=True, slots=True)
class Pane:
    """A stated 2D region that can be true: its box, its data type, and its scale if believable."""

    box: Box
    data_type: int
    mm_per_px: tuple[float, float] | None


def stated_of(scan: Scan, width: int, height: int) -> list[Pane]:
    """The believable 2D regions, the largest first.

    A region that reaches outside the picture says that the pixels were cropped or resampled
    after it was written; it is left out, and with it all spacing of the header's regions.
    """
    imaging = [
        region
        for region in scan.regions
        if region.spatial_format == TWO_D and region.data_type in (TISSUE, COLOR_FLOW)
    ]
    if any(_outside(region.box, width, height) for region in imaging):
        return []
    panes = [
        Pane(region.box.clipped(width, height), region.data_type, _spacing(region))
        for region in imaging
    ]
    believed = [pane for pane in panes if pane.box.area >= LEAST_SHARE * width * height]
    return sorted(believed, key=lambda one: -one.box.area)


def panes_of(stated: Sequence[Pane], width: int, height: int) -> list[Pane]:
    """The regions that say where a fan is, left to right, a color box over tissue left out.

    One that covers the whole picture says nothing of the place, though all of the scale.
    """
    apart: list[Pane] = []
    for pane in stated:
        if pane.box.area > MOST_SHARE * width * height:
            continue
        if all(pane.box.met(other.box).area < 0.5 * pane.box.area for other in apart):
            apart.append(pane)
    return sorted(apart, key=lambda one: (one.box.x0, one.box.y0))


def _outside(box: Box, width: int, height: int) -> bool:
    # Scanners write the last pixel, or one past it; both are meant to be inside.
    return box.x0 < 0 or box.y0 < 0 or box.x1 > width + 1 or box.y1 > height + 1


def _spacing(region: UltrasoundRegion) -> tuple[float, float] | None:
    if region.units != (CENTIMETERS, CENTIMETERS):
        return None
    x, y = (abs(delta) * 10 for delta in region.delta)  # negative where the axis points back
    low, high = LIKELY_MM
    if not (low <= x <= high and low <= y <= high and 0.5 <= x / y <= 2):
        return None
    return x, y


def scaled_by(fan: Fan, stated: Sequence[Pane], scan: Scan) -> Fan:
    """The fan with millimeters a pixel, where something trustworthy states them.

    Args:
        stated: of ``stated_of``: the smallest region that the fan lies in is asked first.
    """
    box = fan.bounding_box(scan.height, scan.width)
    scaled = [pane for pane in stated if pane.mm_per_px]
    for pane in reversed(scaled):
        if pane.mm_per_px and box.met(pane.box).area > 0.5 * box.area:
            return replace(fan, mm_per_px=pitch(pane.mm_per_px), spacing_source="region")
    if scan.spacing is not None and not scaled and box.height * scan.spacing[1] <= DEEPEST:
        return replace(fan, mm_per_px=pitch(scan.spacing), spacing_source="pixel_spacing")
    return fan
