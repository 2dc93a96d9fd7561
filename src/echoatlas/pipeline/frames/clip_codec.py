"""The codec of a release's clips: differences to the frame before, in groups, by Zstandard.

Mostly a cine changes so little from frame to frame that differences in time are smaller than those
along a row; but each frame then needs the one before it. Groups of a few frames, each of which
begins anew, keep single frames in reach; each group takes what is smaller
(docs/adr/0010-clips-by-differences-in-time.md has the measurements). Lossless, self-describing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import zstandard

from echoatlas.pipeline.frames.codec import (
    MOST_PIXELS,
    contexts,
    correlated,
    decorrelated,
    row_sums,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.frames.codec import Buffer
    from echoatlas.schemas.records import Picture

HEADER = struct.Struct("<4sHHBBI")  # magic, height, width, channels, frames a group, frames
MAGIC = b"EAc1"
GROUP = 8  # frames
IN_TIME, IN_ROWS = b"t", b"r"  # before each group: of what its differences are


def encode_clip(pictures: Iterable[Picture], group: int = GROUP) -> bytes:
    """Encode the pictures of a clip, losslessly; the same pixels give the same bytes.

    Args:
        pictures: (H, W) or (H, W, 3) uint8, all of one size. A clip of gray and color is color.
        group: frames that are decoded together at most, up to 255.

    Raises:
        ValueError: there are none, or they differ in size.
    """
    frames = list(pictures)
    if not frames or len({one.shape[:2] for one in frames}) > 1:
        raise ValueError("a clip needs pictures of one size")
    channels = 3 if any(one.ndim == 3 for one in frames) else 1
    height, width = frames[0].shape[:2]
    parts = [
        _packed(np.stack([_planes(one, channels) for one in frames[start : start + group]]))
        for start in range(0, len(frames), group)
    ]
    header = HEADER.pack(MAGIC, height, width, channels, group, len(frames))
    sizes = np.array([len(part) for part in parts], "<u4").tobytes()
    return b"".join([header, sizes, *parts])


def _packed(planes: NDArray[np.uint8]) -> bytes:
    """A group, (frames, channels, H, W), by the differences that take less."""
    rows = planes.copy()
    rows[..., 1:] -= planes[..., :-1]
    alone = IN_ROWS + contexts().compressor.compress(rows.tobytes())
    if len(planes) == 1:
        return alone
    times = planes.copy()
    times[1:] -= planes[:-1]
    times[0] = rows[0]
    return min(IN_TIME + contexts().compressor.compress(times.tobytes()), alone, key=len)


def _planes(picture: Picture, channels: int) -> NDArray[np.uint8]:
    if channels == 1:
        return picture[None]
    color = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    return decorrelated(color)


def clip_shape(data: Buffer) -> tuple[int, ...]:
    """(frames, H, W) of a clip, or (frames, H, W, 3).

    Raises:
        ValueError: the bytes are not of this codec.
    """
    _, height, width, channels, _, count = _header(data)
    return (count, height, width) if channels == 1 else (count, height, width, 3)


def decode_clip(
    data: Buffer, frames: Sequence[int] | None = None, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """The frames of a clip that are asked for, in that order; all if not said.

    Only groups in which they lie are unpacked, each once.

    Args:
        out: where they are laid, if it has their shape.

    Returns:
        (n, H, W) or (n, H, W, 3) uint8.

    Raises:
        ValueError: the bytes are not of this codec, or damaged. Checksums cover each group's
            differences; the head's sizes and each group's kind are covered by a shard's digest.
        IndexError: there is no such frame.
    """
    view, height, width, channels, group, count = _header(data)
    wanted = range(count) if frames is None else [int(number) for number in frames]
    if any(not 0 <= number < count for number in wanted):
        raise IndexError(f"the clip has {count} frames")
    shape = (len(wanted), height, width) if channels == 1 else (len(wanted), height, width, 3)
    if out is None or out.shape != shape:
        out = np.empty(shape, np.uint8)
    number_of = -(-count // group)
    start = HEADER.size + 4 * number_of
    if len(view) < start:
        raise ValueError("the clip is truncated")
    ends = start + np.cumsum(np.frombuffer(view, "<u4", number_of, HEADER.size), dtype=np.int64)
    if ends[-1] != len(view):
        raise ValueError("the clip is damaged: its groups do not add up to its length")
    places: dict[int, list[tuple[int, int]]] = {}
    for place, number in enumerate(wanted):
        places.setdefault(number // group, []).append((number % group, place))
    for part, asked in places.items():
        low, high = int(ends[part - 1]) if part else start, int(ends[part])
        size = min(group, count - part * group)
        last = max(number for number, _ in asked)
        planes = _unpacked(view[low:high], (size, channels, height, width), last)
        for number, place in asked:
            out[place] = planes[number, 0] if channels == 1 else correlated(planes[number])
    return out


def _header(data: Buffer) -> tuple[memoryview, int, int, int, int, int]:
    view = data.data if isinstance(data, np.ndarray) else memoryview(data)
    if len(view) < HEADER.size:
        raise ValueError("the clip is truncated")
    magic, height, width, channels, group, count = HEADER.unpack_from(view)
    few = 0 < height * width * channels * group <= MOST_PIXELS
    if magic != MAGIC or channels not in (1, 3) or not few or not count:
        raise ValueError("the clip is not of the codec of clips")
    return view, height, width, channels, group, count


def _unpacked(packed: memoryview, shape: tuple[int, int, int, int], last: int) -> NDArray[np.uint8]:
    """The planes of a group, up to and with frame ``last``."""
    how, data = bytes(packed[:1]), packed[1:]
    try:
        if how not in (IN_TIME, IN_ROWS) or zstandard.frame_content_size(data) != np.prod(shape):
            raise ValueError("the clip is damaged")
        raw = contexts().decompressor.decompress(data)
    except zstandard.ZstdError as error:
        raise ValueError("the clip is damaged") from error
    planes = np.frombuffer(raw, np.uint8).reshape(shape)[: last + 1]
    if how == IN_ROWS:
        return row_sums(planes.reshape(-1, shape[3])).reshape(planes.shape)
    made = np.empty(planes.shape, np.uint8)
    made[0] = row_sums(planes[0].reshape(-1, shape[3])).reshape(shape[1:])
    for number in range(1, last + 1):
        np.add(made[number - 1], planes[number], out=made[number])
    return made
