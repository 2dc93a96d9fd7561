"""Array files with a text in a place that is no picture: what may never be taken for one."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import h5py
import nibabel
import numpy as np
import scipy.io
import tifffile
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread, dcmwrite

from echoatlas.simulate import make_cine, write_dicom

CINE = make_cine(11, frames=5, size=(96, 80), screen="none", burned_in=())
TRUTH: NDArray[np.uint8] = CINE.pictures
RAW = TRUTH.tobytes()
SIZES = " ".join(str(side) for side in TRUTH.shape[::-1])
META = f"ObjectType = Image\nNDims = 3\nDimSize = {SIZES}\nElementType = MET_UCHAR\n"
NRRD = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {SIZES}\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A place for a text in files of a format.

    Attributes:
        plant: a file with the text there. honored: it is read, and the text passed over; else
            the file is refused.
    """

    plant: Callable[[bytes], bytes]
    honored: bool


def mha(fields: str, body: bytes) -> bytes:
    return f"{META}{fields}ElementDataFile = LOCAL\n".encode() + body


def nrrd(fields: str, body: bytes) -> bytes:
    return f"{NRRD}{fields}\n".encode() + body


def mha_from_first_byte(text: bytes) -> bytes:
    """HeaderSize as MetaIO counts it: from the file's first byte, the header's own too."""
    size = len(mha("HeaderSize = 000000\n", b"")) + len(text)
    return mha(f"HeaderSize = {size:06}\n", text + RAW)


def nifti(
    text: bytes, *, offset: int | None = None, behind: bytes = b"", two: bool = False
) -> bytes:
    kind = nibabel.Nifti2Image if two else nibabel.Nifti1Image
    image = kind(TRUTH.transpose(2, 1, 0)[:, :, None], np.eye(4))
    image.header["descrip"] = text[:79]
    head = (540 if two else 348) + 4
    data = bytearray(image.to_bytes())
    if offset is None:
        offset, between = head + len(text), text
    else:
        between = b""
    struct.pack_into("<q" if two else "<f", data, 168 if two else 108, offset)
    return bytes(data[:head]) + between + bytes(data[head:]) + behind


def nifti_extension(text: bytes) -> bytes:
    image = nibabel.Nifti1Image(TRUTH.transpose(2, 1, 0)[:, :, None], np.eye(4))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", text))
    return bytes(image.to_bytes())


def npy(text: bytes) -> bytes:
    out = io.BytesIO()
    np.save(out, TRUTH)
    return out.getvalue() + text


def hdf5(text: bytes, *, before: bool = False) -> bytes:
    out = io.BytesIO()
    size = 512 if before else 0
    with h5py.File(out, "w", userblock_size=size) as file:
        file["pictures"] = TRUTH
        if not before:
            file["pictures"].attrs["name"] = np.bytes_(text)
            file["who"] = np.bytes_(text)
    data = out.getvalue()
    return text[:512].ljust(512, b"\0") + data[512:] if before else data


def matlab_text(text: bytes) -> bytes:
    """MATLAB 7.3 stores a char array as numbers of 16 bits; here it is the larger one."""
    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=512) as file:
        file["img"] = TRUTH[0].T  # MATLAB runs along columns
        file["img"].attrs["MATLAB_class"] = np.bytes_("uint8")
        letters = np.frombuffer((text * 20_000)[: 128 * 128], np.uint8).astype(np.uint16)
        file["names"] = letters.reshape(128, 128)
        file["names"].attrs["MATLAB_class"] = np.bytes_("char")
    head = b"MATLAB 7.3 MAT-file".ljust(512, b" ")
    return head + out.getvalue()[512:]


def mat(text: bytes) -> bytes:
    out = io.BytesIO()
    scipy.io.savemat(out, {"x": TRUTH.transpose(1, 2, 0), "who": text.decode("latin-1")})
    return out.getvalue()


def tiff(text: bytes) -> bytes:
    """A page of raw rows; its description is text."""
    out = io.BytesIO()
    tifffile.imwrite(
        out, TRUTH[0], photometric="minisblack", description=text.decode("latin-1"), metadata=None
    )
    return out.getvalue()


def tiff_of_short_rows(text: bytes) -> bytes:
    """Rows that end before the picture does, with text behind them."""
    data = bytearray(tiff(text))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        start, there = page.dataoffsets[0], page.databytecounts[0]
        short = there - len(text)
        struct.pack_into("<I", data, page.tags["StripByteCounts"].valueoffset, short)
    return bytes(data[: start + short]) + text + bytes(data[start + there :])


def tiff_of_rows_in_its_description(text: bytes) -> bytes:
    data = bytearray(tiff(text * 200))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages[0].tags
        begin = tags["ImageDescription"].valueoffset
        struct.pack_into("<I", data, tags["StripOffsets"].valueoffset, begin)
    return bytes(data)


def bmp(text: bytes, back: int = 0) -> bytes:
    """A gap before the rows; or, with ``back``, rows that begin so many bytes too early."""
    out = io.BytesIO()
    Image.fromarray(TRUTH[0]).save(out, "bmp")
    data = bytearray(out.getvalue())
    (start,) = struct.unpack_from("<I", data, 10)
    if back:
        data[start - back : start] = (text * back)[:back]
        struct.pack_into("<I", data, 10, start - back)
        return bytes(data)
    struct.pack_into("<I", data, 10, start + len(text))
    return bytes(data[:start]) + text + bytes(data[start:])


def dicom(text: bytes, *, before: bool = False) -> bytes:
    header = dcmread(io.BytesIO(write_dicom(CINE, "1.2.840.10008.1.2.1")))
    value = text + RAW if before else RAW + text
    header.PixelData = value + b"\0" * (len(value) % 2)
    out = io.BytesIO()
    dcmwrite(out, header)
    return out.getvalue()


def ultrasonix(text: bytes) -> bytes:
    count, height, width = TRUTH.shape
    return struct.pack("<19i", 4, count, width, height, 8, *[0] * 14) + RAW + text


PLACES: dict[str, Place] = {
    "mha HeaderSize": Place(lambda t: mha(f"HeaderSize = {len(t)}\n", t + RAW), True),
    "mha HeaderSize of the file": Place(mha_from_first_byte, True),
    "mha HeaderSize -1": Place(lambda t: mha("HeaderSize = -1\n", t + RAW), True),
    "mha before": Place(lambda t: mha("", t + RAW), False),
    "mha behind": Place(lambda t: mha("", RAW + t), False),
    "mha packed, before": Place(
        lambda t: mha("CompressedData = True\n", zlib.compress(t + RAW)), False
    ),
    "mha packed, behind": Place(
        lambda t: mha("CompressedData = True\n", zlib.compress(RAW) + t), False
    ),
    "mha packed, between": Place(
        lambda t: mha(
            f"CompressedData = True\nCompressedDataSize = {len(zlib.compress(RAW))}\n",
            zlib.compress(RAW) + t,
        ),
        False,
    ),
    "mha as text": Place(lambda t: mha("BinaryData = False\n", t + RAW), False),
    "mha scaled": Place(
        lambda t: mha(f"ElementToIntensityFunctionOffset = 3\nComment = {t!r}\n", RAW), False
    ),
    "mha unknown": Place(lambda t: mha(f"ElementByteSkip = {len(t)}\n", t + RAW), False),
    "mha list": Place(
        lambda t: (META + "ElementDataFile = LIST\n").encode() + t + b"\n" + RAW, False
    ),
    "mha comment": Place(lambda t: mha(f"Comment = {t!r}\n", RAW), True),
    "nrrd byte skip": Place(lambda t: nrrd(f"encoding: raw\nbyte skip: {len(t)}\n", t + RAW), True),
    "nrrd byte skip -1": Place(lambda t: nrrd("encoding: raw\nbyteskip: -1\n", t + RAW), True),
    "nrrd line skip": Place(
        lambda t: nrrd("encoding: raw\nline skip: 2\n", t + b"\n" + t + b"\n" + RAW), True
    ),
    "nrrd both skips": Place(
        lambda t: nrrd(
            f"encoding: raw\nlineskip: 1\nbyte skip: {len(t)}\n", t + b"\n" + t + RAW
        ),
        True,
    ),
    "nrrd gzip, byte skip": Place(
        lambda t: nrrd(f"encoding: gzip\nbyte skip: {len(t)}\n", gzip.compress(t + RAW)), True
    ),
    "nrrd bzip2, line skip": Place(
        lambda t: nrrd("encoding: bzip2\nline skip: 1\n", t + b"\n" + bz2.compress(RAW)), True
    ),
    "nrrd text, line skip": Place(
        lambda t: nrrd(
            "encoding: ascii\nline skip: 1\n", t + b"\n" + b" ".join(b"%d" % v for v in RAW)
        ),
        True,
    ),
    "nrrd gzip, byte skip -1": Place(
        lambda t: nrrd("encoding: gzip\nbyte skip: -1\n", gzip.compress(t + RAW)), True
    ),
    "nrrd text, byte skip -1": Place(
        lambda t: nrrd("encoding: ascii\nbyte skip: -1\n", b" ".join(b"%d" % v for v in RAW)), False
    ),
    "nrrd line skip -1": Place(lambda t: nrrd("encoding: raw\nline skip: -1\n", t + RAW), False),
    "nrrd before": Place(lambda t: nrrd("encoding: raw\n", t + RAW), False),
    "nrrd behind": Place(lambda t: nrrd("encoding: raw\n", RAW + t), False),
    "nrrd gzip, behind": Place(lambda t: nrrd("encoding: gzip\n", gzip.compress(RAW) + t), False),
    "nrrd bzip2, behind": Place(
        lambda t: nrrd("encoding: bzip2\n", bz2.compress(RAW + t)), False
    ),
    "nrrd old min": Place(lambda t: nrrd("encoding: raw\nold min: 3\n", RAW), False),
    "nrrd note": Place(lambda t: nrrd(f"encoding: raw\nwho:={t!r}\n", RAW), True),
    "nifti vox_offset": Place(nifti, True),
    "nifti-2 vox_offset": Place(lambda t: nifti(t, two=True), True),
    "nifti extension": Place(nifti_extension, True),
    "nifti header": Place(lambda t: nifti(t, offset=0), False),
    "nifti-2 header": Place(lambda t: nifti(t, offset=0, two=True), False),
    "nifti behind": Place(lambda t: nifti(t, offset=352, behind=t), False),
    "nifti behind, packed": Place(
        lambda t: gzip.compress(nifti(t, offset=352, behind=t)), False
    ),
    "npy behind": Place(npy, False),
    "hdf5 beside": Place(hdf5, True),
    "hdf5 before": Place(lambda t: hdf5(t, before=True), True),
    "matlab 7.3 char": Place(matlab_text, True),
    "mat char": Place(mat, True),
    "mat behind": Place(lambda t: mat(t) + t, False),
    "tiff description": Place(tiff, True),
    "tiff behind": Place(lambda t: tiff(t) + t, True),
    "tiff short rows": Place(tiff_of_short_rows, False),
    "tiff rows in its description": Place(tiff_of_rows_in_its_description, False),
    "bmp gap": Place(bmp, True),
    "bmp behind": Place(lambda t: bmp(b"") + t, True),
    "bmp color table": Place(lambda t: bmp(t, back=200), False),
    "ultrasonix behind": Place(lambda t: ultrasonix(t), False),
    "dicom before": Place(lambda t: dicom(t, before=True), False),
    "dicom behind": Place(dicom, False),
}  # fmt: skip
