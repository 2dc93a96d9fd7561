"""What coded pictures are told by, whatever container they lie in: a digest of them alone.

The same JPEG lies loose, in a DICOM file and in an AVI; the same H.264 in MP4, MKV and DICOM. What
containers add is left out: comments and applications' segments, padding, the lengths or start codes
between units, and parameter sets, which one container keeps among its pictures and another apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

SIZE = 16  # bytes of a digest
SEGMENTS = frozenset({*range(0xE0, 0xF0), 0xFE})  # of applications, and comments
SCAN, END = 0xDA, b"\xff\xd9"
START_CODE = re.compile(rb"\x00\x00\x01")
JPEG = "jpeg"


def codestream_digest(pictures: Iterable[bytes | memoryview], family: str) -> str:
    """A digest of coded pictures in their order, hexadecimal.

    Args:
        pictures: each as its container has it.
        family: of their codec: "jpeg", "jpegls", "jpeg2k", "jpegxl".
    """
    whole = hashlib.blake2b(family.encode(), digest_size=SIZE)
    for picture in pictures:
        data = bytes(picture)
        alone = _jpeg(data) if family == JPEG else data.rstrip(b"\0")
        whole.update(hashlib.blake2b(alone, digest_size=SIZE).digest())
    return whole.hexdigest()


def _jpeg(data: bytes) -> bytes:
    """A JPEG without what applications wrote into it, up to its end marker."""
    place, kept = 2, [data[:2]]
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # filled
            place += 1
            continue
        if marker == SCAN:
            break
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker not in SEGMENTS:
            kept.append(data[place:end])
        place = end
    end = data.rfind(END, place)
    return b"".join([*kept, data[place : end if end > 0 else len(data)]])


class Packets:
    """A digest of a video's coded pictures, taken packet by packet as they are demuxed."""

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        self._codec = codec
        self._extra = bytes(extradata or b"")
        self._units = {"h264": _is_h264_picture, "hevc": _is_hevc_picture}.get(codec)
        self._whole = hashlib.blake2b(
            (JPEG if codec == "mjpeg" else codec).encode(), digest_size=SIZE
        )

    def add(self, packet: Any) -> None:
        """Take a packet, or its bytes."""
        data = bytes(packet)
        if self._codec == "mjpeg":
            self._whole.update(hashlib.blake2b(_jpeg(data), digest_size=SIZE).digest())
        elif self._units is None:
            self._whole.update(data)
        else:
            for unit in self._cut(data):
                if unit and self._units(unit):
                    self._whole.update(hashlib.blake2b(unit, digest_size=SIZE).digest())

    def hexdigest(self) -> str:
        """The digest of all that was taken."""
        return self._whole.hexdigest()

    def _cut(self, data: bytes) -> Iterable[bytes]:
        """The units of a packet, without start codes or lengths (ISO/IEC 14496-15 5.3, 8.3)."""
        if self._extra[:1] != b"\x01":
            return [unit.rstrip(b"\0") for unit in START_CODE.split(data)[1:]]
        at = 4 if self._codec == "h264" else 21
        size = (self._extra[at] & 3) + 1 if len(self._extra) > at else 4
        units, place = [], 0
        while place + size < len(data):
            end = place + size + int.from_bytes(data[place : place + size], "big")
            units.append(data[place + size : end].rstrip(b"\0"))
            place = end
        return units


def _is_h264_picture(unit: bytes) -> bool:
    return 1 <= unit[0] & 31 <= 5


def _is_hevc_picture(unit: bytes) -> bool:
    return unit[0] >> 1 & 63 < 32
