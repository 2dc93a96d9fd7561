"""A picture as PNG for a page: one way from pixels to a data URL."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


def data_url(pixels: Picture) -> str:
    """A picture as a PNG that stands in the page itself."""
    _, data = cv2.imencode(".png", pixels if pixels.ndim == 2 else pixels[..., ::-1])
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()
