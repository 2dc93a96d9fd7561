"""Pictures as video streams, reproducible to the byte."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPTIONS = {
    "libx264": {"crf": "12", "preset": "veryfast", "threads": "1"},
    "libx265": {
        "crf": "10",
        "preset": "ultrafast",
        "x265-params": "log-level=none:pools=none:frame-threads=1:info=0",
    },
    "mpeg2video": {"qscale": "2", "b": "12M", "threads": "1"},
    "mpeg4": {"b": "8M", "threads": "1"},
    "mjpeg": {"qscale": "2", "threads": "1"},
    "ffv1": {"threads": "1"},
}
PIXELS = {"mjpeg": "yuvj420p", "ffv1": "bgr0"}


def encode_video(
    pictures: NDArray[np.uint8],
    codec: str = "libx264",
    container: str = "mp4",
    fps: float = 30.0,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Encode (N, H, W[, 3]) uint8 with even H and W; an odd last row or column is cut off.

    Args:
        codec: an encoder of FFmpeg.
        container: "mp4", "mov", "avi", "matroska", "mpegts", or "mpeg2video" for a bare stream.
        metadata: tags of the container (title, artist, comment ...).
    """
    height, width = pictures.shape[1] // 2 * 2, pictures.shape[2] // 2 * 2
    buffer = BytesIO()
    with av.open(buffer, "w", format=container, options={"fflags": "+bitexact"}) as output:
        stream = output.add_stream(codec, rate=_rate(fps, codec))
        stream.width, stream.height = width, height
        stream.pix_fmt = PIXELS.get(codec, "yuv420p")
        stream.options = {**OPTIONS[codec], "flags": "+bitexact"}
        for key, value in (metadata or {}).items():
            output.metadata[key] = value
        for picture in pictures[:, :height, :width]:
            form = "rgb24" if picture.ndim == 3 else "gray"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=form)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def _rate(fps: float, codec: str) -> Fraction:
    """Frames per second as a fraction; MPEG-2 knows only those of television."""
    if codec != "mpeg2video":
        return Fraction(fps).limit_denominator(1000)
    known = [Fraction(24), Fraction(25), Fraction(30), Fraction(50), Fraction(60)]
    return min(known, key=lambda rate: abs(float(rate) - fps))
