"""Ultrasonix research files: a header of 19 numbers, then frames without anything between them.

The numbers are of 32 bits, little endian: kind, frames, width, height, bits a sample, the corners
of the scanned area (8 numbers), probe, transmit and sampling frequency, frames a second, line
density, and one more (Ultrasonix RP SDK, ``uFileHeader``).
"""

from __future__ import annotations

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.axes import COLOR, PLANE, STACK
from echoatlas.pipeline.read.arrays.layouts import raw
from echoatlas.pipeline.read.arrays.scan import array_scan
from echoatlas.pipeline.read.config import ReadConfig, check_size
from echoatlas.pipeline.read.sniff import ULTRASONIX
from echoatlas.schemas.records import Scan

PICTURES = {4: 8, 8: 32}  # .b8 and .b32, after scan conversion: bits a sample
# What other kinds are, all before it or of something else.
OTHERS = {2: ".bpr", 16: ".rf", 32: ".mpr", 64: ".drf", 128: ".crf", 256: ".pw", 1024: ".col"}
RATE = 16  # the number that tells of frames a second


def read_ultrasonix(data: bytes, config: ReadConfig) -> Scan:
    """A .b8 or .b32 file.

    Raises:
        Reject: ``not_an_image`` for those of other kinds, ``unreadable``, ``too_large``.
    """
    numbers = ULTRASONIX.unpack_from(data)
    kind, frames, width, height, bits = numbers[:5]
    if kind not in PICTURES:
        raise raw(f"Ultrasonix {OTHERS[kind]}", "the .b8 or .b32 file of the same scan")
    if bits != PICTURES[kind] or len(data) - ULTRASONIX.size != frames * width * height * bits // 8:
        raise Reject(Reason.UNREADABLE, "kind and size of the samples disagree")
    check_size(height, width, frames, config)
    samples = np.frombuffer(data, np.uint8, offset=ULTRASONIX.size)
    step = 1000 / numbers[RATE] if numbers[RATE] > 0 else None
    if bits == 8:
        values = samples.reshape(frames, height, width)
    else:  # blue, green, red, and a fourth that says nothing
        values = samples.reshape(frames, height, width, 4)[..., 2::-1]
    kinds = [STACK, PLANE, PLANE, COLOR][: values.ndim]
    return array_scan(values, "ultrasonix", config, kinds=kinds, step_ms=step)
