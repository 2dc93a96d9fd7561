"""Native pixel data: samples as they lie in the file, of any byte order and arrangement."""

from __future__ import annotations

from dataclasses import dataclass
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
        planar: components lie one after the other, not pixel by pixel.
        half: chroma is stored for every second pixel of a row (native YBR_FULL_422).
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

    @property
    def half(self) -> bool:
        return self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") and self.components == 3

    @property
    def samples(self) -> int:
        """Of one native frame."""
        pixels = self.height * self.width
        return pixels * 2 if self.half else pixels * self.components


def read_layout(header: Dataset, config: ReadConfig) -> Layout:
    """The layout that a header states.

    Raises:
        Reject: ``unreadable`` if it makes no sense, ``too_large`` beyond the configured bounds.
    """
    height, width = number(header, "Rows"), number(header, "Columns")
    components = number(header, "SamplesPerPixel", 1)
    allocated = number(header, "BitsAllocated", 8)
    stored = number(header, "BitsStored", allocated)
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
        stored if 0 < stored <= allocated else allocated,
        number(header, "PixelRepresentation", 0) == 1,
        number(header, "PlanarConfiguration", 0) == 1,
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
    if layout.half and flat.size == layout.samples:
        four = flat.reshape(height, width // 2, 4)  # Y1 Y2 Cb Cr
        out = np.empty((height, width, 3), flat.dtype)
        out[..., 0] = four[..., :2].reshape(height, width)
        out[..., 1] = np.repeat(four[..., 2], 2, axis=1)
        out[..., 2] = np.repeat(four[..., 3], 2, axis=1)
        return out
    if layout.components == 1:
        return flat.reshape(height, width)
    if layout.planar:
        return np.ascontiguousarray(flat.reshape(3, height, width).transpose(1, 2, 0))
    return flat.reshape(height, width, 3)
