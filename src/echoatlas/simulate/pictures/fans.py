"""Fans of every shape, with the exact truth, and the conversion of beams to screen pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.schemas.fan import Box, Fan, Mode, Shape, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

DEPTH_MM = {
    Shape.LINEAR: 40.0,
    Shape.TRAPEZOID: 50.0,
    Shape.CONVEX: 150.0,
    Shape.PHASED: 160.0,
    Shape.ENDOCAVITY: 80.0,
    Shape.CIRCULAR: 40.0,
}


def fit(
    shape: Shape,
    area: Box,
    rng: np.random.Generator,
    *,
    depth_mm: float | None = None,
    up: bool = False,
    pane: int = 0,
    clipped: bool = False,
) -> Fan:
    """The largest fan of a shape inside an area, with proportions drawn as probes have them.

    Args:
        area: where the screen leaves room for it.
        depth_mm: imaging depth; None for the shape's usual one.
        up: beams point up (endocavity probes on some scanners).
        clipped: zoom in by a fifth, so that the area's edges cut the fan.
    """
    depth = depth_mm or DEPTH_MM[shape]
    if shape in (Shape.LINEAR, Shape.TRAPEZOID):
        return _polygon(shape, area, rng, depth, pane)
    half, ratio = {
        Shape.CONVEX: (rng.uniform(0.5, 0.68), rng.uniform(0.25, 0.42)),
        Shape.PHASED: (rng.uniform(0.68, 0.79), 0.0),
        Shape.ENDOCAVITY: (rng.uniform(1.08, 1.35), rng.uniform(0.12, 0.2)),
        Shape.CIRCULAR: (np.pi, rng.uniform(0.1, 0.2)),
    }[shape]
    nearest = -1.0 if shape is Shape.CIRCULAR else ratio * np.cos(half)
    widest = 1.0 if half > np.pi / 2 else np.sin(half)
    outer = min(area.width / (2 * widest), area.height / (1 - nearest)) - 1
    middle_x = (area.x0 + area.x1) / 2
    clip = None
    if clipped:
        outer *= 1.2
        clip = area
    slack = max(area.height - outer * (1 - nearest), 0.0) * 0.05
    apex_y = area.y0 + slack - nearest * outer
    middle = 0.0
    if up:
        apex_y = area.y1 - slack + nearest * outer
        middle = np.pi
    scale = depth / (outer * (1 - ratio))
    return Fan(
        shape,
        apex=(round(middle_x, 2), round(float(apex_y), 2)),
        radii=(round(float(outer * ratio), 2), round(float(outer), 2)),
        angles=(round(middle - float(half), 5), round(middle + float(half), 5)),
        mm_per_px=(float(scale), float(scale)),
        spacing_source="simulated",
        mode=Mode.B,
        score=1.0,
        verdict=Verdict.ACCEPT,
        found_by="truth",
        pane=pane,
        clip=clip,
    )


def _polygon(shape: Shape, area: Box, rng: np.random.Generator, depth: float, pane: int) -> Fan:
    wide, high = area.width - 2, area.height - 2
    aspect = rng.uniform(0.85, 1.25) if shape is Shape.LINEAR else rng.uniform(1.1, 1.4)
    width, height = (
        (int(high * aspect), high) if high * aspect < wide else (wide, int(wide / aspect))
    )
    left, top = area.x0 + (area.width - width) // 2, area.y0 + (area.height - height) // 5
    inset = 0 if shape is Shape.LINEAR else int(width * rng.uniform(0.14, 0.22))
    right, bottom = left + width, top + height
    return Fan(
        shape,
        corners=(
            (left + inset, top),
            (right - inset, top),
            (right, bottom),
            (left, bottom),
        ),
        mm_per_px=(depth / height, depth / height),
        spacing_source="simulated",
        mode=Mode.B,
        score=1.0,
        verdict=Verdict.ACCEPT,
        found_by="truth",
        pane=pane,
    )


@lru_cache(32)
def area_of(fan: Fan, height: int, width: int) -> tuple[NDArray[np.bool_], Box]:
    """``Fan.mask`` and the box around it, drawn once; not to be written to."""
    mask = fan.mask(height, width)
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    mask.flags.writeable = False
    return mask, Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


@dataclass(frozen=True)
class Beams:
    """Beam-space sampling of one fan.

    Attributes:
        box: the fan's bounding box in the picture; the arrays of pixels below have its size.
        mask: (h, w) bool, the fan inside its box.
        line, sample: (h, w) float32, where each pixel lies in beam space.
        x, y: (samples, lines) float32, place of each beam sample in units of the imaging depth:
            ``x`` to the right of the probe's axis, ``y`` away from the probe's face.
        depth: (samples,) float32, 0 at the probe to 1 along the beam.
    """

    fan: Fan
    box: Box
    mask: NDArray[np.bool_]
    line: Floats
    sample: Floats
    x: Floats
    y: Floats
    depth: Floats

    def show(self, beams: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Scan-convert (samples, lines[, 3]) to the pixels of ``box``, black outside the fan."""
        picture: NDArray[np.uint8] = cv2.remap(
            beams, self.line, self.sample, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        picture[~self.mask] = 0
        return picture


def beams_of(fan: Fan, height: int, width: int, samples: int = 0, lines: int = 192) -> Beams:
    """Prepare the scan conversion of a fan in a picture of (height, width).

    Args:
        samples: along a beam; 0 for about one a pixel, at most 512.
    """
    whole, box = area_of(fan, height, width)
    mask = whole[box.y0 : box.y1, box.x0 : box.x1]
    px = np.arange(box.x0, box.x1, dtype=np.float32)[None, :]
    py = np.arange(box.y0, box.y1, dtype=np.float32)[:, None]
    if fan.apex is None:
        (tl, tr, br, bl) = fan.corners
        length = bl[1] - tl[1]
        samples = samples or int(min(length, 512))
        depth = np.broadcast_to((py - tl[1]) / length, mask.shape)
        left = tl[0] + (bl[0] - tl[0]) * depth
        right = tr[0] + (br[0] - tr[0]) * depth
        across = (px - left) / (right - left)
        grid_depth = np.linspace(0, 1, samples, dtype=np.float32)
        share = np.linspace(0, 1, lines, dtype=np.float32)[None, :]
        edge = (tl[0] + (bl[0] - tl[0]) * grid_depth)[:, None]
        span = ((tr[0] - tl[0]) + ((br[0] - bl[0]) - (tr[0] - tl[0])) * grid_depth)[:, None]
        x = (edge + span * share - (tl[0] + tr[0]) / 2) / length
        y = np.broadcast_to(grid_depth[:, None], (samples, lines))
    else:
        inner, outer = fan.radii
        samples = samples or int(min(outer - inner, 512))
        middle, opening = sum(fan.angles) / 2, fan.angles[1] - fan.angles[0]
        dx, dy = px - fan.apex[0], py - fan.apex[1]
        depth = (np.hypot(dx, dy) - inner) / (outer - inner)
        turned = (np.arctan2(dx, dy) - middle + np.pi) % (2 * np.pi) - np.pi
        across = turned / opening + 0.5
        grid_depth = np.linspace(0, 1, samples, dtype=np.float32)
        radius = (inner + (outer - inner) * grid_depth)[:, None] / (outer - inner)
        angle = (np.linspace(-0.5, 0.5, lines, dtype=np.float32) * opening)[None, :]
        x = radius * np.sin(angle)
        y = radius * np.cos(angle) - (0 if opening > 6 else inner / (outer - inner))
    return Beams(
        fan,
        box,
        mask,
        (across * (lines - 1)).astype(np.float32),
        (depth * (samples - 1)).astype(np.float32),
        x.astype(np.float32),
        np.ascontiguousarray(y, np.float32),
        grid_depth,
    )
