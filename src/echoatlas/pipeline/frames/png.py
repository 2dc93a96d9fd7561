"""A picture as PNG: one way to write it, which says so if it can't."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echoatlas.schemas.records import Picture


def encode_png(picture: Picture) -> bytes:
    """A picture, (H, W) gray or (H, W, 3) RGB uint8, as PNG.

    Raises:
        ValueError: it can't be written, as one with a side of more than a million pixels.
    """
    return _encoded(picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1]))


def _encoded(shown: Picture, how: Sequence[int] = ()) -> bytes:
    done, data = cv2.imencode(".png", shown, how)
    if not done:
        raise ValueError(f"a picture of {' x '.join(map(str, shown.shape))} cannot be written")
    return data.tobytes()


def small_png(levels: Picture, bits: int = 8) -> bytes:
    """A picture of few levels, (H, W) uint8, as PNG: half as large as ``encode_png`` makes it.

    Its rows are compressed as they are, for a filter hides that they repeat each other.

    Args:
        bits: a pixel, 8 or 1; with 1, whatever is not 0 comes back as 255.
    """
    how = [
        *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT),
        *(cv2.IMWRITE_PNG_COMPRESSION, 9),
        *(cv2.IMWRITE_PNG_BILEVEL, int(bits == 1)),
    ]
    return _encoded(np.where(levels != 0, np.uint8(255), np.uint8(0)) if bits == 1 else levels, how)


def data_url(pixels: Picture) -> str:
    """A picture as a PNG that stands in the page itself.

    Raises:
        ValueError: it can't be written.
    """
    return "data:image/png;base64," + base64.b64encode(encode_png(pixels)).decode()
