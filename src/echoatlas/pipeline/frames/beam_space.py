"""Beam space: the scan as the probe took it, one column a beam, one row a depth.

A fan's shape is the scanner's choice of display; in beam space a convex, a phased and a linear
scan have the same form, speckle has the same size over the depth, and nothing is background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.fan import Fan

    Floats = NDArray[np.float32]
    Place = tuple[float, float]


def depths(fan: Fan, x: Floats, y: Floats) -> Floats:
    """How deep pixels lie: 0 at the probe's face, 1 at the far end of the beams.

    Args:
        x, y: of the pixels in the fan's picture; they broadcast.
    """
    if fan.apex is None:
        ys = [corner[1] for corner in fan.corners]
        return np.asarray(
            (y + 0 * x - min(ys)) / np.float32(max(max(ys) - min(ys), 1e-6)), np.float32
        )
    down = (y - np.float32(fan.apex[1])) * np.float32(fan.stretch)
    radius = np.hypot(x - np.float32(fan.apex[0]), down)
    inner, outer = fan.radii
    return np.asarray((radius - inner) / max(outer - inner, 1e-6), np.float32)


def grid(fan: Fan, lines: int, samples: int) -> tuple[Floats, Floats]:
    """Where the samples of beam space lie in the fan's picture, in pixels.

    Beams lie evenly over the angle (or, of a fan with corners, over its width) from the left
    edge to the right one; samples lie evenly over the depth. All at the middle of their cell.

    Returns:
        x and y, (samples, lines) each.
    """
    across = ((np.arange(lines, dtype=np.float32) + 0.5) / lines)[None, :]
    down = ((np.arange(samples, dtype=np.float32) + 0.5) / samples)[:, None]
    if fan.apex is not None:
        inner, outer = fan.radii
        angle = fan.angles[0] + (fan.angles[1] - fan.angles[0]) * across
        radius = inner + (outer - inner) * down
        x = fan.apex[0] + radius * np.sin(angle)
        y = fan.apex[1] + radius * np.cos(angle) / fan.stretch
    else:
        left, right = _sides(fan)
        start = left[0] + (left[1] - left[0]) * down
        stop = right[0] + (right[1] - right[0]) * down
        x = start + (stop - start) * across
        ys = [corner[1] for corner in fan.corners]
        y = min(ys) + (max(ys) - min(ys)) * down + 0 * across
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def place_of(point: tuple[float, float], samples: tuple[Floats, Floats]) -> Place | None:
    """Where a point of a picture lies among its samples in beam space, or None off the fan.

    Args:
        point: (x, y), pixels beginning at whole numbers.
        samples: what ``grid`` returned.

    Returns:
        (beam, depth) in samples, which begin at whole numbers as pixels do.
    """
    x, y = samples
    away = np.hypot(x - np.float32(point[0] - 0.5), y - np.float32(point[1] - 0.5))
    row, column = divmod(int(away.argmin()), x.shape[1])
    row_before, row_after = max(row - 1, 0), min(row + 1, len(x) - 1)
    before, after = max(column - 1, 0), min(column + 1, x.shape[1] - 1)
    apart = max(
        np.hypot(x[row, after] - x[row, before], y[row, after] - y[row, before]),
        np.hypot(x[row_after, column] - x[row_before, column],
                 y[row_after, column] - y[row_before, column]),
    )  # fmt: skip
    if away[row, column] > max(float(apart), 1.0):
        return None
    return column + 0.5, row + 0.5


def cells(samples: tuple[Floats, Floats]) -> Floats:
    """How many pixels of the picture each sample in beam space stands for."""
    x, y = samples
    x_down, x_across = np.gradient(x)
    y_down, y_across = np.gradient(y)
    return np.asarray(np.abs(x_across * y_down - x_down * y_across), np.float32)


def _sides(fan: Fan) -> tuple[tuple[float, float], tuple[float, float]]:
    """x at the top and the bottom, of the left and the right side; of odd polygons, of the box."""
    if len(fan.corners) == 4:
        (top_left, top_right, bottom_right, bottom_left) = fan.corners
        return (top_left[0], bottom_left[0]), (top_right[0], bottom_right[0])
    xs = [corner[0] for corner in fan.corners]
    return (min(xs), min(xs)), (max(xs), max(xs))
