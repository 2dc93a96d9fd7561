"""Native pixel data: samples as they lie in the file, of any byte order and arrangement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.config import ReadConfig, check_size


@dataclass(frozen=True, slots=True)
class Layout:
    """The image pixel module of a header (PS3.3 C.7.6.3), made sure of.

    Attributes:
        allocated, stored: bits a sample.
        above: bits below those that are stored, by HighBit: old objects have samples at the top.
        planar: components lie one after the other, not pixel by pixel.
        pairs: how many pixels of a row two of which share their chroma (native YBR_FULL_422,
            PS3.3 C.7.6.3.1.2): the width, or one more where rows are filled up to whole pairs;
            0 where every pixel has its own.
    """

    height: int
    width: int
    components: int
    frames: int
    photometric: str
    allocated: int
    stored: int
    signed: bool
    planar: bool

    pairs: int = 0
    above: int = 0

    @property
    def samples(self) -> int:
        """Of one native frame."""
        if self.pairs:
            return -(-self.height * self.pairs // 2) * 4
        return self.height * self.width * self.components

    @property
    def frame_bytes(self) -> int:
        """Of one native frame."""
        return self.samples * self.allocated // 8


HALVED = ("YBR_FULL_422", "YBR_PARTIAL_422")


def fitted(layout: Layout, length: int) -> Layout:
    """The layout and number of frames by the length of a native value, in bytes.

    Chroma of YBR_FULL_422 is halved, or it is not: some writers name it and leave every pixel its
    own. NumberOfFrames may be missing or too small. The length tells, if the header is right on one
    of the two; at the end may be a byte of padding.

    Raises:
        Reject: ``frame_mismatch`` if the length can be read in several ways.
    """
    ways = [layout]
    if layout.photometric in HALVED and layout.components == 3:
        ways = [replace(layout, pairs=layout.width), layout]
        if layout.width % 2:
            ways.insert(1, replace(layout, pairs=layout.width + 1))
    for way in ways:
        if way.frames * way.frame_bytes <= length <= way.frames * way.frame_bytes + 1:
            return way
    counted = [
        replace(way, frames=length // way.frame_bytes)
        for way in ways
        if length // way.frame_bytes > way.frames and length % way.frame_bytes <= 1
    ]
    if len(counted) > 1:
        raise Reject(Reason.FRAME_MISMATCH, "the pixel data can be cut into frames in several ways")
    return counted[0] if counted else ways[0]


def read_layout(header: Dataset, config: ReadConfig) -> Layout:
    """The layout that a header states.

    Raises:
        Reject: ``unreadable`` if it makes no sense, ``too_large`` beyond the configured bounds.
    """
    height, width = number(header, "Rows"), number(header, "Columns")
    components = number(header, "SamplesPerPixel", 1)
    allocated = number(header, "BitsAllocated", 8)
    stored = number(header, "BitsStored", allocated)
    stored = stored if 0 < stored <= allocated else allocated
    high = number(header, "HighBit", stored - 1)
    frames = max(number(header, "NumberOfFrames", 1), 1)
    if height < 1 or width < 1:
        raise Reject(Reason.UNREADABLE, "the header gives the pictures no size")
    if components not in (1, 3):
        raise Reject(Reason.UNREADABLE, "so many samples a pixel are not known")
    if allocated not in (8, 16, 32):
        raise Reject(Reason.UNSUPPORTED_CODEC, "so many bits a sample are not read")
    check_size(height, width, frames, config)
    photometric = str(header.get("PhotometricInterpretation") or "").strip().upper()
    return Layout(
        height,
        width,
        components,
        frames,
        photometric or ("MONOCHROME2" if components == 1 else "RGB"),
        allocated,
        stored,
        number(header, "PixelRepresentation", 0) == 1,
        number(header, "PlanarConfiguration", 0) == 1,
        above=high + 1 - stored if stored <= high < allocated else 0,
    )


def number(header: Dataset, keyword: str, default: int = 0) -> int:
    """A whole number of a header; the first of several; ``default`` if there is none."""
    value = header.get(keyword)
    if hasattr(value, "__iter__") and not isinstance(value, str):
        value = next(iter(value), None)
    try:
        return int(value) if value is not None and value != "" else default
    except (TypeError, ValueError, OverflowError):
        raise Reject(Reason.UNREADABLE, f"{keyword} is not a number") from None


def native_frame(
    pixels: memoryview, layout: Layout, index: int, *, little: bool, words: bool
) -> NDArray[Any]:
    """The samples of one frame, chroma spread to every pixel.

    Args:
        words: the value is of VR OW, whose words are swapped in big endian even where they hold
            two samples of 8 bits (PS3.5 8.1.1).

    Returns:
        (H, W) or (H, W, 3) in the layout's dtype and native byte order.

    Raises:
        ValueError: the data end before the frame does.
    """
    size = layout.allocated // 8
    order = "<" if little else ">"
    kind = "i" if layout.signed else "u"
    start = index * layout.samples * size
    if size == 1 and words and not little:
        lead = start % 2
        even = (layout.samples + lead + 1) // 2
        pairs = np.frombuffer(pixels, ">u2", even, start - lead).astype("<u2")
        flat = pairs.view(f"{kind}1")[lead : lead + layout.samples]
    else:
        flat = np.frombuffer(pixels, f"{order}{kind}{size}", layout.samples, start)
    return arrange(flat.astype(flat.dtype.newbyteorder("="), copy=False), layout)


def arrange(flat: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Samples in file order as a picture."""
    height, width = layout.height, layout.width
    if layout.pairs:
        four = flat.reshape(-1, 4)  # Y1 Y2 Cb Cr
        three = [four[:, :2].ravel(), np.repeat(four[:, 2], 2), np.repeat(four[:, 3], 2)]
        whole = np.stack(three, axis=-1)[: height * layout.pairs]
        rows = whole.reshape(height, layout.pairs, 3)
        return np.ascontiguousarray(rows[:, :width])
    if layout.components == 1:
        return flat.reshape(height, width)
    if layout.planar:
        return np.ascontiguousarray(flat.reshape(3, height, width).transpose(1, 2, 0))
    return flat.reshape(height, width, 3)


def continues(frame: NDArray[Any]) -> bool:
    """Whether the rows of a frame are rows: each is nearest to the next.

    Samples of another width, depth or color, cut thus, have their neighbors two or three rows on.

    Args:
        frame: (H, W) or (H, W, 3), as ``native_frame`` gives it.
    """
    if len(frame) < 4:
        return True
    values = frame.astype(np.float32)
    one, two, three = (float(np.abs(values[n:] - values[:-n]).mean()) for n in (1, 2, 3))
    return one <= min(two, three)
