"""Pictures as DICOM pixel data: every transfer syntax and photometric that scanners write."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import imagecodecs
import numpy as np
from PIL import Image

from echoatlas.pipeline.read.dicom.transfer_syntaxes import (
    BY_KEYWORD,
    STANDARD,
    TRANSFER_SYNTAXES,
    transfer_syntax,
    uids,
)
from echoatlas.simulate.files.video import encode_video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pictures = NDArray[np.uint8]

NATIVE = uids(lambda one: one.native and one.uid.startswith(STANDARD))
RLE = BY_KEYWORD["RLELossless"].uid
BARE = uids(lambda one: one.bare)
J = f"{STANDARD}.4."
# Codec to (FFmpeg's encoder, container): PS3.5 sections 8.2.5 to 8.2.9.
ENCODERS = {
    "mpeg2": ("mpeg2video", "mpeg2video"),
    "h264": ("libx264", "mpegts"),
    "hevc": ("libx265", "mpegts"),
}
VIDEO = {one.uid: ENCODERS[one.codec] for one in TRANSFER_SYNTAXES if one.video}
VIDEO[J + "103"] = VIDEO[J + "103.1"] = ("libx264", "mp4")


def _jpeg(frame: Pictures, quality: int, photometric: str) -> bytes:
    if frame.ndim == 2:
        return bytes(imagecodecs.jpeg8_encode(frame, level=quality))
    if photometric == "RGB":
        # Stored as RGB: libjpeg says so in an Adobe APP14 marker.
        return bytes(
            imagecodecs.jpeg8_encode(
                frame, level=quality, colorspace="RGB", outcolorspace="RGB", subsampling="444"
            )
        )
    sampling = "422" if photometric == "YBR_FULL_422" else "444"
    return bytes(imagecodecs.jpeg8_encode(frame, level=quality, subsampling=sampling))


def _progressive_jpeg(frame: Pictures, quality: int, photometric: str) -> bytes:
    """In several scans, by Pillow: the other encoder writes one."""
    half = photometric == "YBR_FULL_422"
    options = (
        {"keep_rgb": True} if photometric == "RGB" else {"subsampling": "4:2:2" if half else 0}
    )
    buffer = BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality, progressive=True, **options)
    return buffer.getvalue()


def _lossless_jpeg(predictor: int) -> Callable[[Pictures, int, str], bytes]:
    def encode(frame: Pictures, quality: int, photometric: str) -> bytes:
        if frame.ndim == 2:
            return bytes(imagecodecs.jpeg8_encode(frame, lossless=True, predictor=predictor))
        return bytes(
            imagecodecs.jpeg8_encode(
                frame, lossless=True, predictor=predictor, colorspace="RGB", outcolorspace="RGB"
            )
        )

    return encode


def _jpeg_2000(reversible: bool) -> Callable[[Pictures, int, str], bytes]:
    def encode(frame: Pictures, quality: int, photometric: str) -> bytes:
        level = None if reversible else 45  # a PSNR in decibels
        return bytes(
            imagecodecs.jpeg2k_encode(
                frame,
                level=level,
                codecformat="J2K",
                reversible=reversible,
                mct=photometric.startswith("YBR"),
                numthreads=1,
            )
        )

    return encode


def _htj2k(reversible: bool) -> Callable[[Pictures, int, str], bytes]:
    def encode(frame: Pictures, quality: int, photometric: str) -> bytes:
        level = None if reversible else 0.002
        return bytes(imagecodecs.htj2k_encode(frame, level=level, reversible=reversible))

    return encode


def _jpeg_xl(frame: Pictures, quality: int, photometric: str) -> bytes:
    return bytes(imagecodecs.jpegxl_encode(frame, lossless=True, effort=1, numthreads=1))


def _jpeg_xl_lossy(frame: Pictures, quality: int, photometric: str) -> bytes:
    return bytes(imagecodecs.jpegxl_encode(frame, distance=1.0, effort=3, numthreads=1))


def _jpeg_xl_of_jpeg(frame: Pictures, quality: int, photometric: str) -> bytes:
    return bytes(imagecodecs.jpegxl_encode_jpeg(_jpeg(frame, quality, photometric), numthreads=1))


# Syntax to (encoder of a frame, photometric of color frames).
CODED: dict[str, tuple[Callable[[Pictures, int, str], bytes], str]] = {
    J + "50": (_jpeg, "YBR_FULL_422"),
    J + "51": (_jpeg, "YBR_FULL_422"),
    J + "53": (_progressive_jpeg, "YBR_FULL_422"),
    J + "55": (_progressive_jpeg, "YBR_FULL_422"),
    J + "57": (_lossless_jpeg(4), "RGB"),
    J + "70": (_lossless_jpeg(1), "RGB"),
    J + "80": (lambda f, q, p: bytes(imagecodecs.jpegls_encode(f)), "RGB"),
    J + "81": (lambda f, q, p: bytes(imagecodecs.jpegls_encode(f, level=2)), "RGB"),
    J + "90": (_jpeg_2000(True), "YBR_RCT"),
    J + "91": (_jpeg_2000(False), "YBR_ICT"),
    J + "201": (_htj2k(True), "YBR_RCT"),
    J + "202": (_htj2k(True), "YBR_RCT"),
    J + "203": (_htj2k(False), "YBR_ICT"),
    J + "110": (_jpeg_xl, "RGB"),
    J + "111": (_jpeg_xl_of_jpeg, "YBR_FULL_422"),
    J + "112": (_jpeg_xl_lossy, "XYB"),
}
_MADE = NATIVE | BARE | CODED.keys() | VIDEO.keys()
SYNTAXES: tuple[str, ...] = tuple(one.uid for one in TRANSFER_SYNTAXES if one.uid in _MADE)
LOSSLESS = frozenset(SYNTAXES) & uids(lambda one: not one.lossy)


def coded_frames(
    pictures: Pictures, syntax: str, photometric: str, quality: int, fps: float
) -> tuple[list[bytes], str]:
    """Encode for an encapsulated transfer syntax.

    Args:
        pictures: (N, H, W) or (N, H, W, 3) uint8, as stored: converted to ``photometric`` already
            where the codec doesn't do that itself.

    Returns:
        One byte string a frame (for video one in all), and the photometric interpretation.
    """
    if syntax in VIDEO:
        codec, container = VIDEO[syntax]
        return [encode_video(pictures, codec, container, fps)], "YBR_PARTIAL_420"
    if syntax in BARE:
        return [_bare(frame, syntax, photometric) for frame in pictures], photometric
    encode, color = CODED[syntax]
    if pictures.ndim == 4:
        photometric = photometric if photometric in ("RGB", "YBR_FULL") else color
    return [encode(frame, quality, photometric) for frame in pictures], photometric


def _bare(frame: Pictures, syntax: str, photometric: str) -> bytes:
    """Samples in a fragment of their own: packed, deflated, or as they are."""
    codec = transfer_syntax(syntax).codec
    if codec == "rle":
        return rle(frame)
    raw = native_bytes(frame[None], photometric, 0)
    if codec == "uncompressed":
        return raw
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(raw) + engine.flush()


def rle(frame: Pictures) -> bytes:
    """PS3.5 annex G: a header of segment offsets, then one PackBits segment a channel."""
    planes = [frame] if frame.ndim == 2 else [frame[..., band] for band in range(frame.shape[2])]
    segments = []
    for plane in planes:
        coded = b"".join(bytes(imagecodecs.packbits_encode(row.tobytes())) for row in plane)
        segments.append(coded + b"\0" * (len(coded) % 2))
    offsets = [64 + sum(map(len, segments[:index])) for index in range(len(segments))]
    table = np.zeros(16, "<u4")
    table[: len(offsets) + 1] = [len(segments), *offsets]
    return table.tobytes() + b"".join(segments)


def to_ybr(pictures: Pictures) -> Pictures:
    """RGB to full-range YCbCr (PS3.3 C.7.6.3.1.2), channels last."""
    shape = pictures.shape
    rows = np.ascontiguousarray(pictures).reshape(-1, shape[-2], 3)
    swapped = cv2.cvtColor(rows, cv2.COLOR_RGB2YCrCb)
    return np.ascontiguousarray(swapped[..., [0, 2, 1]]).reshape(shape)


def native_bytes(pictures: Pictures, photometric: str, planar: int) -> bytes:
    """Uncompressed pixel data; ``pictures`` are in the color space of ``photometric`` already."""
    if photometric == "YBR_FULL_422":
        # Two luminance samples, then the chrominance that they share: PS3.3 C.7.6.3.1.2.
        luma = pictures[..., 0]
        chroma = pictures[..., ::2, 1:]
        packed = np.stack(
            [luma[..., ::2], luma[..., 1::2], chroma[..., 0], chroma[..., 1]], axis=-1
        )
        return packed.tobytes()
    if pictures.ndim == 4 and planar:
        return np.ascontiguousarray(np.moveaxis(pictures, 3, 1)).tobytes()
    return np.ascontiguousarray(pictures).tobytes()
