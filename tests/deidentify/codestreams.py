"""DICOM files that hide an identifier in what carries the picture: cells, items, codestreams."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator

import numpy as np
from hiding import Say
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments
from torture import EXPLICIT, Trap

from echoatlas.pipeline.simulate import make_still, write_dicom

JPEG, JPEG_LS, J2K, RLE = (
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
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
        dcmwrite(buffer, ds)
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
    "rle-after.dcm": _coded(RLE, _after),
}
