"""Hand-drawn outlines of real fans, and the masks that they draw: for benchmark and tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]


def drawn_fans() -> dict[str, Any]:
    """Path below the samples to outline."""
    text = (Path(__file__).parents[1] / "tests" / "geometry" / "real_fans.json").read_text("utf-8")
    fans: dict[str, Any] = json.loads(text)["fans"]
    return fans


def drawn_mask(fan: dict[str, Any], height: int, width: int) -> NDArray[np.bool_]:
    """The mask of an outline of points and three-point arcs."""
    points: list[Point] = []
    for item in fan["outline"]:
        points += _arc(*item) if isinstance(item[0], list) else [(item[0], item[1])]
    drawn = np.zeros((height, width), np.uint8)
    cv2.fillPoly(drawn, [np.round(np.array(points)).astype(np.int32)], 1)
    x0, y0, x1, y1 = fan.get("clip", (0, 0, width, height))
    clipped = np.zeros_like(drawn)
    clipped[y0:y1, x0:x1] = drawn[y0:y1, x0:x1]
    return clipped.astype(bool)


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max((one | other).sum(), 1))


def _arc(start: Point, middle: Point, end: Point) -> list[Point]:
    points = np.array([start, middle, end], float)
    normals = 2 * (points[1:] - points[0])
    center = np.linalg.solve(normals, (points[1:] ** 2 - points[0] ** 2).sum(axis=1))
    angles = np.unwrap(np.arctan2(*(points - center).T[::-1]), period=2 * np.pi)
    radius = float(np.hypot(*(points[0] - center)))
    return [
        (float(center[0] + radius * np.cos(t)), float(center[1] + radius * np.sin(t)))
        for t in np.linspace(angles[0], angles[2], 64)
    ]
