"""Frames that DICOM wraps itself: RLE, deflated, uncompressed (PS3.5 A.4)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from echoatlas.pipeline.read.dicom.pixel_data import Layout, native_frame
from echoatlas.pipeline.read.dicom.rle import decode_rle


def inflate_frame(data: Any, layout: Layout) -> NDArray[Any]:
    """One frame of Deflated Image Frame Compression (PS3.5 A.4.13): native samples, deflated.

    Raises:
        CODEC_ERRORS: if it does not unpack to exactly one frame.
    """
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    return plain_frame(memoryview(engine.decompress(data, layout.frame_bytes + 2)), layout)


def inflated_length(data: Any, layout: Layout) -> int:
    """Bytes of a deflated frame, a few more than it may have at most; 0 if it is damaged."""
    most = layout.height * layout.width * layout.components * layout.allocated // 8 + 2
    try:
        return len(zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, most))
    except zlib.error:
        return 0


def plain_frame(data: memoryview, layout: Layout) -> NDArray[Any]:
    """One frame of Encapsulated Uncompressed (PS3.5 A.4.11): native samples in a fragment.

    Raises:
        ValueError: if it is not exactly one frame, and a byte of padding.
    """
    if not 0 <= len(data) - layout.frame_bytes <= 1:
        raise ValueError("the fragment is not as long as a frame")
    return native_frame(data, layout, 0, little=True, words=False)


# Codec of a transfer syntax whose frames are bare samples to what unpacks one.
BARE: dict[str, Callable[[memoryview, Layout], NDArray[Any]]] = {
    "rle": decode_rle,
    "uncompressed": plain_frame,
    "deflated": inflate_frame,
}
