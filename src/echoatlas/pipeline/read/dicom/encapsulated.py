"""Encapsulated pixel data: which codec the fragments are in, how many frames, and each picture."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import color
from echoatlas.pipeline.read.codecs import CODEC_ERRORS, Decoded, decode
from echoatlas.pipeline.read.coded import codestream_digest
from echoatlas.pipeline.read.codestream import LOSSLESS, Codestream, probe
from echoatlas.pipeline.read.dicom import fragments
from echoatlas.pipeline.read.dicom.bare import BARE, inflated_length
from echoatlas.pipeline.read.dicom.display import Display
from echoatlas.pipeline.read.dicom.instance import (
    count_told,
    decodable,
    scan_of,
    significant,
    stated_color,
    with_sign,
)
from echoatlas.pipeline.read.dicom.pixel_data import HALVED, fitted
from echoatlas.pipeline.read.dicom.transfer_syntaxes import (
    BY_KEYWORD,
    TransferSyntax,
    transfer_syntax,
)
from echoatlas.pipeline.read.sniff import VIDEOS, sniff

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from echoatlas.pipeline.read.config import ReadConfig
    from echoatlas.pipeline.read.dicom.header import Opened
    from echoatlas.pipeline.read.dicom.pixel_data import Layout
    from echoatlas.schemas.records import Picture, Scan

Frames = list[tuple[memoryview, ...]]
WRONG_TABLE = "wrong_offset_table"
HEAD = 1 << 16  # bytes in which a codestream says what it is
# What a codestream may be that no syntax, or a wrong one, is stated for; the lossy one in doubt.
BY_FAMILY = {"jpegls": "JPEGLSNearLossless", "jpeg2k": "JPEG2000", "jpegxl": "JPEGXL"}
BY_PROCESS = {0xC0: "JPEGBaseline8Bit", 0xC1: "JPEGExtended12Bit", LOSSLESS: "JPEGLossless"}
PROGRESSIVE = "JPEGFullProgressionNonHierarchical1012"


def syntax_of(stated: str, pieces: fragments.Fragments, layout: Layout) -> TransferSyntax:
    """The syntax that fragments are in: as stated, unless they show another.

    Headers say that pixels lie in the open while they are JPEG, and a transcoder forgets to change
    what the one before it wrote.

    Raises:
        Reject: ``unsupported_codec`` if it is not read, with a sentence that says why.
    """
    said = transfer_syntax(stated)
    stream = None if said.bare or said.video else _head(pieces)
    if stream is not None and not said.why:
        same = stream.family == said.codec
        if not same or (stream.family == "jpeg" and (stream.process == LOSSLESS) == said.lossy):
            said = _family(stream)
    elif said.native:
        said = _unmarked(pieces, layout)
    if said.why:
        raise Reject(Reason.UNSUPPORTED_CODEC, said.why)
    return said


def _head(pieces: fragments.Fragments) -> Codestream | None:
    start = b"".join(bytes(view[:HEAD]) for view in pieces.views[:2])
    try:
        return probe(start)
    except Reject:
        return None


def _family(stream: Codestream) -> TransferSyntax:
    if stream.family == "jpeg":
        return BY_KEYWORD[BY_PROCESS.get(stream.process, PROGRESSIVE)]
    return BY_KEYWORD[BY_FAMILY[stream.family]]


def _unmarked(pieces: fragments.Fragments, layout: Layout) -> TransferSyntax:
    """The syntax of fragments without a codestream's head, in a file that says they are native."""
    first = bytes(pieces.views[0][:HEAD])
    planes = layout.components * layout.allocated // 8
    if len(first) > 64 and struct.unpack_from("<2I", first) == (planes, 64):
        return BY_KEYWORD["RLELossless"]
    if all(0 <= len(view) - layout.frame_bytes <= 1 for view in pieces.views):
        return BY_KEYWORD["EncapsulatedUncompressedExplicitVRLittleEndian"]
    if sniff(first) in VIDEOS:
        return BY_KEYWORD["MPEG4HP41"]
    raise Reject(
        Reason.UNSUPPORTED_CODEC,
        "the header says that pixels are not compressed, but they are, by no codec that is read",
    )


def read_bare(
    opened: Opened,
    syntax: TransferSyntax,
    pieces: fragments.Fragments,
    layout: Layout,
    flags: list[str],
    config: ReadConfig,
) -> Scan:
    """Frames that are samples alone, packed or not."""
    unpack = BARE[syntax.codec]
    layout = _chroma(syntax, pieces, layout)
    frames, flags = _grouped(opened, pieces, layout, flags, bare=True)

    def samples(index: int) -> NDArray[Any]:
        return significant(unpack(fragments.join(frames[index]), layout), layout)

    if layout.frames == 1 < len(frames) and not _all_unpack(samples, len(frames)):
        frames = [pieces.views]  # one frame in several fragments, against PS3.5 A.4
        flags = [flag for flag in flags if flag != WRONG_TABLE]
    count_told(len(frames), layout, flags, lambda: _all_unpack(samples, len(frames)), config)
    display = Display(opened.header, layout, decodable(samples, len(frames)))
    code = stated_color(layout)
    if layout.components == 3 and not layout.pairs:
        code = _by_samples(samples, len(frames), layout, code)
    ycc = code.startswith("ycc")

    def picture(index: int) -> Picture:
        return display.picture(samples(index), layout.stored, ycc)

    size = layout.height, layout.width
    return scan_of(opened, syntax.uid, picture, len(frames), size, code, flags, config)


def _chroma(syntax: TransferSyntax, pieces: fragments.Fragments, layout: Layout) -> Layout:
    """The layout by the length of the first frame; RLE has its components apart, all in full."""
    if syntax.codec == "rle" or layout.photometric not in HALVED:
        return layout
    first = pieces.views[0]
    length = len(first) if syntax.codec == "uncompressed" else inflated_length(first, layout)
    return replace(fitted(replace(layout, frames=1), length), frames=layout.frames)


def _all_unpack(samples: Any, count: int) -> bool:
    try:
        for index in range(count):
            samples(index)
    except CODEC_ERRORS:
        return False
    return True


def _by_samples(samples: Any, count: int, layout: Layout, stated: str) -> str:
    """Color by the samples of the first frame that unpacks; as stated if none does."""
    for index in range(min(count, 8)):
        try:
            found = samples(index)
        except CODEC_ERRORS:
            continue
        return color.color_code(color.to_bytes(found, layout.stored), layout.photometric)
    return stated


def read_coded(
    opened: Opened,
    syntax: TransferSyntax,
    pieces: fragments.Fragments,
    layout: Layout,
    flags: list[str],
    config: ReadConfig,
) -> Scan:
    """Frames of a codestream each."""
    frames, flags = _grouped(opened, pieces, layout, flags, bare=False)
    count_told(len(frames), layout, flags, lambda: _all_decode(frames, layout, config), config)
    first = _first_decodable(frames, layout, config)
    size = first.samples.shape[:2]
    if size != (layout.height, layout.width):
        flags.append("size_mismatch")

    def decoded(index: int) -> Decoded:
        stream = fragments.join(frames[index])
        found = decode(stream, layout.photometric, config, first.color, size[0] * size[1])
        return replace(found, samples=with_sign(found.samples, layout))

    values = decodable(lambda index: decoded(index).samples, len(frames))
    display = Display(opened.header, layout, values)

    def picture(index: int) -> Picture:
        found = decoded(index)
        return display.picture(found.samples, found.bits, found.ycc)

    code = "palette" if display.palette is not None else first.color
    scan = scan_of(opened, syntax.uid, picture, len(frames), size, code, flags, config)
    return replace(scan, codestream=codestream_digest(map(fragments.join, frames), syntax.codec))


def _grouped(
    opened: Opened,
    pieces: fragments.Fragments,
    layout: Layout,
    flags: list[str],
    *,
    bare: bool,
) -> tuple[Frames, list[str]]:
    frames, wrong = fragments.group(pieces, layout.frames, extended(opened.header), bare=bare)
    told = [WRONG_TABLE] if wrong else []
    return frames, [*flags, *told, *(["early_end"] if pieces.cut else [])]


def _all_decode(frames: Frames, layout: Layout, config: ReadConfig) -> bool:
    """Whether every frame is a picture of the size that the header says."""
    size = layout.height, layout.width
    for frame in frames:
        try:
            found = decode(fragments.join(frame), layout.photometric, config)
        except (*CODEC_ERRORS, Reject):
            return False
        if found.samples.shape[:2] != size:
            return False
    return True


def _first_decodable(frames: Frames, layout: Layout, config: ReadConfig) -> Decoded:
    """The first frame that decodes: it decides on size and color for all.

    Raises:
        Reject: ``unreadable`` if the first does not and damage is not accepted, or none does.
    """
    for frame in frames[: config.max_lost if config.partial else 1]:
        try:
            pixels = layout.height * layout.width
            return decode(fragments.join(frame), layout.photometric, config, expected=pixels)
        except CODEC_ERRORS:
            continue
        except Reject as error:
            if error.reason is not Reason.UNREADABLE:
                raise
    raise Reject(Reason.UNREADABLE, "the first frame cannot be decoded")


def extended(header: Dataset) -> tuple[int, ...]:
    """ExtendedOffsetTable (PS3.3 C.7.6.3.1.8), 64-bit offsets."""
    raw = header.get("ExtendedOffsetTable")
    if not isinstance(raw, bytes) or len(raw) % 8:
        return ()
    return tuple(int(offset) for offset in np.frombuffer(raw, "<u8"))
