"""Bring what came with the data into the frame of the stored image: classes, masks, boxes, points.

Coordinates are given in pixels of the source picture, edges of pixels at whole numbers, and go
the way the picture went: normalized = native * scale + offset (``Normalized``). In beam space they
go where the beams went that pass through them; a box becomes the box around what became of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.frames.beam_space import cells, place_of
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.precision import rounded
from echoatlas.pipeline.step import setting, step
from echoatlas.schemas.records import SourceAnnotation
from echoatlas.schemas.rows.frames import AnnotationRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Normalized


Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class AnnotateConfig:
    """What is kept.

    Attributes:
        min_inside: share of a mask's or box's area that has to lie inside the stored image.
    """

    min_inside: float = setting(0.5, 0, 1, "share", was="least_inside")


@step("annotate", version=3)
def annotate(
    given: SourceAnnotation,
    frame: Normalized,
    frame_id: str,
    object_id: str,
    config: AnnotateConfig | None = None,
    fingerprint: str = "",
) -> AnnotationRow | None:
    """Tie an annotation to a frame.

    Args:
        frame: the normalized picture: its scale and offset carry coordinates over.

    Returns:
        The row, its points and mask in the stored image; or None where less of it than
        ``config.min_inside`` lies inside the crop, so that it no longer says what it said. In
        beam space also for points off the fan, and for lengths in pixels: these have a direction.

    Raises:
        Reject: ``frame_mismatch`` if a mask is smaller than the picture that was cropped.
    """
    config = config or AnnotateConfig()
    number, points, mask = given.number, list(given.points), b""
    if frame.beams is not None and given.kind in ("box", "keypoints"):
        found = _along_beams(given, frame, config)
        if found is None:
            return None
        points = found
    elif given.kind in ("box", "keypoints"):
        carried = carry(points, frame)
        if _inside(carried, frame, given.kind) < config.min_inside:
            return None
        points = _clipped(carried, frame) if given.kind == "box" else carried
    elif given.kind == "mask" and given.mask is not None:
        drawn, share = carry_mask(given.mask, frame)
        if share < config.min_inside:
            return None
        mask = encode_png(drawn)
    elif given.kind == "scalar" and given.unit == "px" and number is not None:
        if frame.beams is not None:
            return None
        number = number * frame.scale
    flat = [rounded(float(value)) for point in points for value in point]
    number = rounded(number)
    said = json.dumps([given.kind, given.name, given.value, number, given.unit, flat])
    digest = hashlib.blake2b(f"{frame_id}\0{said}\0".encode() + mask, digest_size=16)
    return AnnotationRow(
        annotation_id=digest.hexdigest(),
        frame_id=frame_id,
        object_id=object_id,
        kind=given.kind,
        name=given.name,
        value=given.value,
        number=number,
        unit=given.unit,
        points=flat,
        mask=mask,
        mask_native=b"",
        source=given.source,
        fingerprint=fingerprint,
    )


def carry(points: Points, frame: Normalized) -> list[tuple[float, float]]:
    """Points of the source picture as points of the stored image."""
    return [
        (x * frame.scale + frame.offset[0], y * frame.scale + frame.offset[1]) for x, y in points
    ]


def carry_mask(mask: NDArray[np.uint8], frame: Normalized) -> tuple[NDArray[np.uint8], float]:
    """A mask of the source picture as one of the stored image, without new values.

    Returns:
        (size, size) uint8 with the mask's own values, and the share of its area that is inside.

    Raises:
        Reject: ``frame_mismatch`` if the mask is smaller than the crop.
    """
    height, width = frame.pixels.shape[:2]
    if frame.beams is not None:
        x, y = frame.beams
        fine = cv2.remap(mask, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
        inside = float(cells(frame.beams)[fine > 0].sum())
        each = len(fine) // height
        middle = np.ascontiguousarray(fine[each // 2 :: each, each // 2 :: each], np.uint8)
        whole = float(np.count_nonzero(mask))
        return middle, min(inside / whole, 1.0) if whole else 1.0
    left, top = (-frame.offset[0] / frame.scale, -frame.offset[1] / frame.scale)
    if mask.shape[1] < frame.native[0] or mask.shape[0] < frame.native[1]:
        raise Reject(Reason.FRAME_MISMATCH, "The mask is smaller than its picture.", "annotate")
    # Pixel centers: stored (i + 0.5) lies over native (i + 0.5) / scale + left.
    columns = np.floor((np.arange(width) + 0.5) / frame.scale + left).astype(int)
    rows = np.floor((np.arange(height) + 0.5) / frame.scale + top).astype(int)
    seen_x = (columns >= 0) & (columns < mask.shape[1])
    seen_y = (rows >= 0) & (rows < mask.shape[0])
    drawn = np.zeros((height, width), np.uint8)
    drawn[np.ix_(seen_y, seen_x)] = mask[np.ix_(rows[seen_y], columns[seen_x])]
    whole = float(np.count_nonzero(mask)) * frame.scale**2
    # An empty mask says that nothing is there, which stays true.
    share = min(np.count_nonzero(drawn) / whole, 1.0) if whole else 1.0
    return drawn, share


def _along_beams(
    given: SourceAnnotation, frame: Normalized, config: AnnotateConfig
) -> list[tuple[float, float]] | None:
    """A box or points in beam space, or None where too little of them lies in the fan."""
    assert frame.beams is not None
    each = len(frame.beams[0]) // frame.pixels.shape[0]
    if given.kind == "keypoints":
        places = [place_of(point, frame.beams) for point in given.points]
        found = [(x / each, y / each) for place in places if place for x, y in (place,)]
        return found if found and len(found) == len(places) else None
    (x0, y0), (x1, y1) = given.points
    x, y = frame.beams[0] + 0.5, frame.beams[1] + 0.5  # pixels begin at whole numbers
    inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    area = (x1 - x0) * (y1 - y0)
    if area <= 0 or float(cells(frame.beams)[inside].sum()) < config.min_inside * area:
        return None
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return [
        (float(columns[0]) / each, float(rows[0]) / each),
        (float(columns[-1] + 1) / each, float(rows[-1] + 1) / each),
    ]


def _inside(points: Points, frame: Normalized, kind: str) -> float:
    """Share of a box's area, or of points, inside the stored image."""
    height, width = frame.pixels.shape[:2]
    if kind == "keypoints":
        within = [0 <= x <= width and 0 <= y <= height for x, y in points]
        return sum(within) / len(within) if within else 0.0
    (x0, y0), (x1, y1) = points
    area = (x1 - x0) * (y1 - y0)
    (u0, v0), (u1, v1) = _clipped(points, frame)
    return (u1 - u0) * (v1 - v0) / area if area > 0 else 0.0


def _clipped(points: Points, frame: Normalized) -> list[tuple[float, float]]:
    height, width = frame.pixels.shape[:2]
    return [(min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))) for x, y in points]
