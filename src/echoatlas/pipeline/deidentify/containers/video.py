"""A clean MP4: one H.264 track without title, comment, handler text, side data or SEI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture

UNKNOWN_RATE = Fraction(1)  # a frame a second: no rate is invented, the report says so
BIT_EXACT = 1 << 23  # AV_CODEC_FLAG_BITEXACT: the encoder writes no banner of itself
SEI = 6  # NAL unit type of supplemental enhancement information (H.264 table 7-1)


def mp4(pictures: Iterable[Picture], times: Sequence[float] | None = None) -> bytes:
    """Encode pictures as H.264, 4:4:4 and nearly without loss (quantizer 4).

    Args:
        pictures: equally sized, (H, W) or (H, W, 3) RGB uint8.
        times: milliseconds from the first, to take the mean rate from; None if unknown.
    """
    import av

    buffer = BytesIO()
    frames = iter(pictures)
    first = next(frames)
    options = {"fflags": "bitexact"}
    with av.open(buffer, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=_rate(times))
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv444p"
        stream.options = {"qp": "4", "preset": "veryfast", "threads": "1"}
        stream.codec_context.flags |= BIT_EXACT
        strip = av.BitStreamFilterContext(f"filter_units=remove_types={SEI}", stream)
        packets = [stream.encode(_framed(av, index, one)) for index, one in _counted(first, frames)]
        for packet in [*(one for some in packets for one in some), *stream.encode(None), None]:
            for clean in strip.filter(packet):
                container.mux(clean)
    return buffer.getvalue()


def _counted(first: Picture, rest: Iterable[Picture]) -> Iterable[tuple[int, Picture]]:
    return enumerate(chain([first], rest))


def _framed(av: Any, index: int, picture: Picture) -> Any:
    shown = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
    frame.pts = index
    return frame


def _rate(times: Sequence[float] | None) -> Fraction:
    if times is None or len(times) < 2 or times[-1] <= times[0]:
        return UNKNOWN_RATE
    seconds = (times[-1] - times[0]) / 1000
    return Fraction((len(times) - 1) / seconds).limit_denominator(1000)
