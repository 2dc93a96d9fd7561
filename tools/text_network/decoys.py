"""What scanners and tissue show that is no text, drawn over crops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.simulate.pictures.graphics import flow_colors

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Color = NDArray[np.uint8]


def gray(picture: Color) -> Color:
    """The brightest of the channels, in each of them, as a look sees it."""
    red, green, blue = cv2.split(picture)
    brightest = cv2.max(cv2.max(red, green), blue)
    return np.asarray(cv2.merge((brightest, brightest, brightest)), np.uint8)


def decoy(picture: Color, rng: Generator) -> None:
    """Draw one of them: lines, arcs, calipers, dots, scales, boxes."""
    side = picture.shape[0]
    level = int(rng.integers(110, 256))
    ink: tuple[int, int, int] = (level, level, level)
    if rng.random() < 0.25:
        ink = tuple(int(one) for one in rng.integers(0, 256, 3))  # type: ignore[assignment]
    (x, y), (u, v) = ((int(a), int(b)) for a, b in rng.integers(0, side, (2, 2)))
    kind, thick = rng.integers(12), int(rng.integers(1, 4))
    if kind == 0:
        cv2.line(picture, (x, y), (u, v), ink, thick, cv2.LINE_AA)
    elif kind == 1:
        axes = (int(rng.integers(5, side)), int(rng.integers(3, side)))
        start = float(rng.uniform(0, 360))
        stop = start + float(rng.uniform(30, 360))
        cv2.ellipse(
            picture, (x, y), axes, rng.uniform(0, 180), start, stop, ink, thick, cv2.LINE_AA
        )
    elif kind in (2, 3):
        mark = int(rng.choice((cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS, cv2.MARKER_TRIANGLE_UP)))
        for at in ((x, y), (u, v)) if kind == 3 else ((x, y),):
            cv2.drawMarker(picture, at, ink, mark, int(rng.integers(5, 16)), 1)
        for part in np.linspace(0, 1, int(rng.integers(4, 24))) if kind == 3 else ():
            cv2.circle(picture, (round(x + (u - x) * part), round(y + (v - y) * part)), 0, ink, -1)
    elif kind == 4:
        across = rng.random() < 0.5
        step, long = int(rng.integers(5, 30)), int(rng.integers(2, 8))
        for place in range(0, side, step):
            start_, stop_ = (
                ((place, y), (place, y + long)) if across else ((x, place), (x + long, place))
            )
            cv2.line(picture, start_, stop_, ink, 1)
    elif kind == 5:
        cv2.rectangle(picture, (x, y), (u, v), ink, thick)
    elif kind == 6:  # a membrane: a bright soft wave
        along = np.arange(0, side, 4)
        wave = y + rng.uniform(2, 14) * np.sin(along / rng.uniform(8, 60) + rng.uniform(0, 6))
        points = np.stack([along, wave], -1)
        if rng.random() < 0.5:
            points = points[:, ::-1]
        shown = np.zeros(picture.shape[:2], np.uint8)
        cv2.polylines(shown, [points.round().astype(np.int32)], False, 255, thick, cv2.LINE_AA)
        soft = cv2.GaussianBlur(shown, (0, 0), float(rng.uniform(0.5, 2.0)))
        picture[:] = cv2.max(picture, np.repeat(soft[..., None], 3, axis=2))
    elif kind == 7:  # specks
        count = int(rng.integers(3, 40))
        spread = rng.uniform(5, 60)
        for dx, dy in rng.normal(0, spread, (count, 2)):
            cv2.circle(picture, (int(x + dx), int(y + dy)), int(rng.integers(0, 3)), ink, -1)
    elif kind in (8, 9):
        _flow(picture, (x, y), rng)
    elif kind == 10:
        _grain(picture, (x, y), rng)
    else:
        cv2.arrowedLine(picture, (x, y), (u, v), ink, thick, cv2.LINE_AA)


def _blob(side: int, at: tuple[int, int], rng: Generator) -> NDArray[np.bool_]:
    """Somewhat round, with a rough edge."""
    coarse = cv2.resize(rng.normal(0, 1, (6, 6)).astype(np.float32), (side, side))
    y, x = np.mgrid[:side, :side]
    radii = rng.uniform(12, 70, 2)
    away = np.hypot((x - at[0]) / radii[0], (y - at[1]) / radii[1])
    return np.asarray(away + 0.4 * coarse < 1)


def _flow(picture: Color, at: tuple[int, int], rng: Generator) -> None:
    """A patch of color flow: blocks of colors, or of grays where colors are not looked at."""
    side = picture.shape[0]
    cells = -(-side // int(rng.integers(1, 7)))
    velocity = rng.normal(rng.uniform(-0.6, 0.6), rng.uniform(0.1, 0.7), (cells, cells))
    how = int(rng.choice((cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)))
    shown = cv2.resize(velocity.astype(np.float32), (side, side), interpolation=how)
    colors = flow_colors(shown.clip(-1, 1))
    where = _blob(side, at, rng)
    if rng.random() < 0.5:
        where &= np.abs(shown) > rng.uniform(0.05, 0.4)
    if rng.random() < 0.4:
        colors = gray(colors)
    picture[where] = colors[where]


def _grain(picture: Color, at: tuple[int, int], rng: Generator) -> None:
    """A patch of fine speckle, of a pixel or two."""
    side = picture.shape[0]
    noise = rng.rayleigh(1.0, (side, side)).astype(np.float32)
    sigma = rng.uniform(0.3, 1.6, 2)
    soft = cv2.GaussianBlur(noise, (0, 0), float(sigma[0]), sigmaY=float(sigma[1]))
    level = rng.uniform(30, 180) + rng.uniform(15, 70) * (soft - soft.mean()) / soft.std()
    where = _blob(side, at, rng)
    picture[where] = level.clip(0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)[where]
