"""A picture as PNG: one way to write it, and one to read it, which say so if they can't."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

FOREIGN_ZLIB = (
    "OpenCV reads no PNG in this process: a library that was imported before it brought another"
    " zlib, as decord 0.6 does. Import echoatlas first."
)


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


def decode_png(data: bytes | NDArray[np.uint8], how: int = cv2.IMREAD_UNCHANGED) -> Picture:
    """A picture that was coded as PNG, or as JPEG, as OpenCV lays it: colors are BGR.

    Raises:
        ValueError: it is damaged.
        UsageError: no PNG can be read in this process, damaged or not.
    """
    pixels: Picture | None = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if pixels is not None:
        return pixels
    if cv2.imdecode(np.frombuffer(encode_png(np.zeros((1, 1), np.uint8)), np.uint8), how) is None:
        raise UsageError(FOREIGN_ZLIB)
    raise ValueError("the picture is damaged")


def data_url(pixels: Picture) -> str:
    """A picture as a PNG that stands in the page itself.

    Raises:
        ValueError: it can't be written.
    """
    return "data:image/png;base64," + base64.b64encode(encode_png(pixels)).decode()
