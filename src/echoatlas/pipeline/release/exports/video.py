"""A clip as a video file whose pixels come back as they were, in every reader.

H.264 without loss, gray tagged full range (``gray`` where a side is odd, as 4:2:0 has none),
closed groups of ten, no frames that refer to later ones, exact times: OpenCV, decord, PyAV and
torchcodec read each frame by its number without error. FFV1 in AVI likewise, at an even rate.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TICKS = 90_000  # a second, of MP4
GROUP = 10  # frames from one that stands alone to the next
X264 = {
    "qp": "0", "preset": "fast", "bf": "0", "g": str(GROUP), "threads": "1",
    "x264-params": f"open-gop=0:keyint={GROUP}:min-keyint={GROUP}:scenecut=0",
}  # fmt: skip


def h264_mp4(pictures: NDArray[np.uint8], times: Sequence[float]) -> bytes:
    """H.264 without loss.

    Args:
        pictures: (T, H, W) gray or (T, H, W, 3) RGB. times: of each, ms, ascending from 0.
    """
    kind = _h264(pictures)
    codec = "libx264rgb" if kind == "rgb24" else "libx264"
    stamps = [round(time * TICKS / 1000) for time in times]
    return _written("mp4", codec, kind, X264, pictures, stamps, Fraction(1, TICKS))


def ffv1_avi(pictures: NDArray[np.uint8], step: float) -> bytes:
    """FFV1, for loaders that look for AVI files; its times are even.

    Args:
        step: between two frames, ms.
    """
    kind = "gray" if pictures.ndim == 3 else "bgr0"
    base = Fraction(step / 1000).limit_denominator(60_000)
    options = {"level": "3", "g": "1", "threads": "1", "slices": "4"}
    return _written("avi", "ffv1", kind, options, pictures, range(len(pictures)), base)


def _h264(pictures: NDArray[np.uint8]) -> str:
    if pictures.ndim == 4:
        return "rgb24"
    even = not (pictures.shape[1] % 2 or pictures.shape[2] % 2)
    return "yuvj420p" if even else "gray"


def _written(
    container: str,
    codec: str,
    kind: str,
    options: dict[str, str],
    pictures: NDArray[np.uint8],
    stamps: Sequence[int],
    base: Fraction,
) -> bytes:
    import av

    # In memory: a process that is killed would leave the clip, who may be erased, in a folder of
    # temporary files, where nobody looks
    made = io.BytesIO()
    with av.open(made, "w", format=container, options={"fflags": "+bitexact"}) as file:
        rate = Fraction(1) / base if container == "avi" else _rate(stamps, base)
        stream: Any = file.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = kind
        stream.time_base = stream.codec_context.time_base = base
        if kind in ("yuvj420p", "gray"):
            stream.codec_context.color_range = 2  # full
        packets = []
        for picture, stamp in zip(pictures, stamps, strict=True):
            frame = _frame(picture, kind)
            frame.pts, frame.time_base = stamp, base
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for number, packet in enumerate(packets):
            packet.duration = _lasts(stamps, number)
            file.mux(packet)
    return made.getvalue()


def _frame(picture: NDArray[np.uint8], kind: str) -> Any:
    import av

    if kind == "bgr0":  # the same bytes in another order
        return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=kind)
    if kind != "yuvj420p":
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=kind)
    # FFmpeg's own conversion from RGB has 127 for no color: the planes are laid by hand
    height, width = picture.shape
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = picture
    return av.VideoFrame.from_ndarray(planes, format="yuvj420p")


def _lasts(stamps: Sequence[int], number: int) -> int:
    """Ticks to the next frame; of the last one as of that before."""
    if len(stamps) == 1:
        return TICKS // 30 if stamps[0] == 0 else 1
    at = min(number, len(stamps) - 2)
    return stamps[at + 1] - stamps[at]


def _rate(stamps: Sequence[int], base: Fraction) -> Fraction:
    steps = np.diff(np.asarray(stamps, np.int64))
    usual = int(np.median(steps)) if steps.size else TICKS // 30
    return (Fraction(1) / (base * usual)).limit_denominator(60_000)
