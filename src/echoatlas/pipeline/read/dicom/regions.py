"""Ultrasound regions, pixel spacing and the shape of pixels of a DICOM header."""

from __future__ import annotations

import math

from pydicom.dataset import Dataset

from echoatlas.pipeline.read.aspect import unequal
from echoatlas.pipeline.read.dicom.values import read_items, read_texts, read_value
from echoatlas.schemas.fan import Box
from echoatlas.schemas.records import UltrasoundRegion

REGIONS, PIXEL_MEASURES = 0x00186011, 0x00289110
PIXEL_ASPECT_RATIO = 0x00280034
SHARED, PER_FRAME = 0x52009229, 0x52009230
CORNERS = (
    "RegionLocationMinX0",
    "RegionLocationMinY0",
    "RegionLocationMaxX1",
    "RegionLocationMaxY1",
)


def ultrasound_regions(header: Dataset) -> tuple[UltrasoundRegion, ...]:
    """The items of SequenceOfUltrasoundRegions that have a place, unchecked, in order."""
    regions = []
    for item in read_items(header, REGIONS):
        corners = [_value(item, keyword) for keyword in CORNERS]
        if any(corner is None for corner in corners):
            continue
        x0, y0, x1, y1 = (int(corner) for corner in corners if corner is not None)
        (x0, x1), (y0, y1) = sorted((x0, x1)), sorted((y0, y1))  # some scanners write them swapped
        regions.append(
            UltrasoundRegion(
                box=Box(x0, y0, x1 + 1, y1 + 1),  # the standard's corners are inside
                spatial_format=int(_value(item, "RegionSpatialFormat") or 0),
                data_type=int(_value(item, "RegionDataType") or 0),
                flags=int(_value(item, "RegionFlags") or 0),
                delta=(
                    _value(item, "PhysicalDeltaX") or 0.0,
                    _value(item, "PhysicalDeltaY") or 0.0,
                ),
                units=(
                    int(_value(item, "PhysicalUnitsXDirection") or 0),
                    int(_value(item, "PhysicalUnitsYDirection") or 0),
                ),
            )
        )
    return tuple(regions)


def pixel_spacing(header: Dataset) -> tuple[float, float] | None:
    """(x, y) millimeters a pixel; DICOM gives the distance of rows first."""
    places = [header]
    for groups in (SHARED, PER_FRAME):
        for item in read_items(header, groups)[:1]:
            places += read_items(item, PIXEL_MEASURES)[:1]
    for place in places:
        for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
            value = place.get(keyword)
            if value is None or isinstance(value, (str, float)) or len(value) != 2:
                continue
            rows, columns = (_number(part) for part in value)
            if rows and columns and rows > 0 and columns > 0:
                return columns, rows
    return None


def pixel_aspect(
    header: Dataset,
    regions: tuple[UltrasoundRegion, ...],
    spacing: tuple[float, float] | None,
) -> tuple[str, ...]:
    """The flag of pixels that are no squares: vertical, then horizontal side (C.7.6.3.1.7).

    None where spacing, or a region's deltas in one unit, state both sides: they count.
    """
    if spacing or any(all(one.delta) and len(set(one.units)) == 1 for one in regions):
        return ()
    sides = read_texts(read_value(header, PIXEL_ASPECT_RATIO))
    return unequal(*map(float, sides)) if len(sides) == 2 and all(map(_is_whole, sides)) else ()


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _value(item: Dataset, keyword: str) -> float | None:
    return _number(item.get(keyword))


def _number(value: object) -> float | None:
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
