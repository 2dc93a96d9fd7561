"""Whether pictures carry color: most ultrasound is gray, and three times less work as such."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

CHROMA = 40  # max - min of red, green and blue from which a pixel carries color
BRIGHT = 60  # of their maximum
SAMPLED = 16  # one row of this many is looked at first: most colored screens show it there


def chroma(pixels: Picture) -> NDArray[np.bool_]:
    """Where (H, W, 3) pixels carry color: (H, W) bool."""
    red, green, blue = cv2.split(pixels)
    most = cv2.max(cv2.max(red, green), blue)
    least = cv2.min(cv2.min(red, green), blue)
    return np.asarray((cv2.subtract(most, least) > CHROMA) & (most > BRIGHT))


def plain(picture: Picture) -> Picture:
    """A picture as gray if it provably is: (H, W, 3) becomes (H, W) if no pixel has color."""
    if picture.ndim == 2 or _gray(picture[::SAMPLED]) is None:
        return picture
    gray = _gray(picture)
    return picture if gray is None else gray


def _gray(picture: Picture) -> Picture | None:
    """One of three components that are equal, or None."""
    red, green, blue = cv2.split(picture)
    if cv2.norm(red, green, cv2.NORM_INF) or cv2.norm(green, blue, cv2.NORM_INF):
        return None
    return np.asarray(green, np.uint8)
