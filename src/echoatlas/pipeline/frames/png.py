"""A picture as PNG: one way to write it, which says so if it can't."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


def encode_png(picture: Picture) -> bytes:
    """A picture, (H, W) gray or (H, W, 3) RGB uint8, as PNG.

    Raises:
        ValueError: it can't be written, as one with a side of more than a million pixels.
    """
    shown = picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])
    done, data = cv2.imencode(".png", shown)
    if not done:
        raise ValueError(f"a picture of {' x '.join(map(str, picture.shape))} cannot be written")
    return data.tobytes()


def data_url(pixels: Picture) -> str:
    """A picture as a PNG that stands in the page itself.

    Raises:
        ValueError: it can't be written.
    """
    return "data:image/png;base64," + base64.b64encode(encode_png(pixels)).decode()
