"""DICOM's run-length encoding (PS3.5 annex G), repaired where senders pad it."""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.read.dicom.pixel_data import Layout

RLE_HEADER = 64  # bytes: the number of segments, and where each begins


def _unpadded(data: bytes, plane: int) -> bytes:
    """A frame of DICOM RLE whose segments end where ``plane`` bytes are unpacked (PS3.5 G.3)."""
    if len(data) < RLE_HEADER:
        raise ValueError("the frame is shorter than its header")
    number, *offsets = struct.unpack_from("<16I", data)
    starts = offsets[:number]
    segments = []
    for start, stop in zip(starts, [*starts[1:], len(data)], strict=True):
        at, made, end = start, 0, min(stop, len(data))
        while made < plane and at < end:
            told = data[at]
            at += 2 + told if told < 128 else 1 if told == 128 else 2
            made += 1 + told if told < 128 else 0 if told == 128 else 257 - told
        segments.append(data[start:at] + b"\0" * ((at - start) % 2))
    lengths = [len(segment) for segment in segments]
    places = [RLE_HEADER + sum(lengths[:index]) for index in range(len(lengths))]
    head = struct.pack("<16I", len(places), *places, *[0] * (15 - len(places)))
    return head + b"".join(segments)


def _is_halved(plain: bytes | bytearray, layout: Layout) -> bool:
    """Whether samples of 8 bits in words are as pydicom 3 codes them: it makes bytes of them, and
    of these planes of high and low bytes as if they were words still, so that every other sample
    lies in each (``findings/eight_bits_in_words.sh``).
    """
    words = (layout.allocated, layout.components) == (16, 1) and layout.stored <= 8
    return words and len(plain) == layout.height * layout.width


def decode_rle(data: Any, layout: Layout) -> NDArray[Any]:
    """One frame of DICOM RLE (PS3.5 annex G): byte planes, always component by component.

    What follows a plane that is full is padding, and is passed over, as other readers do. Planes of
    half the length are those of pydicom's 8 bits in words (``_is_halved``).

    Raises:
        CODEC_ERRORS: if it does not unpack to exactly one frame.
    """
    size = layout.allocated // 8
    count = layout.height * layout.width * layout.components
    try:
        plain = imagecodecs.dicomrle_decode(data, f"u{size}", out=count * size)
    except imagecodecs.DicomrleError:
        bare = _unpadded(bytes(data), layout.height * layout.width)
        plain = imagecodecs.dicomrle_decode(bare, f"u{size}", out=count * size)
    if _is_halved(plain, layout):
        samples = np.frombuffer(plain, np.uint16).astype("<u2").view(np.uint8)
        return samples.astype(np.uint16).reshape(layout.height, layout.width)
    if len(plain) != count * size:
        raise ValueError("the frame unpacks to less than its size")
    planes = np.frombuffer(plain, f"u{size}")
    if layout.components == 1:
        return planes.reshape(layout.height, layout.width)
    planar = planes.reshape(layout.components, layout.height, layout.width)
    return np.ascontiguousarray(planar.transpose(1, 2, 0))
