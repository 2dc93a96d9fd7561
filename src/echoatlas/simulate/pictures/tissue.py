"""What is scanned: echogenicity over the scanned plane, and how it moves.

Places are in units of the imaging depth, ``x`` to the right of the probe's axis and ``y`` away
from its face, so that one organ looks alike under every shape of fan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

CHAMBERS = (  # center and radii
    ((-0.14, 0.36), (0.09, 0.15)),
    ((0.13, 0.36), (0.12, 0.19)),
    ((-0.14, 0.72), (0.1, 0.12)),
    ((0.14, 0.74), (0.11, 0.12)),
)
Recipe = Callable[["Plane", np.random.Generator], None]


@dataclass
class Plane:
    """A plane under construction: decibels of echogenicity, and of shadow that falls below."""

    x: Floats
    y: Floats
    decibels: Floats

    def ellipse(
        self,
        center: tuple[float, float],
        radii: tuple[float, float],
        level: float,
        *,
        wall: float | None = None,
        behind: float = 0.0,
        tilt: float = 0.0,
    ) -> None:
        """Put an ellipse of a level (dB), with a bright wall and an effect on what lies behind.

        Args:
            behind: decibels added to the beams below: positive enhances, negative shadows.
        """
        dx, dy = self.x - center[0], self.y - center[1]
        c, s = np.cos(tilt), np.sin(tilt)
        away = np.hypot((dx * c + dy * s) / radii[0], (dy * c - dx * s) / radii[1])
        if behind:
            under = np.maximum.accumulate(away < 1, axis=0) & (away >= 1)
            self.decibels[under] += behind
        self.decibels[away < 1] = level
        if wall is not None:
            self.decibels[np.abs(away - 1) < 0.05] = wall

    def layer(self, top: float, bottom: float, level: float, wave: float, phase: float) -> None:
        """Put a wavy layer between two depths."""
        edge = wave * np.sin(self.x * 9 + phase)
        self.decibels[(self.y > top + edge) & (self.y < bottom + edge)] = level


def _layers(plane: Plane, rng: np.random.Generator) -> None:
    depth = 0.03
    while depth < 0.95:
        thick = rng.uniform(0.05, 0.16)
        phase = rng.uniform(0, 6)
        plane.layer(depth, depth + thick, rng.uniform(-20, -6), 0.012, phase)
        plane.layer(depth + thick, depth + thick + 0.012, rng.uniform(-2, 4), 0.012, phase)
        depth += thick + 0.012


def _lesion(plane: Plane, rng: np.random.Generator) -> None:
    _layers(plane, rng)
    plane.ellipse(
        (rng.uniform(-0.2, 0.2), rng.uniform(0.35, 0.55)),
        (rng.uniform(0.1, 0.2), rng.uniform(0.07, 0.14)),
        -24,
        behind=rng.choice([-12, 5]),
        tilt=rng.uniform(-0.4, 0.4),
    )


def _solid(plane: Plane, rng: np.random.Generator) -> None:
    plane.layer(0.0, 0.09, -8, 0.01, rng.uniform(0, 6))
    plane.decibels[plane.y > 0.1] = -11
    plane.layer(0.82, 0.85, 6, 0.06, rng.uniform(0, 6))
    for _ in range(rng.integers(4, 8)):
        center = (rng.uniform(-0.5, 0.5), rng.uniform(0.2, 0.75))
        plane.ellipse(
            center,
            (rng.uniform(0.02, 0.07), rng.uniform(0.012, 0.022)),
            -42,
            wall=-4,
            tilt=rng.uniform(-1, 1),
        )


def _kidney(plane: Plane, rng: np.random.Generator) -> None:
    _solid(plane, rng)
    center, tilt = (rng.uniform(-0.1, 0.1), rng.uniform(0.42, 0.55)), rng.uniform(-0.4, 0.4)
    plane.ellipse(center, (0.34, 0.17), -17, wall=-1, tilt=tilt)
    plane.ellipse(center, (0.2, 0.07), -3, tilt=tilt)


def _cyst(plane: Plane, rng: np.random.Generator) -> None:
    _solid(plane, rng)
    center = (rng.uniform(-0.1, 0.1), rng.uniform(0.4, 0.5))
    plane.ellipse(center, (rng.uniform(0.18, 0.3), rng.uniform(0.14, 0.22)), -60, wall=0, behind=7)


def _stones(plane: Plane, rng: np.random.Generator) -> None:
    _cyst(plane, rng)
    for _ in range(rng.integers(1, 4)):
        center = (rng.uniform(-0.12, 0.12), rng.uniform(0.5, 0.56))
        plane.ellipse(center, (0.03, 0.02), 8, behind=-26)


def _heart(plane: Plane, rng: np.random.Generator) -> None:
    """A heart of its own: size, place, shape of each chamber and gain differ as patients' do."""
    plane.decibels[:] = -14
    size, tilt = rng.uniform(0.78, 1.15), rng.uniform(-0.35, 0.35)
    x, y = rng.uniform(-0.1, 0.1), rng.uniform(0.46, 0.58)
    plane.ellipse((x, y), (0.36 * size, 0.44 * size), -9, wall=0, tilt=tilt)
    c, s = np.cos(tilt), np.sin(tilt)
    for center, radii in CHAMBERS:
        across, down = size * center[0], size * (center[1] - 0.52)
        place = x + across * c - down * s, y + across * s + down * c
        shape = radii[0] * size * rng.uniform(0.7, 1.3), radii[1] * size * rng.uniform(0.75, 1.25)
        plane.ellipse(place, shape, -55, wall=-3, tilt=tilt + rng.uniform(-0.25, 0.25))
    plane.decibels += np.float32(rng.uniform(-5, 5))


def _model_heart(plane: Plane, rng: np.random.Generator) -> None:
    """The same heart in each patient, but for its tilt: the hard case for deduplication."""
    plane.decibels[:] = -14
    plane.ellipse((0.0, 0.52), (0.36, 0.44), -9, wall=0, tilt=rng.uniform(-0.2, 0.2))
    for center, radii in CHAMBERS:
        plane.ellipse(center, radii, -55, wall=-3)


def _head(plane: Plane, rng: np.random.Generator) -> None:
    plane.decibels[:] = -26
    plane.layer(0.0, 0.12, -10, 0.02, rng.uniform(0, 6))
    center, tilt = (rng.uniform(-0.06, 0.06), 0.52), rng.uniform(-0.6, 0.6)
    plane.ellipse(center, (0.37, 0.29), 7, tilt=tilt, behind=-8)
    plane.ellipse(center, (0.345, 0.265), -22, tilt=tilt)
    plane.ellipse(center, (0.3, 0.006), 0, tilt=tilt)
    plane.ellipse((center[0] - 0.12, center[1] + 0.08), (0.07, 0.03), -8, tilt=tilt)


def _fetus(plane: Plane, rng: np.random.Generator) -> None:
    plane.decibels[:] = -12
    plane.ellipse((0.0, 0.5), (0.42, 0.33), -58, wall=-5, behind=5)
    plane.ellipse((-0.13, 0.55), (0.13, 0.12), -10, wall=5)
    plane.ellipse((0.1, 0.58), (0.19, 0.1), -10, wall=-2, tilt=rng.uniform(-0.3, 0.3))


def _lung(plane: Plane, rng: np.random.Generator) -> None:
    plane.decibels[:] = -34
    plane.layer(0.0, 0.14, -12, 0.008, 1.0)
    for echo in range(1, 6):
        plane.layer(0.16 * echo, 0.16 * echo + 0.015, 8 - 7 * echo, 0.0, 0.0)
    for side in (-1, 1):
        x = side * rng.uniform(0.24, 0.34)
        plane.ellipse((x, 0.1), (0.06, 0.03), 4, behind=-24)


def _vessel(plane: Plane, rng: np.random.Generator) -> None:
    _layers(plane, rng)
    y = rng.uniform(0.35, 0.5)
    plane.ellipse(
        (0.0, y), (1.6, rng.uniform(0.09, 0.13)), -52, wall=2, tilt=rng.uniform(-0.1, 0.1)
    )


def _ring(plane: Plane, rng: np.random.Generator) -> None:
    plane.decibels[:] = -14
    away = np.hypot(plane.x, plane.y)
    for radius, level in ((0.35, -48), (0.5, -4), (0.62, -22), (0.7, 0)):
        bend = radius * (1 + 0.08 * np.sin(3 * np.arctan2(plane.y, plane.x) + rng.uniform(0, 6)))
        plane.decibels[(away > bend - 0.06) & (away < bend + 0.06)] = level


RECIPES: dict[str, Recipe] = {
    "abdomen/kidney": _kidney,
    "abdomen/gallbladder": _stones,
    "abdomen/appendix": _layers,
    "abdomen": _solid,
    "pelvis/urinary_bladder": _cyst,
    "pelvis/ovary": _cyst,
    "pelvis/uterus": _fetus,
    "pelvis/prostate": _ring,
    "pelvis": _cyst,
    "fetus/fetal_head": _head,
    "fetus": _fetus,
    "thorax/heart": _heart,
    "thorax/heart/model": _model_heart,
    "thorax/lung": _lung,
    "thorax": _lesion,
    "head_neck/brain": _head,
    "head_neck/carotid_artery": _vessel,
    "head_neck": _lesion,
    "upper_limb": _layers,
    "lower_limb": _layers,
    "back": _layers,
    "other": _vessel,
}


def echogenicity(anatomy: str, x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """Decibels over a plane for a region or region/organ of the tree; about 0 is bright.

    Args:
        x, y: (samples, lines) places in units of the imaging depth; beams run along axis 0.
    """
    plane = Plane(x, y, np.full(x.shape, -14.0, np.float32))
    recipe = RECIPES.get(anatomy) or RECIPES.get(anatomy.split("/")[0], _solid)
    recipe(plane, rng)
    drift = cv2.resize(
        rng.normal(0, 2.0, (6, 6)).astype(np.float32), x.shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    softened = cv2.GaussianBlur(plane.decibels + drift, (0, 0), 1.0)
    attenuation = np.linspace(2, -10, x.shape[0], dtype=np.float32)[:, None]
    main_bang = np.float32(14) * np.exp(-np.linspace(0, 60, x.shape[0], dtype=np.float32))[:, None]
    return np.asarray(softened + attenuation + main_bang, np.float32)
