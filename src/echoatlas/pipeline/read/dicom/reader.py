"""DICOM files: header and pixel data to a scan, in every transfer syntax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataset import Dataset

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import color
from echoatlas.pipeline.read.codecs import CODEC_ERRORS, Decoded, decode
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom import fragments
from echoatlas.pipeline.read.dicom.frame_times import frame_times
from echoatlas.pipeline.read.dicom.header import Opened, open_dicom
from echoatlas.pipeline.read.dicom.palette import Palette, read_palette
from echoatlas.pipeline.read.dicom.pixel_data import Layout, native_frame, read_layout
from echoatlas.pipeline.read.dicom.regions import pixel_spacing, ultrasound_regions
from echoatlas.pipeline.read.dicom.rle import decode_rle
from echoatlas.pipeline.read.dicom.sop_classes import check_class
from echoatlas.pipeline.read.frame_stream import each, one
from echoatlas.pipeline.read.surplus import check_padding
from echoatlas.pipeline.read.video import read_video
from echoatlas.schemas.records import Damage, Scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

RLE = "1.2.840.10008.1.2.5"
CODED = frozenset(
    f"1.2.840.10008.1.2.4.{number}"
    for number in (50, 51, 57, 70, 80, 81, 90, 91, 92, 93, 110, 111, 112, 201, 202, 203)
)
VIDEO = frozenset(
    f"1.2.840.10008.1.2.4.{number}{suffix}" for number in range(100, 109) for suffix in ("", ".1")
)


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
    if opened.syntax in VIDEO:
        return _video(opened, layout, config)
    if opened.encapsulated:
        return _coded(opened, layout, config)
    return _native(opened, layout, config)


@dataclass(frozen=True, slots=True)
class _Display:
    """The way from samples to a picture, the same for all frames of a file."""

    header: Dataset
    layout: Layout
    palette: Palette | None

    @classmethod
    def of(cls, opened: Opened, layout: Layout) -> _Display:
        indexed = layout.photometric == "PALETTE COLOR" and layout.components == 1
        little = opened.syntax != "1.2.840.10008.1.2.2"
        palette = read_palette(opened.header, little=little) if indexed else None
        return cls(opened.header, layout, palette)

    def picture(self, samples: NDArray[Any], bits: int, ycc: bool) -> Picture:
        """Samples as displayed: (H, W) gray or (H, W, 3) RGB uint8."""
        if self.palette is not None and samples.ndim == 2:
            return self.palette.paint(samples)
        if samples.ndim == 3:
            eight = color.to_bytes(samples, bits)
            full = not self.layout.photometric.startswith("YBR_PARTIAL")
            return color.ycc_to_rgb(eight, full=full) if ycc else eight
        gray = self._gray(samples, bits)
        return 255 - gray if self.layout.photometric == "MONOCHROME1" else gray

    def _gray(self, samples: NDArray[Any], bits: int) -> Picture:
        if bits <= 8 and not self.layout.signed:
            return color.to_bytes(samples, bits)
        center = color.first_number(self.header.get("WindowCenter"))
        width = color.first_number(self.header.get("WindowWidth"))
        if center is not None and width is not None and width > 0:
            slope = color.first_number(self.header.get("RescaleSlope"))
            intercept = color.first_number(self.header.get("RescaleIntercept"))
            return color.window(samples, center, width, slope or 1.0, intercept or 0.0)
        if samples.dtype.kind == "i":
            samples = samples.astype(np.int64) + (1 << (bits - 1))
        return color.to_bytes(samples, bits)


def _scan(
    opened: Opened,
    layout: Layout,
    decoder: Callable[[int], Picture],
    count: int,
    size: tuple[int, int],
    code: str,
    flags: list[str],
    config: ReadConfig,
) -> Scan:
    damage = Damage()
    return Scan(
        format="dicom",
        codec=opened.syntax,
        declared_frames=count,
        height=size[0],
        width=size[1],
        frames=lambda: each(decoder, count, size, CODEC_ERRORS, damage, config),
        color=code,
        times=frame_times(opened.header, count),
        regions=ultrasound_regions(opened.header),
        spacing=pixel_spacing(opened.header),
        header=opened.header,
        flags=(*opened.flags, *flags),
        damage=damage,
        single=lambda index: one(decoder, index, size, CODEC_ERRORS),
    )


def _native(opened: Opened, layout: Layout, config: ReadConfig) -> Scan:
    pixels = opened.pixels
    assert pixels is not None
    frame_bytes = layout.samples * layout.allocated // 8
    there = len(pixels) // frame_bytes
    flags: list[str] = []
    if there < layout.frames:
        flags += ["early_end" if opened.declared > len(pixels) else "frame_mismatch"]
        _refuse_unless_partial(flags, there, layout.frames, config)
    elif len(pixels) >= frame_bytes * (layout.frames + 1):
        flags.append("frame_mismatch")
    check_padding(pixels[there * frame_bytes :], whole=there >= layout.frames)
    display = _Display.of(opened, layout)
    code = _native_color(layout)
    if layout.components == 3 and not layout.half and there:
        first = native_frame(pixels, layout, 0, little=opened.little, words=opened.words)
        code = color.color_code(color.to_bytes(first, layout.stored), layout.photometric)
    ycc = code.startswith("ycc")

    def decoder(index: int) -> Picture:
        samples = native_frame(pixels, layout, index, little=opened.little, words=opened.words)
        return display.picture(_significant(samples, layout), layout.stored, ycc)

    count = min(there, layout.frames)
    size = (layout.height, layout.width)
    return _scan(opened, layout, decoder, count, size, code, flags, config)


def _significant(samples: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Samples without the bits above BitsStored, where overlays used to be hidden."""
    spare = layout.allocated - layout.stored
    if not spare:
        return samples
    if layout.signed:
        return (samples << spare) >> spare
    return samples & ((1 << layout.stored) - 1)


def _native_color(layout: Layout) -> str:
    if layout.photometric == "PALETTE COLOR" and layout.components == 1:
        return "palette"
    if layout.components == 1:
        return "gray"
    return "ycc:stated" if layout.photometric.startswith("YBR") else "rgb:stated"


def _coded(opened: Opened, layout: Layout, config: ReadConfig) -> Scan:
    if opened.syntax not in CODED and opened.syntax != RLE:
        raise Reject(Reason.UNSUPPORTED_CODEC, "the transfer syntax is not one that is read")
    assert opened.pixels is not None
    pieces = fragments.split(opened.pixels)
    frames, wrong = fragments.group(pieces, layout.frames, _extended(opened.header))
    flags = ["wrong_offset_table"] if wrong else []
    if pieces.cut:
        flags.append("early_end")
    if len(frames) != layout.frames:
        flags.append("frame_mismatch")
    _refuse_unless_partial(flags, len(frames), layout.frames, config)
    display = _Display.of(opened, layout)
    if opened.syntax == RLE:
        code = _native_color(layout)
        if layout.components == 3:
            code = _rle_color(frames, layout, code)
        ycc = code.startswith("ycc")

        def unpack(index: int) -> Picture:
            samples = decode_rle(fragments.join(frames[index]), layout)
            return display.picture(_significant(samples, layout), layout.stored, ycc)

        size = (layout.height, layout.width)
        return _scan(opened, layout, unpack, len(frames), size, code, flags, config)
    first = _first_decodable(frames, layout, config)
    size = first.samples.shape[:2]
    if size != (layout.height, layout.width):
        flags.append("size_mismatch")

    def decoder(index: int) -> Picture:
        found = decode(
            fragments.join(frames[index]),
            layout.photometric,
            config,
            first.color,
            size[0] * size[1],
        )
        return display.picture(found.samples, found.bits, found.ycc)

    code = "palette" if display.palette is not None else first.color
    return _scan(opened, layout, decoder, len(frames), size, code, flags, config)


def _rle_color(frames: list[tuple[memoryview, ...]], layout: Layout, stated: str) -> str:
    """Color by the samples of the first frame that unpacks; as stated if none does."""
    for frame in frames[:8]:
        try:
            samples = decode_rle(fragments.join(frame), layout)
        except CODEC_ERRORS:
            continue
        return color.color_code(color.to_bytes(samples, layout.stored), layout.photometric)
    return stated


def _first_decodable(
    frames: list[tuple[memoryview, ...]], layout: Layout, config: ReadConfig
) -> Decoded:
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


def _refuse_unless_partial(flags: list[str], there: int, declared: int, config: ReadConfig) -> None:
    """Damage that is known before decoding: tolerated only if the site says so."""
    detail = f"the header says {declared} frames, the file holds {there}"
    if not there:
        raise Reject(Reason.TRUNCATED, detail)
    if config.partial:
        return
    if "early_end" in flags:
        raise Reject(Reason.TRUNCATED, detail)
    if "frame_mismatch" in flags:
        raise Reject(Reason.FRAME_MISMATCH, detail)


def _extended(header: Dataset) -> tuple[int, ...]:
    """ExtendedOffsetTable (PS3.3 C.7.6.3.1.8), 64-bit offsets."""
    raw = header.get("ExtendedOffsetTable")
    if not isinstance(raw, bytes) or len(raw) % 8:
        return ()
    return tuple(int(offset) for offset in np.frombuffer(raw, "<u8"))


def _video(opened: Opened, layout: Layout, config: ReadConfig) -> Scan:
    """MPEG-2, H.264 or HEVC: all fragments are one stream (PS3.5 8.2.5 to 8.2.7)."""
    assert opened.pixels is not None
    pieces = fragments.split(opened.pixels)
    video = read_video(b"".join(pieces.views), "dicom", config)
    flags = [*opened.flags, *video.flags]
    if pieces.cut:
        flags.append("early_end")
    if video.declared_frames != layout.frames:
        flags.append("frame_mismatch")
    if (video.height, video.width) != (layout.height, layout.width):
        flags.append("size_mismatch")
    _refuse_unless_partial(flags, video.declared_frames, layout.frames, config)
    return replace(
        video,
        codec=opened.syntax,
        times=frame_times(opened.header, video.declared_frames) or video.times,
        regions=ultrasound_regions(opened.header),
        spacing=pixel_spacing(opened.header),
        header=opened.header,
        text={},
        flags=tuple(flags),
    )
