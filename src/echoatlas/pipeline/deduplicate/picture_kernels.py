"""The compiled loops over thumbnails (``similarity``, ``speckle_code`` say what they are for)."""

from __future__ import annotations

from typing import Any

import numpy as np

from echoatlas.pipeline.deduplicate.compiled import compiled

TEXTURED, SPECKLED = 1, 2  # bits of a pixel: there is structure; the same, away from edges


@compiled
def textures(fine: Any, power: Any, coarse: Any, across: Any, down: Any, levels: Any) -> Any:
    """What of fine structure counts, in place of it: in units of what is usual around.

    Args:
        fine: (S, S) float32, is changed. power: mean square of it around each pixel.
        coarse: the blurred picture. across, down: its slope.
        levels: dark, glare, faint, largest size of fine structure, edge's slope in units of it.

    Returns:
        (S, S) uint8: ``TEXTURED``, ``SPECKLED`` or both.
    """
    dark, glare, faint, most, edge = levels
    used = np.zeros(fine.shape, np.uint8)
    for row in range(fine.shape[0]):
        for column in range(fine.shape[1]):
            usual = np.sqrt(power[row, column])
            size = fine[row, column] / max(usual, np.float32(1e-3))
            fine[row, column] = min(max(size, -most), most)
            level = coarse[row, column]
            if dark < level < glare and usual > faint:
                x, y = across[row, column], down[row, column]
                limit = edge * max(usual, np.float32(1))
                used[row, column] = 3 if x * x + y * y < limit * limit else 1
    return used


@compiled
def windows_agree(
    one: Any, other: Any, used: Any, other_used: Any, bit: int, window: int, crowded: float
) -> Any:
    """Median over windows of the correlation of fine structure, and how many windows there are.

    Args:
        one, other: (S, S) float32. used, other_used: as of ``textures``, where ``bit`` counts.
        crowded: share of a window that must be of use.
    """
    side = one.shape[0] // window
    found = np.empty(side * side, np.float64)
    made = 0
    for top in range(0, side * window, window):
        for left in range(0, side * window, window):
            count = 0
            a, b, both = 0.0, 0.0, 0.0
            for row in range(top, top + window):
                for column in range(left, left + window):
                    if used[row, column] & other_used[row, column] & bit:
                        x, y = np.float64(one[row, column]), np.float64(other[row, column])
                        count += 1
                        a += x * x
                        b += y * y
                        both += x * y
            if count > crowded * window * window:
                found[made] = both / np.sqrt(max(a * b, 1e-6))
                made += 1
    if not made:
        return 0.0, 0
    return np.median(found[:made]), made


@compiled
def correlation(one: Any, other: Any, shown: Any, other_shown: Any, least: float) -> Any:
    """Correlation of two pictures where both are shown; everywhere if that is too little.

    Args:
        one, other: (S, S) float32. shown, other_shown: uint8. least: share of the picture.
    """
    size = one.shape[0] * one.shape[1]
    count = 0
    for row in range(one.shape[0]):
        for column in range(one.shape[1]):
            count += shown[row, column] & other_shown[row, column]
    every = count <= least * size
    count = 0
    a, b, aa, bb, ab = 0.0, 0.0, 0.0, 0.0, 0.0
    for row in range(one.shape[0]):
        for column in range(one.shape[1]):
            if every or shown[row, column] & other_shown[row, column]:
                x, y = np.float64(one[row, column]), np.float64(other[row, column])
                count += 1
                a += x
                b += y
                aa += x * x
                bb += y * y
                ab += x * y
    power = (aa - a * a / count) * (bb - b * b / count)
    return (ab - a * b / count) / np.sqrt(max(power, 1e-6))


@compiled
def _signs(fine: Any, used: Any, signs: Any, left: float, right: float, top: float, low: float,
           least: int) -> Any:  # fmt: skip
    """Correlation of signs under a framing, and of how many places; 0 if of too few."""
    side, grid = fine.shape[0], signs.shape[0]
    every = side // grid
    across, down = (right - left) / (side - 1), (low - top) / (side - 1)
    places, equal = 0, 0
    for row in range(grid):
        y = int(np.round(top + down * (row * every + every // 2)))
        if y < 0 or y >= side:
            continue
        for column in range(grid):
            x = int(np.round(left + across * (column * every + every // 2)))
            if x < 0 or x >= side or not used[y, x]:
                continue
            places += 1
            equal += fine[y, x] == signs[row, column]
    if places < least:
        return 0.0, places
    return 2.0 * equal / places - 1.0, places


@compiled
def signs_agree(
    fine: Any, used: Any, signs: Any, start: Any, steps: Any, finer: Any, least: int
) -> Any:
    """The best correlation of signs over all framings near one, and of how many places.

    Args:
        fine: (S, S) uint8, signs of a picture's fine structure. used: where they count.
        signs: (G, G) uint8, of the other picture, every S / G pixels.
        start: left, right, top and bottom edge of the other picture, in pixels of this one.
        steps, finer: by how much each edge may lie elsewhere, and then again.
    """
    edges = start.copy()
    best, most = _signs(fine, used, signs, edges[0], edges[1], edges[2], edges[3], least)
    for offsets in (steps, finer):
        begin = edges.copy()
        for left in offsets:
            for right in offsets:
                for top in offsets:
                    for low in offsets:
                        found, places = _signs(
                            fine, used, signs, begin[0] + left, begin[1] + right,
                            begin[2] + top, begin[3] + low, least,
                        )  # fmt: skip
                        if found > best:
                            best, most = found, places
                            edges[0], edges[1] = begin[0] + left, begin[1] + right
                            edges[2], edges[3] = begin[2] + top, begin[3] + low
    return np.array([best, np.float64(most)])
