"""Color: what the samples of a picture mean, and their way to gray or RGB of 8 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.read.codestream import Codestream

Samples = NDArray[Any]


def ycc_by_markers(stream: Codestream) -> tuple[bool | None, str]:
    """Whether a three-component JPEG is YCbCr, and by what it was decided.

    Order of belief, right on 24 of 24 real codings: Adobe's flag, subsampling, JFIF, component
    ids. DICOM's PhotometricInterpretation is not asked: writers that transcode forget it.

    Returns:
        (None, "") if no marker tells.
    """
    if stream.adobe is not None:
        return stream.adobe == 1, "app14"
    if stream.subsampled:
        return True, "subsampled"
    if stream.jfif:
        return True, "jfif"
    if bytes(stream.ids) == b"RGB":
        return False, "ids"
    return None, ""


def ycc_by_samples(untransformed: NDArray[np.uint8], stated: str) -> tuple[bool, str]:
    """Whether untransformed samples look like YCbCr: ultrasound is mostly gray.

    Gray in YCbCr has both chroma near 128; gray in RGB has three equal components.

    Args:
        untransformed: (H, W, 3), decoded without color transform.
        stated: PhotometricInterpretation, the tie-break.
    """
    thin = untransformed[::4, ::4].astype(np.int16)
    chroma = (np.abs(thin[..., 1:] - 128) <= 4).all(-1).mean()
    equal = (np.abs(thin - thin[..., :1]) <= 4).all(-1).mean()
    if abs(chroma - equal) > 0.1:
        return bool(chroma > equal), "gray_majority"
    return stated.startswith("YBR"), "stated"


def color_code(untransformed: NDArray[np.uint8], stated: str) -> str:
    """The decision of ``ycc_by_samples`` as a code: "ycc:..." or "rgb:..."."""
    ycc, why = ycc_by_samples(untransformed, stated)
    return f"{'ycc' if ycc else 'rgb'}:{why}"


def ycc_to_rgb(picture: NDArray[np.uint8], *, full: bool = True) -> NDArray[np.uint8]:
    """YCbCr of BT.601 to RGB (PS3.3 C.7.6.3.1.2), in fixed point with 16 bits.

    Args:
        picture: (H, W, 3) uint8.
        full: luma spans 0-255 (YBR_FULL); if not, 16-235 (YBR_PARTIAL).
    """
    y = picture[..., 0].astype(np.int32) << 16
    blue = picture[..., 1].astype(np.int32) - 128
    red = picture[..., 2].astype(np.int32) - 128
    scale = 1.0
    if not full:
        y = (y - (16 << 16)) // 219 * 255
        scale = 255 / 224
    weights = [round(w * scale * 65536) for w in (1.402, -0.344136, -0.714136, 1.772)]
    out = np.empty(picture.shape, np.uint8)
    half = 1 << 15
    for channel, value in enumerate(
        (
            y + weights[0] * red,
            y + weights[1] * blue + weights[2] * red,
            y + weights[3] * blue,
        )
    ):
        out[..., channel] = np.clip((value + half) >> 16, 0, 255)
    return out


def to_bytes(samples: Samples, bits: int) -> NDArray[np.uint8]:
    """Samples of ``bits`` significant bits as 8 bits, by their highest bits."""
    if bits <= 8:
        if bits == 8:
            # What a decoder made is ours; what lies in the file is not, and is copied.
            return samples.astype(np.uint8, copy=not samples.flags.writeable)
        return (samples.astype(np.uint16) * 255 // ((1 << bits) - 1)).astype(np.uint8)
    return (samples >> (bits - 8)).astype(np.uint8)


def window(
    samples: Samples,
    center: float,
    width: float,
    slope: float = 1.0,
    intercept: float = 0.0,
    function: str = "",
) -> NDArray[np.uint8]:
    """A VOI window on rescaled samples, to 0-255.

    Args:
        function: VOILUTFunction; linear if there is none (PS3.3 C.11.2.1.2, C.11.2.1.3).
    """
    value = samples.astype(np.float32) * slope + intercept
    if function == "SIGMOID":
        value = 255 / (1 + np.exp(np.clip(-4 * (value - center) / width, -80, 80)))
    elif function == "LINEAR_EXACT":
        value = ((value - center) / width + 0.5) * 255
    elif width <= 1:
        return np.where(value <= center - 0.5, 0, 255).astype(np.uint8)
    else:
        value = ((value - (center - 0.5)) / (width - 1) + 0.5) * 255
    return np.asarray(np.clip(np.rint(value), 0, 255), np.uint8)


def first_number(value: object) -> float | None:
    """The first of a header's decimal values, or None."""
    if value is None or value == "":
        return None
    if not isinstance(value, (str, int, float)):
        value = next(iter(value), None)  # type: ignore[call-overload]
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
