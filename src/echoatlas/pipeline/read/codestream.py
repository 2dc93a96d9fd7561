"""What a codestream says of itself: size, components, depth and color, before it is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from echoatlas.pipeline.errors import Reason, Reject

STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
# SOF0-15 but DHT, JPG and DAC; JPEG-LS has SOF55.
FRAME_HEADERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}) | {0xF7}
LOSSLESS, JPEG_LS = 0xC3, 0xF7


@dataclass(frozen=True, slots=True)
class Codestream:
    """The head of a JPEG, JPEG-LS, JPEG 2000 or JPEG XL codestream.

    Attributes:
        family: "jpeg", "jpegls", "jpeg2k" or "jpegxl".
        bits: a sample.
        process: the frame header's marker of a JPEG (0xC0 baseline, 0xC3 lossless, ...), else 0.
        ids: component ids of a JPEG.
        sampling: factors of each component of a JPEG, (horizontal, vertical).
        jfif: a JFIF marker is there.
        density: dots across and down, as that states them, in whatever unit; 0 if it does not.
        adobe: the transform flag of an Adobe APP14 marker, None without one.
        transform: JPEG 2000's multiple component transform is on; JPEG XL's is in the codec.
        texts: comments and EXIF, as bytes.
    """

    family: str
    height: int
    width: int
    components: int
    bits: int
    process: int = 0
    ids: tuple[int, ...] = ()
    sampling: tuple[tuple[int, int], ...] = ()
    jfif: bool = False
    density: tuple[int, int] = (0, 0)
    adobe: int | None = None
    transform: bool = False
    signed: bool = False
    texts: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)

    @property
    def subsampled(self) -> bool:
        """Components differ in sampling."""
        return len(set(self.sampling)) > 1

    @property
    def fractional(self) -> bool:
        """A component is sampled by no whole part of the densest: no decoder at hand reads it."""
        densest = [max(factors, default=1) for factors in zip(*self.sampling, strict=True)]
        return any(
            most % max(one, 1)
            for factors in self.sampling
            for most, one in zip(densest, factors, strict=True)
        )


def probe(data: memoryview | bytes) -> Codestream:
    """Read the head of a codestream.

    Raises:
        Reject: ``unreadable`` if it is none, or ends before its frame header.
    """
    head = bytes(data[:12])
    try:
        if head[:2] == b"\xff\xd8":
            return _jpeg(data)
        if head[:4] == b"\xff\x4f\xff\x51":
            return _jpeg2k(data, 0)
        if head[4:8] == b"jP  ":
            return _jpeg2k(data, bytes(data[:4096]).index(b"\xff\x4f\xff\x51"))
        if head[:2] == b"\xff\x0a" or head[4:8] == b"JXL ":
            return _jpegxl(data)
    except (struct.error, IndexError, ValueError):
        raise Reject(Reason.UNREADABLE, "the head of the codestream is damaged") from None
    raise Reject(Reason.UNREADABLE, "the pixel data are not of the codec that is claimed")


def _jpeg(data: memoryview | bytes) -> Codestream:
    """Markers up to the frame header (T.81 B.1.1; JFIF; Adobe TN 5116; T.87 for JPEG-LS)."""
    place, jfif, density, adobe = 2, False, (0, 0), None
    texts: list[tuple[int, bytes]] = []
    while True:
        while data[place] != 0xFF:
            place += 1
        while data[place] == 0xFF:
            place += 1
        marker = data[place]
        place += 1
        if marker in STANDALONE:
            continue
        length = data[place] << 8 | data[place + 1]
        if length < 2 or marker in (0xD9, 0xDA):
            raise ValueError("no frame header")
        if marker in FRAME_HEADERS:
            break
        if marker == 0xE0 and data[place + 2 : place + 6] == b"JFIF":
            jfif = True
            if length >= 14:
                density = struct.unpack_from(">HH", data, place + 10)
        elif marker == 0xEE and data[place + 2 : place + 7] == b"Adobe" and length >= 14:
            adobe = data[place + 13]
        elif marker in (0xFE, 0xE1):
            texts.append((marker, bytes(data[place + 2 : place + length])))
        place += length
    bits, height, width, count = struct.unpack_from(">BHHB", data, place + 2)
    parts = bytes(data[place + 8 : place + 8 + 3 * count])
    if len(parts) < 3 * count or not count:
        raise ValueError("no components")
    return Codestream(
        "jpegls" if marker == JPEG_LS else "jpeg",
        height,
        width,
        count,
        bits,
        process=marker,
        ids=tuple(parts[0::3]),
        sampling=tuple((one >> 4, one & 15) for one in parts[1::3]),
        jfif=jfif,
        density=density,
        adobe=adobe,
        texts=tuple(texts),
    )


def _jpeg2k(data: memoryview | bytes, start: int) -> Codestream:
    """SIZ and COD (T.800 A.5.1, A.6.1); Part 15 streams have the same."""
    place = start + 2
    siz = struct.unpack_from(">HHHIIIIIIIIH", data, place)
    _, _, _, x1, y1, x0, y0, *_, count = siz
    depth = data[place + 40]
    transform = False
    place += 2 + siz[1]
    while place + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, place)
        if marker == 0xFF52:
            transform = data[place + 8] == 1
            break
        if marker == 0xFF90:
            break
        place += 2 + length
    return Codestream(
        "jpeg2k",
        y1 - y0,
        x1 - x0,
        count,
        (depth & 0x7F) + 1,
        transform=transform,
        signed=depth >= 0x80,
    )


def _jpegxl(data: memoryview | bytes) -> Codestream:
    """Size and bit depth of the image header (ISO 18181-1 annex D), container or bare."""
    bits = _Bits(_jxl_codestream(data))
    bits.take(16)
    height, width = _jxl_size(bits)
    if bits.take(1):  # all default: 8 bit RGB
        return Codestream("jpegxl", height, width, 3, 8)
    if bits.take(1):  # extra fields
        bits.take(3)
        if bits.take(1):
            _jxl_size(bits)
        if bits.take(1):
            raise ValueError("previews are not expected")
        if bits.take(1):
            raise ValueError("animations are not expected")
    if bits.take(1):
        return Codestream("jpegxl", height, width, 0, 32)
    depth = (8, 10, 12)[selector] if (selector := bits.take(2)) < 3 else bits.take(6) + 1
    return Codestream("jpegxl", height, width, 0, depth)


def _jxl_codestream(data: memoryview | bytes) -> bytes:
    if data[0] == 0xFF:
        return bytes(data[:64])
    place = 12
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"jxlc":
            return bytes(data[place + 8 : place + 72])
        if kind == b"jxlp":
            return bytes(data[place + 12 : place + 76])
        if length < 8:
            break
        place += length
    raise ValueError("no codestream in the container")


def _jxl_size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if small else _jxl_side(bits)
    ratio = bits.take(3)
    if ratio:
        top, bottom = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
        return height, height * top // bottom
    return height, 8 * (bits.take(5) + 1) if small else _jxl_side(bits)


def _jxl_side(bits: _Bits) -> int:
    return bits.take((9, 13, 18, 30)[bits.take(2)]) + 1


class _Bits:
    """Bits from the least significant of each byte on, as JPEG XL packs them."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "little")
        self.left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self.left:
            raise ValueError("the image header is cut")
        taken = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return taken
