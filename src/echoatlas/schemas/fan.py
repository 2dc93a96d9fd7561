"""The scanned area of a picture: its shape, scale, and the mask that it draws."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels, half open: ``x0 <= x < x1``, ``y0 <= y < y1``."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        return max(self.width, 0) * max(self.height, 0)

    @property
    def pixels(self) -> tuple[slice, slice]:
        """The index of its pixels in a picture that holds it: ``picture[box.pixels]``."""
        return slice(self.y0, max(self.y1, self.y0)), slice(self.x0, max(self.x1, self.x0))

    def met(self, other: Box) -> Box:
        """The part that two boxes share, of no area where they don't meet."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        return Box(x0, y0, max(min(self.x1, other.x1), x0), max(min(self.y1, other.y1), y0))

    def moved(self, dx: int, dy: int) -> Box:
        """The box so many pixels to the right and down."""
        return Box(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)

    def clipped(self, width: int, height: int) -> Box:
        """The part inside a picture of that size."""
        return Box(max(self.x0, 0), max(self.y0, 0), min(self.x1, width), min(self.y1, height))


class Shape(StrEnum):
    """How the scanned area is bounded; ``CROPPED`` is a picture without a surround to find."""

    LINEAR = "linear"
    TRAPEZOID = "trapezoid"
    CONVEX = "convex"
    PHASED = "phased"
    ENDOCAVITY = "endocavity"
    CIRCULAR = "circular"
    CROPPED = "cropped"


class Mode(StrEnum):
    """What the scanner shows in the area (PS3.3 C.8.5.6.1.1, value 4, and C.8.5.5.1.2)."""

    B = "b_mode"
    COLOR = "color_doppler"
    POWER = "power_doppler"
    SPECTRAL = "spectral_doppler"
    M = "m_mode"
    ELASTOGRAPHY = "elastography"
    CONTRAST = "contrast"
    VOLUME = "3d"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """Whether evidence agrees on the area well enough to rely on it."""

    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Fan:
    """The scanned area of one pane, in pixels of the picture as displayed.

    Either a ring sector (``apex``, ``radii``, ``angles``: convex, phased, endocavity, circular)
    or a polygon (``corners``: linear, trapezoid, cropped). ``mask`` draws it exactly.

    Attributes:
        apex: (x, y) of the point where all beams meet.
        radii: inner and outer radius, pixels.
        angles: left and right edge in radians, 0 pointing down (+y), positive towards +x.
        corners: polygon in order, (x, y) each.
        mm_per_px: (x, y) in millimeters, or None when nothing trustworthy states it.
        spacing_source: where ``mm_per_px`` comes from ("region", "pixel_spacing", "sidecar", "").
        score: 0 to 1, how well picture and area agree.
        found_by: codes such as "region", "fit", "region+fit", "cropped".
        stretch: height of a pixel over its width, where a picture was resized to another aspect:
            ``radii`` and ``angles`` are of a picture whose rows were spread by that much.
        clip: a rectangle that further limits the area (a sector cut off by the screen's edge).
    """

    shape: Shape
    apex: tuple[float, float] | None = None
    radii: tuple[float, float] = (0.0, 0.0)
    angles: tuple[float, float] = (0.0, 0.0)
    corners: tuple[tuple[float, float], ...] = ()
    mm_per_px: tuple[float, float] | None = None
    spacing_source: str = ""
    mode: Mode = Mode.UNKNOWN
    score: float = 0.0
    verdict: Verdict = Verdict.REVIEW
    found_by: str = ""
    pane: int = 0
    stretch: float = 1.0
    clip: Box | None = field(default=None)

    def to_json(self) -> str:
        """All that there is to know of it, as the ``frames`` table keeps it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Fan:
        """The fan that was written: equal, and so is every mask that it draws.

        Raises:
            ValueError: for text that is no fan.
        """
        found: Any = json.loads(text)
        names = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or not {"shape"} <= set(found) <= names:
            raise ValueError("this is not a fan")
        for name in ("apex", "radii", "angles", "mm_per_px"):
            if found.get(name) is not None:
                found[name] = tuple(found[name])
        found["corners"] = tuple((x, y) for x, y in found.get("corners", ()))
        for name, kind in (("shape", Shape), ("mode", Mode), ("verdict", Verdict)):
            if name in found:
                found[name] = kind(found[name])
        if found.get("clip") is not None:
            found["clip"] = Box(**found["clip"])
        return cls(**found)

    def placed(self, scale: float, offset: tuple[float, float]) -> Fan:
        """The same area in a picture whose x is ``x * scale + offset``, and y alike."""

        def there(point: tuple[float, float]) -> tuple[float, float]:
            return point[0] * scale + offset[0], point[1] * scale + offset[1]

        clip = self.clip
        if clip is not None:
            (left, top), (right, bottom) = there((clip.x0, clip.y0)), there((clip.x1, clip.y1))
            clip = Box(round(left), round(top), round(right), round(bottom))
        spacing = self.mm_per_px
        return replace(
            self,
            apex=None if self.apex is None else there(self.apex),
            radii=(self.radii[0] * scale, self.radii[1] * scale),
            corners=tuple(there(corner) for corner in self.corners),
            mm_per_px=None if spacing is None else (spacing[0] / scale, spacing[1] / scale),
            clip=clip,
        )

    def mask(self, height: int, width: int) -> NDArray[np.bool_]:
        """The area as a boolean picture of (height, width)."""
        limit = (self.clip or Box(0, 0, width, height)).clipped(width, height)
        inside = np.zeros((height, width), bool)
        if self.apex is None:
            import cv2  # whoever reads tables draws nothing, and waits for it as for all of numpy

            drawn = np.zeros((height, width), np.uint8)
            polygon = np.round(np.asarray(self.corners, np.float64)).astype(np.int32)
            cv2.fillPoly(drawn, [polygon], 1)
            inside[limit.pixels] = drawn[limit.pixels]
        else:
            limit = self._reach().met(limit)
            inside[limit.pixels] = self._ring(limit)
        return inside

    def _reach(self) -> Box:
        """A box that holds the whole circle that a ring sector is cut from."""
        (x, y), wide = self.apex or (0.0, 0.0), self.radii[1]
        high = wide / self.stretch
        return Box(
            math.floor(x - wide), math.floor(y - high),
            math.ceil(x + wide) + 1, math.ceil(y + high) + 1,
        )  # fmt: skip

    def _ring(self, box: Box) -> NDArray[np.bool_]:
        """The ring sector inside a box, by half planes: no angle is taken of any pixel."""
        apex = self.apex or (0.0, 0.0)
        x = (np.arange(box.x0, box.x1) - apex[0]).astype(np.float32)[None, :]
        y = ((np.arange(box.y0, box.y1) - apex[1]) * self.stretch).astype(np.float32)[:, None]
        distance = x * x + y * y
        inside: NDArray[np.bool_] = distance <= np.float32(self.radii[1] ** 2)
        if self.radii[0] > 0:
            inside &= distance >= np.float32(self.radii[0] ** 2)
        span = self.angles[1] - self.angles[0]
        if span < 2 * np.pi - 1e-6:
            (left_x, left_y), (right_x, right_y) = (
                (np.float32(math.cos(angle)), np.float32(math.sin(angle))) for angle in self.angles
            )
            after = x * left_x >= y * left_y
            before = x * right_x <= y * right_y
            inside &= (after & before) if span <= np.pi else (after | before)
        return inside

    def bounding_box(self, height: int, width: int) -> Box:
        """The smallest box around the area inside a picture of (height, width)."""
        inside = self.mask(height, width)
        columns = np.flatnonzero(inside.any(axis=0))
        rows = np.flatnonzero(inside.any(axis=1))
        if not len(columns):
            return Box(0, 0, 0, 0)
        return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def whole(width: int, height: int, found_by: str, verdict: Verdict, score: float) -> Fan:
    """A picture that is nothing but the scanned area."""
    corners = ((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1))
    return Fan(Shape.CROPPED, corners=corners, score=score, verdict=verdict, found_by=found_by)
