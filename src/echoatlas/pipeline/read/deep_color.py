"""Color of 16 bits a channel in PNG, of which Pillow gives the high byte alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imagecodecs
import numpy as np

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture

DEPTH, COLOR_TYPE = 24, 25  # places in a PNG (3rd ed., 11.2.1)
IN_COLOR, WITH_ALPHA = 2, 6


def deep_color(data: bytes, high: Picture) -> Picture:
    """A PNG's colors by the fewest bits that hold the largest, as gray is scaled.

    8 or 12 bits that a program put into 16 are next to nothing in the high byte.

    Args:
        data: a PNG that Pillow decoded, so it is whole.
        high: what it made of it, as it lies in the file.

    Returns:
        ``high`` itself of other pictures, and where 16 bits are used.
    """
    if high.ndim != 3 or data[DEPTH] != 16 or data[COLOR_TYPE] not in (IN_COLOR, WITH_ALPHA):
        return high
    try:
        samples = imagecodecs.png_decode(data)
    except (imagecodecs.PngError, ValueError):
        return high
    if samples.dtype != np.uint16 or samples.shape[:2] != high.shape[:2]:
        return high
    bits = max(int(samples[..., :3].max()).bit_length(), 8)
    if bits == 16:
        return high
    colors = samples[..., :3].astype(np.uint32)
    if samples.shape[2] == 4:  # transparent parts are black
        colors = (colors * samples[..., 3:] + 32767) // 65535
    return np.asarray(colors >> (bits - 8), np.uint8)
