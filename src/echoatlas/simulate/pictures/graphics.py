"""What scanners and their users draw over a picture that names nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.schemas.fan import Box
from echoatlas.simulate.pictures.lettering import ink, stamp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Color = tuple[int, int, int]
YELLOW, GREEN, WHITE = (240, 220, 70), (60, 220, 80), (230, 230, 230)


def calipers(picture: Picture, box: Box, rng: np.random.Generator, mm: float) -> tuple[str, Box]:
    """Two crosses joined by dots inside ``box``, and the distance written below it.

    Returns:
        The text of the measurement, and its box.
    """
    x = (box.x0 + box.width * rng.uniform(0.35, 0.65, 2)).astype(int)
    y = (box.y0 + box.height * rng.uniform(0.35, 0.65, 2)).astype(int)
    for at in zip(x, y, strict=True):
        cv2.drawMarker(picture, (int(at[0]), int(at[1])), YELLOW, cv2.MARKER_CROSS, 11, 1)
    for part in np.linspace(0, 1, 14):
        dot = int(x[0] + (x[1] - x[0]) * part), int(y[0] + (y[1] - y[0]) * part)
        cv2.circle(picture, dot, 0, YELLOW, -1)
    text = f"+ Dist {np.hypot(x[1] - x[0], y[1] - y[0]) * mm / 10:.2f} cm"
    height, width = picture.shape[:2]
    letters = ink(text, max(8, height // 60), "freetype")
    at_text = (width - letters.shape[1] - 8, height - letters.shape[0] - 10)
    return text, stamp(picture, letters, at_text, YELLOW)


def body_mark(picture: Picture, at: tuple[int, int], size: int) -> None:
    """A little torso with the probe's place on it."""
    x, y = at
    outline = np.array([(-3, -4), (3, -4), (4, 0), (3, 5), (-3, 5), (-4, 0)]) * size // 10
    cv2.polylines(picture, [(outline + np.array(at)).astype(np.int32)], True, WHITE, 1, cv2.LINE_AA)
    cv2.line(picture, (x - size // 8, y), (x + size // 8, y + size // 10), GREEN, 2)


def cursor(picture: Picture, at: tuple[int, int]) -> None:
    """An arrow, as the trackball leaves it."""
    tip = np.array([(0, 0), (0, 14), (4, 10), (9, 10)]) + at
    cv2.fillPoly(picture, [tip.astype(np.int32)], WHITE)


def color_bar(picture: Picture, box: Box) -> None:
    """The scale of velocities: red over black over blue."""
    levels = np.linspace(1, -1, box.height)[:, None]
    picture[box.y0 : box.y1, box.x0 : box.x1] = flow_colors(levels)


def flow_colors(velocity: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Velocities from -1 to 1 as the usual colors: towards the probe red to yellow, away blue."""
    speed = np.abs(velocity)
    warm = np.stack([80 + 175 * speed, 230 * speed**2, 30 * speed], -1)
    cold = np.stack([30 * speed, 230 * speed**2, 80 + 175 * speed], -1)
    return np.asarray(np.where(velocity[..., None] >= 0, warm, cold), np.uint8)


def color_box(beams: Picture, phase: float, seed: int) -> Picture:
    """Paint flow into (samples, lines) gray beams, inside an outlined box of beams.

    Args:
        phase: of the pulse, radians.

    Returns:
        (samples, lines, 3) RGB.
    """
    rng = np.random.default_rng([seed, 7])
    high, wide = beams.shape
    top, bottom = int(high * rng.uniform(0.25, 0.35)), int(high * rng.uniform(0.6, 0.75))
    left, right = int(wide * rng.uniform(0.22, 0.34)), int(wide * rng.uniform(0.66, 0.78))
    shape = (bottom - top, right - left)
    velocity = cv2.resize(
        rng.normal(0, 0.7, (5, 5)).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    velocity = velocity * np.float32(0.6 + 0.4 * np.sin(phase))
    grain = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 1.5)
    painted = np.repeat(beams[..., None], 3, axis=2)
    spot = painted[top:bottom, left:right]
    shown = np.abs(velocity + grain * 0.3) > 0.35
    spot[shown] = flow_colors(np.clip(velocity + grain * 0.4, -1, 1))[shown]
    cv2.rectangle(painted, (left, top), (right, bottom), (220, 220, 220), 1)
    return painted


def ecg(picture: Picture, box: Box, phase: float) -> None:
    """A strip of electrocardiogram with the cursor of time at ``phase`` (radians)."""
    x = np.arange(box.width)
    beat = (x / box.width * 4) % 1.0
    wave = 0.15 * np.exp(-(((beat - 0.2) / 0.04) ** 2)) + np.exp(-(((beat - 0.4) / 0.012) ** 2))
    wave += 0.3 * np.exp(-(((beat - 0.65) / 0.06) ** 2)) - 0.2 * (np.abs(beat - 0.43) < 0.012)
    y = box.y1 - 4 - wave * (box.height - 8) * 0.8 - box.height * 0.1
    line = np.stack([x + box.x0, y], -1).astype(np.int32)
    cv2.polylines(picture, [line], False, GREEN, 1, cv2.LINE_AA)
    now = box.x0 + int((phase / (2 * np.pi)) % 1.0 * box.width)
    cv2.line(picture, (now, box.y0), (now, box.y1 - 1), WHITE, 1)
