"""DICOM bytes to a header and the place of its pixel data, whatever the bytes."""

from __future__ import annotations

import logging
import re
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO

import pydicom.config
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.borrowed import Borrowed
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom.structure import PIXELS, check_structure, is_implicit
from echoatlas.pipeline.read.dicom.transfer_syntaxes import BY_KEYWORD, BY_UID
from echoatlas.pipeline.read.dicom.values import DAMAGE, unsaid

# pydicom's messages quote the values that they complain of: it says nothing, whoever calls it.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
# Values are judged by us. All are converted as a file is opened, so nothing is asked of it later.
_UNCHECKED = Borrowed(pydicom.config.settings, "reading_validation_mode", pydicom.config.IGNORE)

IMPLICIT = BY_KEYWORD["ImplicitVRLittleEndian"].uid
EXPLICIT = BY_KEYWORD["ExplicitVRLittleEndian"].uid
DEFLATED = BY_KEYWORD["DeflatedExplicitVRLittleEndian"].uid
BIG_ENDIAN = BY_KEYWORD["ExplicitVRBigEndian"].uid
GE_BIG_PIXELS = BY_KEYWORD["GEPrivateImplicitVRBigEndian"].uid
SHORT = 65534  # bytes: the longest value of a VR whose length has 16 bits
OF_STANDARD = re.compile(r"1\.2\.840\.10008\.1\.2(\.\d{1,3}){0,3}")  # newer ones too


@dataclass(frozen=True, slots=True)
class Opened:
    """A DICOM file, parsed up to its pixels.

    Attributes:
        header: every element before the pixel data, all values converted.
        syntax: transfer syntax UID, guessed where the file does not say.
        little: byte order of native pixels.
        pixels: the value of the pixel element, a view of the file; None without one.
        encapsulated: the value is a sequence of fragments.
        words: native pixels are of VR OW: in big endian, bytes are swapped within each word.
        declared: the length that the pixel element claims, bytes; may be more than there is.
        floating: the pixels are floating point values (PS3.3 C.7.6.24), of no whole samples.
        flags: "bad_elements" for values that could not be read and were left out.
    """

    header: Dataset
    syntax: str
    little: bool
    pixels: memoryview | None
    encapsulated: bool
    words: bool
    declared: int
    flags: tuple[str, ...]
    floating: bool = False


def open_dicom(data: bytes, config: ReadConfig) -> Opened:
    """Parse a DICOM file, part 10 or bare.

    Raises:
        Reject: ``unreadable``, ``too_deep``, ``too_large``.
    """
    with unsaid(), _UNCHECKED:
        try:
            return _open(data, config)
        except RecursionError:
            raise Reject(Reason.TOO_DEEP, "sequences are nested too deep to be read") from None
        except DAMAGE as error:
            raise Reject(
                Reason.UNREADABLE, f"the DICOM header cannot be parsed ({type(error).__name__})"
            ) from None


def _open(data: bytes, config: ReadConfig) -> Opened:
    start = 132 if data[128:132] == b"DICM" else 0
    stream = BytesIO(data)
    stream.seek(start)
    meta = FileMetaDataset()
    if data[start : start + 2] == b"\x02\x00":
        meta = FileMetaDataset(read_dataset(stream, False, True, stop_when=_after_meta))
    body = stream.tell()
    bad = settle(meta, config.max_depth)
    stated = str(meta.get("TransferSyntaxUID") or "")
    if stated == DEFLATED:
        data = inflate(data[body:], config.max_inflated)
        body = 0
    # It is told as the codec: a UID of somebody's own may hold anyone's number.
    known = OF_STANDARD.fullmatch(stated) or stated in BY_UID
    syntax = stated if known else _guess(data, body)
    little = syntax != BIG_ENDIAN
    implicit = is_implicit(data, body)
    check_structure(data, body, config, little=little, implicit=implicit)
    stream = BytesIO(data)
    stream.seek(body)
    header = read_dataset(stream, implicit, little, stop_when=_at_pixels)
    place = stream.tell()
    bad += settle(header, config.max_depth)
    header.file_meta = meta
    pixels, encapsulated, declared = _pixel_element(data, place, little, implicit)
    words = implicit or data[place + 4 : place + 6] != b"OB"
    flags = (("bad_elements",) if bad else ()) + (() if known else ("no_transfer_syntax",))
    little_pixels = little and syntax != GE_BIG_PIXELS
    floating = pixels is not None and data[place + 2 : place + 4] not in (b"\x10\0", b"\0\x10")
    return Opened(
        header, syntax, little_pixels, pixels, encapsulated, words, declared, flags, floating
    )


def _after_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return bool(tag >> 16 != 2)


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag in PIXELS


def _guess(data: bytes, body: int) -> str:
    """The syntax of a data set that does not name one, from its first element."""
    if is_implicit(data, body):
        return IMPLICIT
    return EXPLICIT if data[body + 1 : body + 2] == b"\0" else BIG_ENDIAN


def inflate(data: bytes, limit: int) -> bytes:
    """Undo raw deflate (PS3.5 A.5), to ``limit`` bytes at most.

    Raises:
        Reject: ``too_large`` beyond the limit, ``unreadable`` if nothing comes out.
    """
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = engine.decompress(data, limit)
    except zlib.error:
        raise Reject(Reason.UNREADABLE, "the deflated data set is damaged") from None
    if engine.unconsumed_tail:
        raise Reject(Reason.TOO_LARGE, f"the data set inflates to more than {limit} bytes")
    return plain


def settle(header: Dataset, depth: int) -> int:
    """Convert every value now, so that nothing fails later; drop those that cannot be read.

    Returns:
        How many elements were dropped, on all levels.

    Raises:
        Reject: ``too_deep`` if sequences are nested deeper than ``depth``.
    """
    if depth < 0:
        raise Reject(Reason.TOO_DEEP, "sequences are nested deeper than any scanner writes")
    bad = 0
    for tag in list(header.keys()):
        try:
            element = _known(header, tag)
        except DAMAGE:
            del header[tag]
            bad += 1
            continue
        if element.VR == "SQ" and element.value:
            bad += sum(settle(item, depth - 1) for item in element.value)
    return bad


def _known(header: Dataset, tag: BaseTag) -> DataElement:
    """An element, of its own VR where a length of 16 bits was too short for it.

    Such a value is written as UN (PS3.5 6.2.2), of which pydicom leaves 64 kB and more as bytes:
    the times of a long cine. What is in UN is implicit and little endian, whatever is around it.
    """
    element = header[tag]
    value = element.value
    if element.VR != "UN" or not isinstance(value, bytes) or len(value) <= SHORT:
        return element
    vr = dictionary_VR(tag) if dictionary_has_tag(tag) else ""
    if vr not in EXPLICIT_VR_LENGTH_16:  # private, not known, of several VRs, or never too long
        return element
    header[tag] = RawDataElement(tag, vr, len(value), value, 0, True, True)
    return header[tag]


def _pixel_element(
    data: bytes, place: int, little: bool, implicit: bool
) -> tuple[memoryview | None, bool, int]:
    """The value of the element at ``place``, whether it is in fragments, and its stated length."""
    order = "<" if little else ">"
    if place + 8 > len(data):
        return None, False, 0
    group, element = struct.unpack_from(f"{order}HH", data, place)
    if group << 16 | element not in PIXELS:
        return None, False, 0
    if not implicit and data[place + 4 : place + 6] in (b"OB", b"OW", b"UN", b"OF", b"OD"):
        if place + 12 > len(data):
            return None, False, 0
        length, value = struct.unpack_from(f"{order}I", data, place + 8)[0], place + 12
    else:
        length, value = struct.unpack_from(f"{order}I", data, place + 4)[0], place + 8
    view = memoryview(data)
    if length == 0xFFFFFFFF:
        return view[value:], True, 0
    return view[value : value + length], False, length
