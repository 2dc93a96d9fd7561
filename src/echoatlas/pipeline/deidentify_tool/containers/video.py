"""A clean MP4: one H.264 track without title, comment, handler text, side data or SEI.

By itself it is coded as near to lossless as players allow; in DICOM as High Profile at level 4.1
bounds it, which is what an archive that takes video has to read (PS3.5 8.2.7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.deidentify_tool.containers.volumes import step_of
from echoatlas.pipeline.precision import rounded

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture

TICKS = (1000, 1_000_000)  # a second: milliseconds, and what pictures of fast scanners need
UNKNOWN_RATE = Fraction(1)  # a frame a second: no rate is invented, the report says so
BIT_EXACT = 1 << 23  # AV_CODEC_FLAG_BITEXACT: the encoder writes no banner of itself
SEI = 6  # NAL unit type of supplemental enhancement information (H.264 table 7-1)
BT709, BT601, LIMITED = 1, 6, 1  # H.273 matrix coefficients; FFmpeg's AVCOL_RANGE_MPEG
HIGH_DEFINITION = 720  # rows from which on players that are told nothing assume BT.709
MACROBLOCKS, MACROBLOCKS_A_SECOND = 8192, 245_760  # of level 4.1 (H.264 table A-1)


@dataclass(frozen=True, slots=True)
class Coding:
    """How a track is coded.

    Attributes:
        pixels: FFmpeg's pixel format. options: of its encoder libx264.
    """

    pixels: str
    options: Mapping[str, str]


FINE = Coding("yuv444p", {"qp": "4"})
HIGH_41 = Coding(
    "yuv420p",
    {
        "profile": "high",
        "level": "4.1",
        "maxrate": "62500k",  # bits a second, and of the buffer: H.264 tables
        "bufsize": "78125k",
        "crf": "8",
        "aq-mode": "0",  # else the mask's hard edge is coded coarsely, and rings into the black
    },
)


def fits_high_41(height: int, width: int, times: Sequence[float] | None) -> bool:
    """Whether pictures of a size and rate are within High Profile, level 4.1."""
    blocks = -(-height // 16) * -(-width // 16)
    even = height % 2 == width % 2 == 0
    return even and blocks <= MACROBLOCKS and blocks * _rate(times) <= MACROBLOCKS_A_SECOND


def mp4(
    pictures: Iterable[Picture],
    times: Sequence[float] | None = None,
    coding: Coding = FINE,
    aspect: tuple[int, int] = (1, 1),
) -> bytes:
    """Encode pictures as H.264.

    Args:
        pictures: equally sized, (H, W) or (H, W, 3) RGB uint8.
        times: milliseconds from the first, None if unknown. Of even ones, and in DICOM, whose
            header has them, the mean rate is taken.
        aspect: how wide a pixel is to how high.
    """
    import av

    buffer = BytesIO()
    frames = iter(pictures)
    first = next(frames)
    options = {"fflags": "bitexact"}
    with av.open(buffer, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=_rate(times))
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = coding.pixels
        stream.options = {**coding.options, "preset": "veryfast", "threads": "1"}
        stream.codec_context.flags |= BIT_EXACT
        ticks = _ticks(times) if coding is FINE else None
        if ticks:
            stream.codec_context.time_base = ticks.each
        if aspect != (1, 1):
            stream.codec_context.sample_aspect_ratio = Fraction(*aspect)
        # Stated, as what is unstated is read in several ways; and the one that would be assumed.
        matrix = BT709 if first.shape[0] >= HIGH_DEFINITION else BT601
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, LIMITED
        strip = av.BitStreamFilterContext(f"filter_units=remove_types={SEI}", stream)
        coded = _Coded(coding.pixels, matrix, ticks)
        packets = [stream.encode(coded.frame(n, one)) for n, one in _counted(first, frames)]
        for packet in [*(one for some in packets for one in some), *stream.encode(None), None]:
            for clean in strip.filter(packet):
                container.mux(clean)
    return buffer.getvalue()


def _counted(first: Picture, rest: Iterable[Picture]) -> Iterable[tuple[int, Picture]]:
    return enumerate(chain([first], rest))


class _Coded:
    """Makes frames for an encoder, in YCbCr of one matrix and limited range."""

    def __init__(self, pixels: str, matrix: int, ticks: _Ticks | None) -> None:
        from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

        self._reformatter, self._ticks = VideoReformatter(), ticks
        self._options: dict[str, Any] = {
            "format": pixels,
            "dst_colorspace": Colorspace.ITU709 if matrix == BT709 else Colorspace.ITU601,
            "src_color_range": ColorRange.JPEG,
            "dst_color_range": ColorRange.MPEG,
            "interpolation": Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            "threads": 1,
        }

    def frame(self, index: int, picture: Picture) -> Any:
        import av

        shown = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
        made = self._reformatter.reformat(frame, **self._options)
        made.pts = index
        if self._ticks:
            made.pts, made.time_base = self._ticks.times[index], self._ticks.each
        return made


@dataclass(frozen=True, slots=True)
class _Ticks:
    """Times as whole numbers of a part of a second."""

    times: tuple[int, ...]
    each: Fraction


def _ticks(times: Sequence[float] | None) -> _Ticks | None:
    """Times in the coarsest ticks that tell them apart; None where they are even or unknown."""
    if times is None or len(times) < 2 or step_of(times) is not None:
        return None
    for second in TICKS:
        found = tuple(round((time - times[0]) * second / 1000) for time in times)
        if all(a < b for a, b in pairwise(found)):
            return _Ticks(found, Fraction(1, second))
    return None


def _rate(times: Sequence[float] | None) -> Fraction:
    if times is None or len(times) < 2 or times[-1] <= times[0]:
        return UNKNOWN_RATE
    seconds = (times[-1] - times[0]) / 1000
    return Fraction(rounded((len(times) - 1) / seconds)).limit_denominator(1000)
