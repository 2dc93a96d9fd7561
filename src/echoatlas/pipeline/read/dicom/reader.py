"""DICOM files: header and pixel data to a scan, in every transfer syntax."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import color
from echoatlas.pipeline.read.dicom import fragments
from echoatlas.pipeline.read.dicom.display import Display
from echoatlas.pipeline.read.dicom.encapsulated import read_bare, read_coded, syntax_of
from echoatlas.pipeline.read.dicom.frame_times import frame_times
from echoatlas.pipeline.read.dicom.header import BIG_ENDIAN, EXPLICIT, open_dicom
from echoatlas.pipeline.read.dicom.instance import (
    RECOUNTED,
    count_told,
    decodable,
    scan_of,
    significant,
    stated_color,
)
from echoatlas.pipeline.read.dicom.pixel_data import continues, fitted, native_frame, read_layout
from echoatlas.pipeline.read.dicom.regions import pixel_aspect, pixel_spacing, ultrasound_regions
from echoatlas.pipeline.read.dicom.sop_classes import check_class
from echoatlas.pipeline.read.dicom.transfer_syntaxes import transfer_syntax
from echoatlas.pipeline.read.surplus import check_padding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.read.config import ReadConfig
    from echoatlas.pipeline.read.dicom.header import Opened
    from echoatlas.pipeline.read.dicom.pixel_data import Layout
    from echoatlas.pipeline.read.dicom.transfer_syntaxes import TransferSyntax
    from echoatlas.schemas.records import Picture, Scan

WRONG_SYNTAX = "wrong_transfer_syntax"  # the pixels are in another than the file meta says


def read_dicom(data: bytes, config: ReadConfig) -> Scan:
    """Open a DICOM file.

    Raises:
        Reject: see ``read``.
    """
    opened = open_dicom(data, config)
    check_class(opened)
    if opened.pixels is None or not len(opened.pixels):
        raise Reject(Reason.NO_PIXELS, "the file has no pixel data")
    if opened.floating:
        raise Reject(Reason.UNSUPPORTED_CODEC, "pixels of floating point are not read")
    layout = read_layout(opened.header, config)
    if not opened.encapsulated:
        return _native(opened, layout, config)
    pieces = fragments.split(opened.pixels)
    syntax = syntax_of(opened.syntax, pieces, layout)
    flags = [WRONG_SYNTAX] if syntax.uid != opened.syntax else []
    if syntax.video:
        return _video(opened, syntax, pieces, layout, flags, config)
    if syntax.bare:
        return read_bare(opened, syntax, pieces, layout, flags, config)
    return read_coded(opened, syntax, pieces, layout, flags, config)


def _native(opened: Opened, layout: Layout, config: ReadConfig) -> Scan:
    """Samples in the open, one frame behind the other."""
    pixels = opened.pixels
    assert pixels is not None
    flags: list[str] = []
    syntax = opened.syntax
    if not transfer_syntax(syntax).native:
        syntax = EXPLICIT
        flags.append(WRONG_SYNTAX)
    seen = fitted(layout, opened.declared or len(pixels))
    there = len(pixels) // seen.frame_bytes
    if there < layout.frames and opened.declared > len(pixels):
        flags.append("early_end")
    if seen.frames == layout.frames < there:
        # What is over is no whole number of frames: it is not taken for some.
        flags.append("frame_mismatch")

    def samples(index: int) -> NDArray[Any]:
        frame = native_frame(pixels, seen, index, little=opened.little, words=opened.words)
        return significant(frame, seen)

    count = min(there, seen.frames)
    count_told(
        count,
        layout,
        flags,
        lambda: all(continues(samples(index)) for index in {1, count // 2, count - 1}),
        config,
    )
    check_padding(pixels[there * seen.frame_bytes :], whole=there >= layout.frames)
    if RECOUNTED not in flags:
        count = min(count, layout.frames)
    little = opened.syntax != BIG_ENDIAN  # of the file; pixels may differ
    display = Display(opened.header, seen, decodable(samples, count), little=little)
    code = stated_color(seen)
    if seen.components == 3 and not seen.pairs:
        first = native_frame(pixels, seen, 0, little=opened.little, words=opened.words)
        code = color.color_code(color.to_bytes(first, seen.stored), seen.photometric)
    ycc = code.startswith("ycc")

    def picture(index: int) -> Picture:
        return display.picture(samples(index), seen.stored, ycc)

    size = seen.height, seen.width
    return scan_of(opened, syntax, picture, count, size, code, flags, config)


def _video(
    opened: Opened,
    syntax: TransferSyntax,
    pieces: fragments.Fragments,
    layout: Layout,
    flags: list[str],
    config: ReadConfig,
) -> Scan:
    """MPEG-2, H.264 or HEVC: all fragments are one stream (PS3.5 8.2.5 to 8.2.9)."""
    from echoatlas.pipeline.read.video import read_video  # loads FFmpeg, which few need

    video = read_video(b"".join(pieces.views), "dicom", config)
    size = video.height, video.width
    flags = [*opened.flags, *flags, *video.flags, *(["early_end"] if pieces.cut else [])]
    fits = size == (layout.height, layout.width)
    count_told(video.declared_frames, layout, flags, lambda: fits, config)
    if not fits:
        flags.append("size_mismatch")
    regions, spacing = ultrasound_regions(opened.header), pixel_spacing(opened.header)
    flags += [one for one in pixel_aspect(opened.header, regions, spacing) if one not in flags]
    return replace(
        video,
        codec=syntax.uid,
        times=frame_times(opened.header, video.declared_frames) or video.times,
        regions=regions,
        spacing=spacing,
        header=opened.header,
        text={},
        flags=tuple(flags),
    )
