"""Files that hide an identifier in what carries the picture: codestreams and containers."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import nibabel
import nrrd
import numpy as np
import tifffile
from hiding import Say
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments
from torture import EXPLICIT, Trap

from echoatlas.pipeline.simulate import make_cine, make_still, write_dicom
from echoatlas.pipeline.simulate.loose import write_gif, write_jpeg, write_png
from echoatlas.pipeline.simulate.video import encode_video

JPEG, JPEG_LS, J2K, RLE = (
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
)  # fmt: skip
SIZE = (320, 240)
STILL = make_still(seed=7, screen="none", size=SIZE)
CINE = make_cine(seed=8, screen="none", size=SIZE, frames=4)
HELD_BACK = frozenset({"rle-after.dcm"})  # such a frame is damaged: nothing of it is written
Hide = Callable[[bytes, Say], bytes]


def carriers() -> Iterator[Trap]:
    """Each way, with words of its own; ``name`` is the file's, ending included."""
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


def _png(say: Say) -> bytes:
    whole = write_png(STILL, identify=False)
    at = whole.index(b"IDAT") - 4
    chunks = b"".join(
        _chunk(kind, body)
        for kind, body in (
            (b"tEXt", b"Comment\0" + say().encode()),
            (b"zTXt", b"Author\0\0" + zlib.compress(say().encode())),
            (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x>" + say().encode() + b"</x>"),
            (b"eXIf", b"II*\0\x08\0\0\0\0\0" + say().encode()),
            (b"prVt", say().encode()),
        )
    )
    return whole[:at] + chunks + whole[at:] + say().encode()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _jpeg(say: Say) -> bytes:
    plain = write_jpeg(STILL, identify=False)
    marked = _segments(0xE1, 0xE2, 0xED, 0xFE)(plain, say)
    return marked + say().encode()


def _gif(say: Say) -> bytes:
    whole = write_gif(CINE)
    comment = say().encode()
    block = b"\x21\xfe" + bytes([len(comment)]) + comment + b"\0"
    return whole[:-1] + block + b";" + say().encode()


def _tiff(say: Say) -> bytes:
    buffer = io.BytesIO()
    more = [(315, "s", 0, say(), True), (33432, "s", 0, say(), True)]
    tifffile.imwrite(buffer, STILL.pictures[0], description=say(), software=say(), extratags=more)
    return buffer.getvalue() + say().encode()


def _bmp(say: Say) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(STILL.pictures[0]).save(buffer, "bmp")
    return buffer.getvalue() + say().encode()


def _video(codec: str, container: str) -> Callable[[Say], bytes]:
    def make(say: Say) -> bytes:
        tags = {name: say() for name in ("title", "comment", "artist")}
        whole = encode_video(CINE.pictures, codec, container, 15.0, tags)
        if container == "mp4":
            word = say().encode()
            whole += struct.pack(">I", 8 + len(word)) + b"free" + word
        return whole

    return make


def _nifti(say: Say) -> bytes:
    image = nibabel.Nifti1Image(CINE.pictures.transpose(2, 1, 0), np.eye(4))
    image.header["descrip"], image.header["intent_name"] = say(), say()
    image.header["aux_file"], image.header["db_name"] = say(), say()
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", say().encode()))
    return gzip.compress(image.to_bytes(), mtime=0)


def _nrrd(say: Say) -> bytes:
    buffer = io.BytesIO()
    header = {"patient": say(), "encoding": "raw", "space": "left-posterior-superior"}
    header |= {"content": say()}
    nrrd.write(buffer, CINE.pictures.transpose(2, 1, 0), header)
    return buffer.getvalue()


def _archive(say: Say) -> bytes:
    """A member's name, comment and extra field, and the archive's own comment."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        info = zipfile.ZipInfo(f"{say()}/{say()}.png", (2019, 5, 17, 10, 11, 12))
        info.comment = say().encode()
        archive.writestr(info, write_png(STILL, identify=False))
        archive.comment = say().encode()
    return sink.getvalue()


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
    "chunks.png": _png,
    "segments.jpg": _jpeg,
    "comment.gif": _gif,
    "tags.tiff": _tiff,
    "after.bmp": _bmp,
    "tags.mp4": _video("libx264", "mp4"),
    "tags.avi": _video("mjpeg", "avi"),
    "header.nii.gz": _nifti,
    "header.nrrd": _nrrd,
    "members.zip": _archive,
}
