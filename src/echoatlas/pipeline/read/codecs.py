"""One codestream to samples: which decoder for which, and the color of each."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import color
from echoatlas.pipeline.read.codestream import LOSSLESS, Codestream, probe
from echoatlas.pipeline.read.config import ReadConfig, check_size

# Decoders' own complaints about a codestream; anything else is our bug.
CODEC_ERRORS = (
    imagecodecs.DicomrleError,
    imagecodecs.Htj2kError,
    imagecodecs.Jpeg2kError,
    imagecodecs.Jpeg8Error,
    imagecodecs.JpeglsError,
    imagecodecs.JpegxlError,
    ValueError,
    zlib.error,
)
JPEG_XL_FILE = b"\x00\x00\x00\x0cJXL "
YCC, RGB = True, False


@dataclass(frozen=True, slots=True)
class Decoded:
    """Samples of a picture and what they mean.

    Attributes:
        samples: (H, W) or (H, W, 3), color transforms undone but for ``ycc``.
        bits: significant bits a sample.
        ycc: three components that are still YCbCr.
        color: how the color was decided, a code.
    """

    samples: NDArray[Any]
    bits: int
    ycc: bool
    color: str


def decode(
    data: Any, stated: str, config: ReadConfig, known: str = "", expected: int = 0
) -> Decoded:
    """Decode one frame of the JPEG families, told apart by its own first bytes.

    Args:
        data: a codestream in any buffer of bytes; decoders take a view without copying it.
        stated: PhotometricInterpretation; asked last.
        known: the decision on color of the clip's first frame, so that a clip does not flicker.

        expected: pixels that the header promises; a codestream may hold up to four times that.

    Raises:
        Reject: ``too_large``, ``unsupported_codec``, ``unreadable``.
        CODEC_ERRORS: by the decoders, on damaged data.
    """
    stream = probe(data)
    check_size(stream.height, stream.width, 1, config)
    if expected and stream.height * stream.width > 4 * expected:
        raise Reject(Reason.UNREADABLE, "header and codestream disagree on the pictures' size")
    if stream.components not in (0, 1, 3):
        raise Reject(Reason.UNSUPPORTED_CODEC, "so many components are not read")
    return DECODERS[stream.family](data, stream, stated, known)


def _jpeg(data: Any, stream: Codestream, stated: str, known: str) -> Decoded:
    if stream.fractional:
        raise Reject(
            Reason.UNSUPPORTED_CODEC,
            "JPEG whose chroma is sampled by fractions is not read; export it as 4:2:2 or 4:2:0",
        )
    if stream.components == 1:
        if stream.bits == 8 and stream.process != LOSSLESS:
            gray = simplejpeg.decode_jpeg(data, "GRAY")
            return Decoded(gray[..., 0], 8, RGB, "gray")
        return Decoded(_libjpeg(data), stream.bits, RGB, "gray")
    ycc, why = color.ycc_by_markers(stream)
    if ycc is not None:
        code = f"{'ycc' if ycc else 'rgb'}:{why}"
    elif known:
        code = known
    else:
        raw = _libjpeg(data, colorspace="RGB", outcolorspace="RGB")
        code = color.color_code(color.to_bytes(raw, stream.bits), stated)
    ycc = code.startswith("ycc")
    if stream.process == LOSSLESS or stream.bits != 8:
        # Lossless: predicted samples are as they were; no decoder agrees on their color.
        raw = _libjpeg(data, colorspace="RGB", outcolorspace="RGB")
        return Decoded(raw, stream.bits, ycc, code)
    usual = stream.jfif or (
        stream.adobe != 0 if stream.adobe is not None else bytes(stream.ids) != b"RGB"
    )
    if usual == ycc and _is_common(data):
        return Decoded(simplejpeg.decode_jpeg(data, "RGB"), 8, RGB, code)
    space = "YCBCR" if ycc else "RGB"
    rgb = _libjpeg(data, colorspace=space, outcolorspace="RGB")
    return Decoded(rgb, 8, RGB, code)


def _is_common(data: Any) -> bool:
    """Whether TurboJPEG has a name for the chroma sampling: it refuses mixed and inverted ones."""
    try:
        simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return False
    return True


def _libjpeg(data: Any, **spaces: Any) -> NDArray[Any]:
    """A JPEG by libjpeg, which reads every sampling and process, and fills up what is missing."""
    if bytes(data).rfind(b"\xff\xd9") < 0:
        raise ValueError("the codestream has no end")
    return np.asarray(imagecodecs.jpeg8_decode(data, **spaces))


def _jpegls(data: Any, stream: Codestream, stated: str, known: str) -> Decoded:
    # CharLS takes seconds to give up on a scan that ends early.
    if not bytes(data[-64:]).rstrip(b"\0").endswith(b"\xff\xd9"):
        raise ValueError("the codestream has no end")
    return _unmarked(imagecodecs.jpegls_decode(data), stream.bits, stated, known)


def _jpeg2k(data: Any, stream: Codestream, stated: str, known: str) -> Decoded:
    """The codestream undoes its own transform (ICT, RCT); without one, the header is asked."""
    raw = imagecodecs.jpeg2k_decode(data, numthreads=1)
    if raw.ndim == 3 and raw.shape[-1] == 1:
        raw = raw[..., 0]
    if raw.ndim == 2:
        return Decoded(raw, stream.bits, RGB, "gray")
    if stream.transform:
        return Decoded(raw, stream.bits, RGB, "rgb:codestream")
    return _unmarked(raw, stream.bits, stated, known)


def _jpegxl(data: Any, stream: Codestream, stated: str, known: str) -> Decoded:
    jpeg = restored(data)
    if jpeg is not None:
        # Decoded as that JPEG: libjxl's own way to pixels differs by several gray levels.
        inner = probe(jpeg)
        if (inner.height, inner.width) != (stream.height, stream.width):
            raise ValueError("the JPEG within is of another size")
        return _jpeg(jpeg, inner, stated, known)
    try:
        raw = imagecodecs.jpegxl_decode(data, numthreads=1)
    except RuntimeError as error:  # the codec's own error, and a bare one for a cut container
        raise ValueError("the codestream is damaged") from error
    if raw.ndim == 3 and raw.shape[-1] == 1:
        raw = raw[..., 0]
    return Decoded(raw, stream.bits, RGB, "gray" if raw.ndim == 2 else "rgb:codestream")


def restored(data: Any) -> bytes | None:
    """The JPEG that a JPEG XL file was made of, byte by byte (ISO 18181-2, box jbrd), or None."""
    raw = bytes(data)
    if not raw.startswith(JPEG_XL_FILE) or b"jbrd" not in raw:
        return None
    try:
        return bytes(imagecodecs.jpegxl_decode_jpeg(raw, numthreads=1))
    except (RuntimeError, ValueError):  # the four letters were there by chance, or are damaged
        return None


def _unmarked(raw: NDArray[Any], bits: int, stated: str, known: str) -> Decoded:
    """Samples of a codestream that cannot say what its components are."""
    if raw.ndim == 2:
        return Decoded(raw, bits, RGB, "gray")
    code = known or color.color_code(color.to_bytes(raw, bits), stated)
    return Decoded(raw, bits, code.startswith("ycc"), code)


DECODERS: dict[str, Callable[[Any, Codestream, str, str], Decoded]] = {
    "jpeg": _jpeg,
    "jpegls": _jpegls,
    "jpeg2k": _jpeg2k,
    "jpegxl": _jpegxl,
}
