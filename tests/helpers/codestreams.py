"""DICOM files that hide an identifier in what carries the picture: cells, items, codestreams."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator

import numpy as np
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments

from echoatlas.simulate import make_still, write_dicom
from tests.helpers.hiding import Say
from tests.helpers.torture import EXPLICIT, Trap

JPEG, JPEG_LS, J2K, JPEG_XL, RLE = (
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.5",
)  # fmt: skip
STILL = make_still(seed=7, screen="none", size=(320, 240))
Hide = Callable[[bytes, Say], bytes]


def codestreams() -> Iterator[Trap]:
    """Each way, with words of its own; ``name`` is the file's."""
    for name, make in FILES.items():
        say = Say(name)
        data = make(say)
        yield Trap(name, data, tuple(say.planted))


def _dicom(syntax: str, change: Callable[[Dataset, Say], bytes | None]) -> Callable[[Say], bytes]:
    def make(say: Say) -> bytes:
        ds = dcmread(io.BytesIO(write_dicom(STILL, syntax)))
        behind = change(ds, say) or b""
        buffer = io.BytesIO()
        dcmwrite(buffer, ds, implicit_vr=False, little_endian=True, force_encoding=True)
        return buffer.getvalue() + behind

    return make


def _coded(syntax: str, hide: Hide) -> Callable[[Say], bytes]:
    """A DICOM file whose only codestream is changed by ``hide``."""

    def change(ds: Dataset, say: Say) -> None:
        stream = b"".join(list(generate_fragments(ds.PixelData))[1:])
        _encapsulated(ds, [hide(stream, say)])

    return _dicom(syntax, change)


def _encapsulated(ds: Dataset, frames: list[bytes]) -> None:
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True


def _segments(*markers: int) -> Hide:
    """Marker segments after SOI of a JPEG or JPEG-LS, each with a word."""

    def hide(stream: bytes, say: Say) -> bytes:
        extra = b"".join(
            struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body
            for marker in markers
            for body in [b"Exif\0\0" + say().encode()]
        )
        return stream[:2] + extra + stream[2:]

    return hide


def _j2k_comment(stream: bytes, say: Say) -> bytes:
    at = stream.index(b"\xff\x52")  # before COD, in the main header
    body = b"\0\1" + say().encode()
    return stream[:at] + b"\xff\x64" + struct.pack(">H", 2 + len(body)) + body + stream[at:]


def _unused_tables(stream: bytes, say: Say) -> bytes:
    """A quantization and a Huffman table that no component of a JPEG refers to."""
    quantization = b"\x03" + (say().encode() * 7)[:64]
    word = say().encode()
    huffman = b"\x13" + bytes([0] * 7 + [len(word)] + [0] * 8) + word
    extra = [(0xDB, quantization), (0xC4, huffman)]
    at = stream.index(b"\xff\xda")
    segments = b"".join(struct.pack(">BBH", 0xFF, m, 2 + len(b)) + b for m, b in extra)
    return stream[:at] + segments + stream[at:]


def _second_picture(stream: bytes, say: Say) -> bytes:
    """A thumbnail behind the picture, as some viewers leave it, with a comment of its own."""
    return stream + _segments(0xFE)(stream, say)


def _jp2_boxes(stream: bytes, say: Say) -> bytes:
    """A JPEG 2000 codestream in a file of boxes, which DICOM forbids and readers accept."""

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + kind + body

    height, width = STILL.pictures[0].shape[:2]
    head = box(b"ihdr", struct.pack(">IIHBBBB", height, width, 1, 7, 7, 0, 0))
    color = box(b"colr", b"\1\0\0" + struct.pack(">I", 17))
    return b"".join(
        [
            box(b"jP  ", b"\r\n\x87\n"),
            box(b"ftyp", b"jp2 \0\0\0\0jp2 "),
            box(b"jp2h", head + color),
            box(b"uuid", b"U" * 16 + say().encode()),
            box(b"xml ", say().encode()),
            box(b"jp2c", stream),
            box(b"free", say().encode()),
        ]
    )


def _jxl_boxes(stream: bytes, say: Say) -> bytes:
    """Boxes of metadata behind a JPEG XL codestream's own."""
    words = [(b"Exif", b"\0\0\0\0" + say().encode()), (b"xml ", say().encode())]
    boxes = [struct.pack(">I", 8 + len(body)) + kind + body for kind, body in words]
    return stream + b"".join(boxes)


def _after(stream: bytes, say: Say) -> bytes:
    return stream + say().encode()


def _excess(ds: Dataset, say: Say) -> None:
    ds.PixelData += say().encode()


def _high_bits(ds: Dataset, say: Say) -> None:
    """A word in the unused high bits of 16-bit cells, as overlays were once embedded."""
    word = say().encode() * 40
    cells = np.frombuffer(ds.PixelData, np.uint8).astype(np.uint16)
    cells[: len(word)] |= np.frombuffer(word, np.uint8).astype(np.uint16) << 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 8, 7
    ds.PixelData = cells.tobytes()
    ds["PixelData"].VR = "OW"


def _offsets(ds: Dataset, say: Say) -> None:
    """A word where the basic offset table stands."""
    word = (say() + "  ").encode()
    frame = b"".join(list(generate_fragments(ds.PixelData))[1:])
    item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(word)) + word
    ds.PixelData = item + b"\xfe\xff\x00\xe0" + struct.pack("<I", len(frame)) + frame
    ds["PixelData"].is_undefined_length = True


def _behind(_: Dataset, say: Say) -> bytes:
    word = say().encode()
    return b"\xfc\xff\xfc\xffOB\0\0" + struct.pack("<I", len(word)) + word + say().encode()


FILES: dict[str, Callable[[Say], bytes]] = {
    "native-excess.dcm": _dicom(EXPLICIT, _excess),
    "native-high-bits.dcm": _dicom(EXPLICIT, _high_bits),
    "behind.dcm": _dicom(EXPLICIT, _behind),
    "jpeg-segments.dcm": _coded(JPEG, _segments(0xE0, 0xE1, 0xE5, 0xED, 0xEE, 0xFE)),
    "jpeg-after.dcm": _coded(JPEG, _after),
    "jpeg-offsets.dcm": _dicom(JPEG, _offsets),
    "jpegls-segments.dcm": _coded(JPEG_LS, _segments(0xE8, 0xFE)),
    "j2k-comment.dcm": _coded(J2K, _j2k_comment),
    "j2k-after.dcm": _coded(J2K, _after),
    "jpeg-unused-tables.dcm": _coded(JPEG, _unused_tables),
    "jpeg-second-picture.dcm": _coded(JPEG, _second_picture),
    "j2k-boxes.dcm": _coded(J2K, _jp2_boxes),
    "jxl-boxes.dcm": _coded(JPEG_XL, _jxl_boxes),
    "rle-after.dcm": _coded(RLE, _after),
}
