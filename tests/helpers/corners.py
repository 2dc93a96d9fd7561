"""More files for ``canaries.MAKERS``: corners of formats that only who reads their pages knows."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zlib

import h5py
import numpy as np
import tifffile
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from echoatlas.simulate import write_dicom, write_png
from tests.helpers.canaries import chunk, file, header_of, whole
from tests.helpers.hiding import Say
from tests.helpers.planted import cine, still


@file("corners.dcm")
def _dicom(say: Say) -> bytes:
    """Overlay, curve, icon, waveform, document, annotation and audio, where a scan has none."""
    header = header_of(write_dicom(still()))
    for tag, vr, value in (
        *((0x60000010, "US", 8), (0x60000011, "US", 10), (0x60000040, "CS", "G")),
        *((0x60000022, "LO", say()), (0x60001500, "LO", say()), (0x60000050, "SS", [1, 1])),
        *((0x60000100, "US", 1), (0x60000102, "US", 0), (0x60003000, "OW", say().encode())),
        *((0x50000030, "SH", say()), (0x50003000, "OW", say().encode())),
        *((0x50002600, "LO", say()), (0x50002610, "US", 1), (0x5000200C, "OW", say().encode())),
        *((0x00189461, "FL", 1.0), (0x00880906, "ST", say()), (0x04000550, "SQ", Sequence([]))),
    ):
        header.add_new(tag, vr, value)
    icon, wave, channel, note, text = (Dataset() for _ in range(5))
    icon.Rows, icon.Columns, icon.BitsAllocated = 1, 10, 8
    icon.PixelData = say().encode()
    icon["PixelData"].VR = "OB"
    channel.ChannelLabel, wave.MultiplexGroupLabel = say(), say()
    wave.ChannelDefinitionSequence = Sequence([channel])
    wave.WaveformBitsAllocated, wave.WaveformData = 8, say().encode()
    wave["WaveformData"].VR = "OB"
    text.UnformattedTextValue, note.GraphicLayer = say(), say()
    note.TextObjectSequence = Sequence([text])
    header.IconImageSequence, header.WaveformSequence = Sequence([icon]), Sequence([wave])
    header.GraphicAnnotationSequence = Sequence([note])
    header.EncapsulatedDocument = b"%PDF-1.4 " + say().encode()
    header.DocumentTitle = say()
    return whole(header)


@file("spare-bits.dcm")
def _spare_bits(say: Say) -> bytes:
    """A word in the upper byte of samples of which the lower is the picture."""
    scan = still()
    size = scan.pictures.size
    word = np.frombuffer((say() * size)[:size].encode(), np.uint8)
    words = scan.pictures.astype(np.uint16) | word.reshape(scan.pictures.shape).astype("u2") << 8
    deep = {"BitsAllocated": 16, "BitsStored": 8, "HighBit": 7, "PixelData": words.tobytes()}
    return write_dicom(scan, overrides=deep)


@file("corners.jpg")
def _jpeg(say: Say) -> bytes:
    """XMP that goes on elsewhere, IPTC, notes of the camera's maker, segments of anybody's."""
    out = io.BytesIO()
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x927C: say().encode(), 0x9286: b"ASCII\0\0\0" + say().encode()})
    exif.get_ifd(0x8825).update({29: say()})
    Image.fromarray(still().pictures[0]).save(
        out, "jpeg", quality=90, exif=exif, xmp=say().encode()
    )
    more = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + bytes(8) + say().encode()
    iptc = b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\x10\x1c\x02\x78\0\x0a" + say().encode()
    segments = [(0xE1, more), (0xED, iptc), (0xE8, say().encode()), (0xEF, say().encode())]
    extra = b"".join(struct.pack(">BBH", 255, mark, 2 + len(b)) + b for mark, b in segments)
    return out.getvalue()[:2] + extra + out.getvalue()[2:]


@file("surplus.png")
def _png(say: Say) -> bytes:
    """More rows than the picture has, a profile's name, a palette's, and a chunk of nobody's."""
    rows = still().pictures[0]
    raw = b"".join(b"\0" + row.tobytes() for row in rows) + say().encode() * 40
    head = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, body)
        for kind, body in (
            (b"IHDR", head),
            (b"iCCP", say().encode() + b"\0\0" + zlib.compress(say().encode() * 9)),
            (b"sPLT", say().encode() + b"\0\x08abcdef"),
            (b"prVt", say().encode()),
            (b"IDAT", zlib.compress(raw)),
            (b"IEND", b""),
        )
    )


@file("corners.tif")
def _tiff(say: Say) -> bytes:
    """Private tags, XMP, IPTC, Photoshop's, names of host and page, a copy below with a word."""
    out = io.BytesIO()
    told = [(code, "s", 0, say(), True) for code in (269, 285, 316, 33432, 65000)]
    told += [(code, "B", 10, say().encode(), True) for code in (700, 33723, 34377, 37510)]
    plain = {"photometric": "minisblack", "metadata": None}
    with tifffile.TiffWriter(out) as pages:
        pages.write(still().pictures[0], description=say(), extratags=told, subifds=1, **plain)
        small = still().pictures[0][::4, ::4]
        pages.write(small, description=say(), subfiletype=1, **plain)
    return out.getvalue()


@file("labels.tif")
def _imagej(say: Say) -> bytes:
    out, frames = io.BytesIO(), cine().pictures
    said = {"axes": "TYX", "Info": say(), "Labels": [say() for _ in frames]}
    tifffile.imwrite(out, frames, imagej=True, metadata=said)
    return out.getvalue()


@file("described.hdf5")
def _zea(say: Say) -> bytes:
    """Text as zea has it, in attributes and datasets beside the picture."""
    out, frames = io.BytesIO(), cine().pictures
    across, down = np.meshgrid(*(np.arange(side) * 4e-4 for side in frames.shape[:0:-1]))
    with h5py.File(out, "w") as made:
        for name in ("description", "acquisition_time", "us_machine"):
            made.attrs[name] = say()
        made["metadata/subject/id"] = say()
        made["data/image/values"] = (frames / 255 * 60 - 60).astype(np.float32)
        made["data/image/coordinates"] = np.stack([across, 0 * across, down], -1)
        made["data/image/values"].attrs["description"] = say()
    return out.getvalue()


@file("member.png.gz")
def _gzip(say: Say) -> bytes:
    """A file's former name, and a comment, in the header of gzip (RFC 1952 2.3)."""
    plain = write_png(still(), identify=False)
    packed = gzip.compress(plain, mtime=0)
    said = say().encode() + b".png\0" + say().encode() + b"\0"
    return packed[:3] + bytes([8 | 16]) + packed[4:10] + said + packed[10:]


@file("columns.json")
def _columns(say: Say) -> bytes:
    """As pandas writes a table."""
    files = [f"{say()}.png" for _ in range(3)]
    columns = {"file": files, "patient": [say() for _ in files], say(): [say() for _ in files]}
    made = {name: dict(enumerate(values)) for name, values in columns.items()}
    return json.dumps(made).encode()


@file("coco.json")
def _coco(say: Say) -> bytes:
    images = [{"file_name": f"{say()}.png", "patient_id": say(), "note": [say()]}]
    return json.dumps({"images": images, "info": {"by": say()}, say(): [{"a": say()}]}).encode()
