"""Areas that may be fans: where a clip's signal hangs together, at several thresholds.

Looked for on a reduced picture, whose shorter side has some 240 pixels; what is found there is
moved to the last pixel on the full one (``edges``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.geometry.signal import Signal

    Mask = NDArray[np.bool_]
    Points = NDArray[np.float64]

SIDE = 240  # pixels, about, of the reduced picture's shorter side
OFF = (4, 1, 10)  # gray levels off the screen from which a pixel is taken for an echo
CHANGED = (3, 8)  # gray levels over time, likewise
SOLID = 6
THIN = 1 / 24
SMALL = 0.12  # of the largest area, below which another is left out
MOST = 6  # connected areas
SAME = 0.98  # overlap of parts that tell the same
SHARE = 0.35  # of a reduced pixel that must be echo
LARGE = 0.1  # of the picture, an area that may be several fans
HALF = 0.2  # of an area's echoes that lie on either side of a gap between two fans
DENSE = 0.65  # of its neighborhood, where lines of text lie against the fan


@dataclass(frozen=True)
class Part:
    """A connected area of signal, or several that belong together, on the reduced picture.

    Attributes:
        mask: (h, w) bool, without holes, nor gaps between joined areas.
        outline: (n, 2) float64, (x, y) along its edge, at most a pixel apart.
        signal: (h, w) bool, without holes: the areas themselves.
        solid: taken from all that is not black: only a sector's shape can tell it from a panel.
        joined: of several areas, one above the other.
        within: where it was looked for, in pixels of the reduced picture; None for everywhere.
    """

    mask: Mask
    outline: Points
    signal: Mask
    solid: bool = False
    joined: bool = False
    within: Box | None = None

    @cached_property
    def box(self) -> Box:
        return box_of(self.mask)

    @cached_property
    def share(self) -> float:
        """Of the picture."""
        return float(self.mask.mean())


def factor_of(height: int, width: int) -> int:
    """How many pixels, each way, become one of the reduced picture."""
    return max(round(min(height, width) / SIDE), 1)


def box_of(mask: Mask) -> Box:
    """The smallest box around a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def parts_of(
    signal: Signal, within: Box | None, least: float, thin: float = THIN
) -> Iterator[list[Part]]:
    """Areas of a clip that may be a fan, or a pane's part of it: a list for each threshold.

    Args:
        within: pixels of the full picture to which the search is limited.
        least: share of the picture that an area must cover.
        thin: share of the shorter side up to which an area's strokes are lettering and bars.
    """
    found: list[Part] = []
    factor = factor_of(*signal.gray.shape)
    for mask, solid in _masks(signal, within):
        limit = within and _shrunk(within, factor)
        new = [
            replace(part, within=limit)
            for part in _grouped(_components(mask, thin), solid)
            if part.share >= least and not any(_same(part, other) for other in found)
        ]
        found += new
        yield new


def _same(one: Part, other: Part) -> bool:
    """Whether two parts leave the same fans open."""
    if one.solid != other.solid:
        return False
    both = int((one.mask & other.mask).sum())
    return both > SAME * (int(one.mask.sum()) + int(other.mask.sum()) - both)


def reduced(mask: NDArray[np.bool_], factor: int) -> NDArray[np.uint8]:
    """How much of each pixel of the reduced picture a mask covers: 0 to 255."""
    height, width = mask.shape
    raw = cv2.medianBlur(mask.view(np.uint8) * 255, 3)  # strokes of letters are thinner
    if factor == 1:
        return np.asarray(raw)
    size = -(-width // factor), -(-height // factor)
    padded = cv2.copyMakeBorder(
        raw, 0, size[1] * factor - height, 0, size[0] * factor - width, cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA))


def _masks(signal: Signal, within: Box | None) -> Iterator[tuple[Mask, bool]]:
    factor = factor_of(*signal.gray.shape)
    levels = [(signal.off, level, False) for level in OFF]
    if signal.change is not None:
        levels += [(signal.change, level, False) for level in CHANGED]
    if signal.solid is not None:
        levels.append((signal.solid, SOLID, True))
    for picture, level, solid in levels:
        cover = reduced(picture >= level, factor)
        yield _limited(cover > 255 * SHARE, within, factor), solid
        if picture is signal.off and level == OFF[0]:
            around = cv2.blur(cover, (5, 5), borderType=cv2.BORDER_REPLICATE)
            yield _limited(around > 255 * DENSE, within, factor), solid


def _limited(mask: Mask, within: Box | None, factor: int) -> Mask:
    if within is None:
        return mask
    limit = _shrunk(within, factor)
    inside = np.zeros_like(mask)
    inside[limit.pixels] = mask[limit.pixels]
    return inside


def _shrunk(box: Box, factor: int) -> Box:
    return Box(box.x0 // factor, box.y0 // factor, -(-box.x1 // factor), -(-box.y1 // factor))


def _cleaned(mask: Mask, thin: float) -> Mask:
    """Speckle closed to areas, lettering and thin bars opened away."""
    side = min(mask.shape)
    near, thin = max(side / 50, 2.0), max(side * thin, 2.0)
    pad = int(near + thin) + 2
    raw = cv2.copyMakeBorder(mask.astype(np.uint8), pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    closed = _grown(raw, near)
    closed = 1 - _grown(1 - closed, near)
    opened = 1 - _grown(1 - closed, thin)
    return np.asarray(_grown(opened, thin)[pad:-pad, pad:-pad], bool)


def _grown(mask: NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    """A mask dilated by a disk: a distance is cheaper than a large kernel."""
    distance = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)
    return np.asarray(distance <= radius, np.uint8)


def _components(mask: Mask, thin: float) -> list[Part]:
    """Connected areas with their holes filled, the largest first; panes side by side apart."""
    found: list[Part] = []
    for part in _connected(_cleaned(mask, thin)):
        for above in _above_each_other(part, mask, thin):
            edges = _panes(above, mask)
            if not edges:
                found.append(above)
            for start, end in edges:
                pane = np.zeros_like(mask)
                rows = _rows_of(mask[:, start:end])[:, None]
                pane[:, start:end] = above.mask[:, start:end] & rows
                found += _connected(pane)[:1]
    return sorted(found, key=lambda part: -part.share)


def _above_each_other(part: Part, raw: Mask, thin: float) -> list[Part]:
    """What lies above and below empty rows: a panel below a fan, or one fan below another.

    Each is cleaned anew, without the other, where that leaves enough of it: what was closed over
    the gap is no echo.
    """
    box = part.box
    shown = raw[box.pixels] & part.mask[box.pixels]
    filled = shown.mean(axis=1)
    empty = filled == 0
    if not empty.any():
        return [part]
    sums = np.cumsum(filled)
    for row in np.flatnonzero(empty[:-1] & ~empty[1:]):  # the last one of a gap
        below = filled[row + 1 : row + 3]
        panel = len(filled) > row + 3 and below.max() >= 0.8
        halves = part.share > LARGE and HALF < sums[row] / sums[-1] < 1 - HALF
        if not panel and not halves:
            continue
        found = []
        for rows in (slice(0, box.y0 + row), slice(box.y0 + row + 1, None)):
            half = np.zeros_like(part.mask)
            half[rows] = part.mask[rows]
            alone = _cleaned(half & raw, thin) if part.share > LARGE else half
            strokes = np.count_nonzero(alone) < np.count_nonzero(half) / 2  # as of a probe in air
            found += _connected(half if strokes else alone)
        return [
            one
            for half in found
            for one in (
                _above_each_other(half, raw, thin) if half.box.y0 > box.y0 + row else [half]
            )
        ]
    return [part]


def _connected(mask: Mask) -> list[Part]:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for contour in sorted(contours, key=lambda one: -cv2.contourArea(one))[:MOST]:
        area = np.zeros(mask.shape, np.uint8)
        cv2.drawContours(area, [contour], -1, 1, cv2.FILLED)
        filled = area.astype(bool)
        found.append(Part(filled, contour[:, 0, :].astype(np.float64), filled))
    return found


def _panes(part: Part, raw: Mask) -> list[tuple[int, int]]:
    """Columns at which rectangular panes start and end, where a part was closed over their gap.

    A pane's last column is all echo, and the gap's first has none: a shadow's edge is softer.
    """
    box = part.box
    shown = (raw & part.mask)[:, box.x0 : box.x1]
    empty = ~shown.any(axis=0)
    if not empty.any():
        return []
    starts = np.flatnonzero(np.diff(np.r_[True, empty, True].astype(np.int8)) == -1)
    ends = np.flatnonzero(np.diff(np.r_[True, empty, True].astype(np.int8)) == 1)
    panes = [
        (int(a), int(b)) for a, b in zip(starts, ends, strict=True) if b - a > max(box.width / 6, 8)
    ]
    if len(panes) < 2 or not all(_sharp(shown[:, a:b]) for a, b in panes):
        return []
    return [(box.x0 + a, box.x0 + b) for a, b in panes]


def _sharp(pane: Mask) -> bool:
    rows = _rows_of(pane)
    ends = pane[rows][:, [1, -2]]
    return bool(len(ends)) and float(ends.mean(axis=0).min()) > 0.8


def _rows_of(pane: Mask) -> Mask:
    """The rows of a pane that hold echoes over most of its width, and those between them."""
    used = np.flatnonzero(pane.mean(axis=1) > 0.5)
    rows = np.zeros(len(pane), bool)
    if len(used):
        rows[used[0] : used[-1] + 1] = True
    return rows


def _grouped(parts: Sequence[Part], solid: bool) -> list[Part]:
    """The larger areas each, and those above each other joined: a fan with a dark band."""
    if not parts:
        return []
    first = parts[0]
    same = [part for part in parts if _same_sides(part, first)]
    if len(same) > 1:  # one linear picture with a dark band
        first = _joined(same)
        parts = [first, *(part for part in parts if all(part is not one for one in same))]
    least = SMALL * first.share
    found = [part for part in parts if part.share >= least]
    above = [part for part in parts if _stacked(part.box, first.box)]
    if len(above) > 1:
        found.append(_joined(above))
    return [replace(part, solid=solid) for part in found]


def _same_sides(one: Part, other: Part) -> bool:
    """Whether two rectangles lie exactly one above the other."""
    a, b = one.box, other.box
    off = max(abs(a.x0 - b.x0), abs(a.x1 - b.x1))
    return off <= max(0.02 * b.width, 2) and min(map(_squareness, (one, other))) > 0.85


def _squareness(part: Part) -> float:
    """The share of a part's box that its convex outline fills."""
    hull = cv2.convexHull(part.outline.astype(np.int32))
    return cv2.contourArea(hull) / max((part.box.width - 1) * (part.box.height - 1), 1)


def _joined(parts: Sequence[Part]) -> Part:
    """Parts and all that lies between them."""
    both = np.logical_or.reduce([part.mask for part in parts])
    outline = np.concatenate([part.outline for part in parts])
    hull = cv2.convexHull(outline.astype(np.int32))
    filled = cv2.fillConvexPoly(both.astype(np.uint8), hull, 1).astype(bool)
    return Part(filled, outline, both, joined=True)


def _stacked(one: Box, other: Box) -> bool:
    """Whether the narrower of two boxes lies mostly above or below the other."""
    shared = min(one.x1, other.x1) - max(one.x0, other.x0)
    return shared > 0.7 * min(one.width, other.width)
