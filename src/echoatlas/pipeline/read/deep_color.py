"""Color of 16 bits a channel in PNG, of which Pillow gives the high byte alone.

8 or 12 bits that a program put into 16 are next to nothing in that byte. So they are shifted up
before Pillow sees them, and transparency, an animation's frames and how a picture is turned are
left to it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.read.config import check_size
from echoatlas.pipeline.read.png_chunks import (
    HEADER,
    PngFrame,
    coded_png_rows,
    frames_of,
    png_samples,
    rewritten_png,
    whole_chunks,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.read.config import ReadConfig

CHANNELS, COLORS = {2: 3, 4: 2, 6: 4}, {2: 3, 4: 1, 6: 3}  # of color types; with, without alpha


def in_all_bits(data: bytes, config: ReadConfig) -> bytes:
    """A PNG whose colors fill their 16 bits: shifted by the fewest that hold the largest, as gray
    is scaled, the same for all frames.

    Args:
        data: a PNG, whole or not.

    Returns:
        ``data`` itself of other pictures, of those that use 16 bits, and of those that end early.

    Raises:
        Reject: ``too_large``, ``unreadable``.
    """
    chunks = whole_chunks(data)
    if chunks is None:
        return data
    try:
        width, height, depth, color, *ways = HEADER.unpack(chunks[0][1])
        if depth != 16 or color not in CHANNELS:
            return data
        frames = frames_of(chunks, width, height)
        for frame in frames:
            check_size(frame.height, frame.width, len(frames), config)
        bits = 8
        for frame in frames:  # decoded again below: all of a clip together may be large
            top = int(_decoded(frame, color, ways)[..., : COLORS[color]].max())
            bits = max(top.bit_length() if frame.shown else 0, bits)
            if bits == 16:
                return data
        lifted = {frame.place: _lifted(frame, color, ways, 16 - bits) for frame in frames}
    except (ValueError, struct.error):
        return data
    chunks[0] = (b"IHDR", HEADER.pack(width, height, depth, color, 0, 0, 0))
    return rewritten_png(chunks, {at for frame in frames for at in frame.places}, lifted)


def _decoded(frame: PngFrame, color: int, ways: list[int]) -> NDArray[np.uint16]:
    """Samples, (H, W, channels).

    Raises:
        ValueError: it is something else than it was said to be.
        Reject: ``unreadable``.
    """
    head = HEADER.pack(frame.width, frame.height, 16, color, *ways)
    chunks = [(b"IHDR", head), (b"IDAT", b"".join(frame.coded)), (b"IEND", b"")]
    samples = png_samples(chunks)
    if samples.dtype != np.uint16 or samples.shape != (frame.height, frame.width, CHANNELS[color]):
        raise ValueError("not the samples that the header states")
    return samples


def _lifted(frame: PngFrame, color: int, ways: list[int], lift: int) -> bytes:
    """The coded rows of a frame whose colors are so many bits larger."""
    samples = _decoded(frame, color, ways)
    samples[..., : COLORS[color]] <<= lift
    return coded_png_rows(samples)
