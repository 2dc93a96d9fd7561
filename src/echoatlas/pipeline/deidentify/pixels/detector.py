"""What a text detector is, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from echoatlas.schemas.fan import Box
from echoatlas.schemas.records import Alone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, or a word of it.

    Attributes:
        corners: (x, y) of the four corners of a rotated rectangle, pixels.
        score: 0 to 1, how sure the detector is.
        doubt: whether the judge could neither confirm nor dismiss it.
        alone: whose word it is.
    """

    corners: tuple[tuple[float, float], ...]
    score: float
    doubt: bool = False
    alone: Alone = Alone.NO

    def scaled(self, by: float, dx: float = 0.0, dy: float = 0.0) -> Line:
        """The line in a picture ``by`` times as large, then moved by (dx, dy)."""
        moved = tuple((x * by + dx, y * by + dy) for x, y in self.corners)
        return replace(self, corners=moved)

    def grown(self, pixels: float) -> Line:
        """The line with each of its edges moved outwards."""
        center, (width, height), angle = cv2.minAreaRect(np.asarray(self.corners, np.float32))
        size = (width + 2 * pixels, height + 2 * pixels)
        corners = cv2.boxPoints((center, size, angle))
        return replace(self, corners=tuple((float(x), float(y)) for x, y in corners))

    def padded(self, across: float, along: float) -> Line:
        """The line made thicker and longer, by so many pixels on each side and at each end."""
        center, (width, height), angle = cv2.minAreaRect(np.asarray(self.corners, np.float32))
        more = (along, across) if width >= height else (across, along)
        size = (width + 2 * more[0], height + 2 * more[1])
        corners = cv2.boxPoints((center, size, angle))
        return replace(self, corners=tuple((float(x), float(y)) for x, y in corners))

    def meets(self, other: Line) -> bool:
        """Whether two lines have any area in common."""
        one, two = (np.asarray(line.corners, np.float32) for line in (self, other))
        return cv2.rotatedRectangleIntersection(cv2.minAreaRect(one), cv2.minAreaRect(two))[0] > 0

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether (x, y) lies in its rectangle."""
        return cv2.pointPolygonTest(np.asarray(self.corners, np.float32), point, False) >= 0

    @property
    def middle(self) -> tuple[float, float]:
        """(x, y) of its rectangle's middle."""
        x, y = np.mean(self.corners, axis=0)
        return float(x), float(y)

    @property
    def thickness(self) -> float:
        """The shorter side of its rectangle: the height of the letters, pixels."""
        return float(min(cv2.minAreaRect(np.asarray(self.corners, np.float32))[1]))

    @property
    def length(self) -> float:
        """The longer side of its rectangle, pixels."""
        return float(max(cv2.minAreaRect(np.asarray(self.corners, np.float32))[1]))

    def box(self, height: int, width: int) -> Box:
        """The upright box around it, inside a picture of (height, width)."""
        x, y = zip(*self.corners, strict=True)
        outer = Box(
            int(np.floor(min(x))),
            int(np.floor(min(y))),
            int(np.ceil(max(x))) + 1,
            int(np.ceil(max(y))) + 1,
        )
        return outer.clipped(width, height)


class Detector(Protocol):
    """Finds text in pictures; a deployment may bring its own.

    Attributes:
        id: name and version, for the audit.
        weights: SHA-256 of what it has learned, "" for none.
        scale: how many times it enlarges a picture before it looks.
    """

    @property
    def id(self) -> str: ...

    @property
    def weights(self) -> str: ...

    @property
    def scale(self) -> float: ...

    def find(self, pictures: Sequence[Picture]) -> list[list[Line]]:
        """The lines of text of each picture, (H, W) or (H, W, 3) uint8, in its pixels."""
        ...


def drawn(lines: Sequence[Line], height: int, width: int) -> NDArray[np.bool_]:
    """The area that lines cover, as a boolean picture of (height, width)."""
    area = np.zeros((height, width), np.uint8)
    for line in lines:
        corners = np.round(np.asarray(line.corners)).astype(np.int32)
        cv2.fillConvexPoly(area, corners, 1)
    return area.astype(bool)
