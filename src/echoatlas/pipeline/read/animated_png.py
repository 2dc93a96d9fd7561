"""Animated PNG whose frames are drawn over each other, each made whole before Pillow sees it.

A frame may be a part that is laid over what was there (blend OVER), and be taken away again
(dispose PREVIOUS) (PNG, 3rd ed., 11.3.6.2). Pillow draws such a part into what it goes back to, so
that it stays for all frames that follow; behind a picture that only stands for the animation, and
with a palette, it clears to other colors; and of two that are half transparent it makes others.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from echoatlas.pipeline.read.config import check_size
from echoatlas.pipeline.read.deep_color import in_all_bits
from echoatlas.pipeline.read.exif import PIL_ERRORS
from echoatlas.pipeline.read.pillow import opened
from echoatlas.pipeline.read.png_chunks import (
    HEADER,
    Chunk,
    PngFrame,
    coded_png_rows,
    frames_of,
    png_of,
    png_samples,
    rewritten_png,
    whole_chunks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from echoatlas.pipeline.read.config import ReadConfig

CONTROL = struct.Struct(">5I2H2B")  # fcTL: number, width, height, x, y, delay, dispose, blend
BACKGROUND, PREVIOUS, OVER = 1, 2, 1  # the first two of dispose, the last of blend
ALPHA = (4, 6)  # color types
OF_COLORS = (b"PLTE", b"tRNS", b"sBIT", b"bKGD", b"hIST")  # what says how samples are colored


class WholeFrames(NamedTuple):
    """How whole frames are written: as of Pillow, samples of a pixel, color type, bits of each."""

    mode: str
    channels: int
    color: int
    depth: int


def drawn_out(data: bytes, config: ReadConfig) -> bytes:
    """A PNG that Pillow shows as it is: colors fill their bits, and frames stand for themselves.

    Args:
        data: a PNG, whole or not.

    Returns:
        ``data`` itself where Pillow does so anyhow, and of damaged ones.

    Raises:
        Reject: ``too_large``, ``unreadable``.
    """
    data = in_all_bits(data, config)
    chunks = whole_chunks(data)
    if chunks is None:
        return data
    controls = [at for at, (name, _) in enumerate(chunks) if name == b"fcTL"]
    try:
        size = HEADER.unpack(chunks[0][1])[:2]
        told = [CONTROL.unpack(chunks[at][1]) for at in controls]
        if all(one[1:3] == size and one[-1] != OVER for one in told):
            return data
        return _whole(chunks, controls, config)
    except PIL_ERRORS:
        return data


def _kind(chunks: list[Chunk]) -> WholeFrames:
    depth, color = HEADER.unpack(chunks[0][1])[2:4]
    if color in ALPHA or any(name == b"tRNS" for name, _ in chunks):
        return WholeFrames("RGBA", 4, 6, 8)
    deep = 16 if depth == 16 else 8
    return WholeFrames("L", 1, 0, deep) if color == 0 else WholeFrames("RGB", 3, 2, deep)


def _whole(chunks: list[Chunk], controls: list[int], config: ReadConfig) -> bytes:
    width, height, *_ = HEADER.unpack(chunks[0][1])
    frames, kind = frames_of(chunks, width, height), _kind(chunks)
    check_size(height, width, len(frames), config)
    places = {at for frame in frames for at in frame.places}
    rows = {frame.place: _coded(one) for frame, one in _drawn(chunks, frames, kind)}
    for at in controls:
        number, _, _, _, _, shown, of, _, _ = CONTROL.unpack(chunks[at][1])
        chunks[at] = (b"fcTL", CONTROL.pack(number, width, height, 0, 0, shown, of, 0, 0))
    chunks[0] = (b"IHDR", HEADER.pack(width, height, kind.depth, kind.color, 0, 0, 0))
    keep = [at for at, (name, _) in enumerate(chunks) if name not in OF_COLORS]
    moved = {at: new for new, at in enumerate(keep)}
    return rewritten_png(
        [chunks[at] for at in keep],
        {moved[at] for at in places},
        {moved[at]: body for at, body in rows.items()},
    )


def _drawn(
    chunks: list[Chunk], frames: list[PngFrame], kind: WholeFrames
) -> Iterator[tuple[PngFrame, NDArray[Any]]]:
    """Each frame as it is to be seen, (H, W, channels); what stands for an animation as it lies."""
    wide, high, *_ = HEADER.unpack(chunks[0][1])
    canvas: NDArray[Any] = np.zeros((high, wide, kind.channels), f"u{kind.depth // 8}")
    first = True
    for frame in frames:
        part = _decoded(chunks, frame, kind)
        if not frame.shown:
            yield frame, part
            continue
        name, body = chunks[frame.place - 1]
        if name != b"fcTL":
            raise ValueError("a frame does not say where it lies")
        _, width, height, x, y, _, _, dispose, blend = CONTROL.unpack(body)
        if x + width > wide or y + height > high:
            raise ValueError("a frame reaches beyond the picture")
        there = canvas[y : y + height, x : x + width]
        before = there.copy()
        there[:] = _over(before, part) if blend == OVER and kind.channels == 4 else part
        yield frame, canvas.copy()
        if dispose == BACKGROUND or (dispose == PREVIOUS and first):
            there[:] = 0
        elif dispose == PREVIOUS:
            there[:] = before
        first = False


def _over(below: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One picture over another, (H, W, 4), alpha not multiplied in (PNG, 3rd ed., 12.8)."""
    upper = above[..., 3:].astype(np.float64) / 255
    lower = below[..., 3:].astype(np.float64) / 255 * (1 - upper)
    alpha = upper + lower
    colors = above[..., :3] * upper + below[..., :3] * lower
    colors = np.divide(colors, alpha, out=np.zeros_like(colors), where=alpha > 0)
    return np.asarray(np.rint(np.dstack([colors, alpha * 255])), np.uint8)


def _decoded(chunks: list[Chunk], frame: PngFrame, kind: WholeFrames) -> NDArray[Any]:
    """A frame alone, (H, W, channels)."""
    ways = HEADER.unpack(chunks[0][1])[2:]
    alone = [
        (b"IHDR", HEADER.pack(frame.width, frame.height, *ways)),
        *(one for one in chunks if one[0] in (b"PLTE", b"tRNS")),
        (b"IDAT", b"".join(frame.coded)),
        (b"IEND", b""),
    ]
    if kind.depth == 16:
        samples = png_samples(alone)
    else:
        with opened(png_of(alone), "png") as image:
            samples = np.asarray(image.convert(kind.mode))
    return samples.reshape(frame.height, frame.width, kind.channels)


def _coded(picture: NDArray[Any]) -> bytes:
    return coded_png_rows(
        np.ascontiguousarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    )
