"""Loose pictures: PNG, JPEG, GIF, BMP, TIFF, WebP."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import color
from echoatlas.pipeline.read.codecs import CODEC_ERRORS, decode
from echoatlas.pipeline.read.codestream import probe
from echoatlas.pipeline.read.config import ReadConfig, check_size
from echoatlas.pipeline.read.dicom.values import unsaid
from echoatlas.pipeline.read.raster import check_rows
from echoatlas.schemas.records import Scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

Image.MAX_IMAGE_PIXELS = None  # sizes are checked here, before decoding, against our own bounds
PIL_ERRORS = (
    EOFError,
    LookupError,
    OSError,
    OverflowError,
    SyntaxError,
    TypeError,
    UnidentifiedImageError,
    ValueError,
    struct.error,
    zlib.error,
)
ORIENTATION = 0x0112
PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt")


def read_jpeg(data: bytes, config: ReadConfig) -> Scan:
    """A JPEG file, its color decided by the same rules as a DICOM fragment's.

    Raises:
        Reject: ``unreadable``, ``too_large``.
    """
    stream = probe(data)
    if stream.components == 4:
        return read_picture(data, "jpeg", config)
    try:
        found = decode(memoryview(data), "YBR_FULL_422", config)
    except CODEC_ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the picture cannot be decoded ({type(error).__name__})"
        ) from None
    picture = color.to_bytes(found.samples, found.bits)
    if found.ycc:
        picture = color.ycc_to_rgb(picture)
    text, turn = _jpeg_text(stream.texts, config)
    picture = _oriented(picture, turn)
    return still(picture, "jpeg", "jpeg", found.color, text=text)


def still(
    picture: Picture,
    kind: str,
    codec: str,
    code: str,
    *,
    text: dict[str, str] | None = None,
    flags: tuple[str, ...] = (),
    spacing: tuple[float, float] | None = None,
) -> Scan:
    """A scan of one picture that is decoded already."""
    picture = np.ascontiguousarray(picture)
    return Scan(
        format=kind,
        codec=codec,
        declared_frames=1,
        height=picture.shape[0],
        width=picture.shape[1],
        frames=lambda: iter((picture,)),
        color=code,
        spacing=spacing,
        text=text or {},
        flags=flags,
    )


def jpeg_text(data: bytes, config: ReadConfig) -> dict[str, str]:
    """The texts of a JPEG file, as ``read_jpeg`` finds them.

    Raises:
        Reject: ``unreadable``.
    """
    stream = probe(data)
    if stream.components == 4:
        return picture_text(data, "jpeg", config)
    return _jpeg_text(stream.texts, config)[0]


def _jpeg_text(
    texts: tuple[tuple[int, bytes], ...], config: ReadConfig
) -> tuple[dict[str, str], int]:
    """Comments and EXIF strings, and the EXIF orientation."""
    found: dict[str, str] = {}
    turn = 1
    for marker, raw in texts:
        if marker == 0xFE:
            found["comment"] = raw.decode("utf-8", "replace")[: config.max_text]
        elif raw.startswith(b"Exif\0\0"):
            exif = Image.Exif()
            try:
                exif.load(raw)
                turn = int(exif.get(ORIENTATION, 1))
                found |= _strings(dict(exif), config)
            except PIL_ERRORS:
                continue
    return found, turn


def _strings(raw: dict[Any, Any], config: ReadConfig) -> dict[str, str]:
    return {
        str(key): str(value)[: config.max_text]
        for key, value in raw.items()
        if isinstance(value, (str, int, float))
    }


def _oriented(picture: Picture, turn: int) -> Picture:
    """EXIF orientation undone (CIPA DC-008 4.6.5)."""
    if turn in (5, 6, 7, 8):
        picture = picture.swapaxes(0, 1)
    if turn in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if turn in (3, 4, 7, 8):
        picture = picture[::-1]
    return picture


def read_picture(data: bytes, kind: str, config: ReadConfig) -> Scan:
    """A picture that Pillow reads, with all its frames.

    Raises:
        Reject: ``unreadable``, ``too_large``.
    """
    with unsaid():
        check_rows(data, kind)
        try:
            return _open(data, kind, config)
        except PIL_ERRORS as error:
            raise Reject(
                Reason.UNREADABLE, f"the picture cannot be decoded ({type(error).__name__})"
            ) from None


def picture_text(data: bytes, kind: str, config: ReadConfig) -> dict[str, str]:
    """The texts of a picture, as ``read_picture`` finds them; no pixel is decoded, but of a PNG
    with text, which may stand behind them.

    Raises:
        Reject: ``unreadable``.
    """
    with unsaid():
        try:
            with Image.open(BytesIO(data), formats=[kind.upper()]) as image:
                getattr(image, "n_frames", 1)  # some texts come to light by counting
                return _texts(image, data, config)
        except PIL_ERRORS as error:
            raise Reject(
                Reason.UNREADABLE, f"the picture cannot be opened ({type(error).__name__})"
            ) from None


def _texts(image: Image.Image, data: bytes, config: ReadConfig) -> dict[str, str]:
    written = any(chunk in data for chunk in PNG_TEXT) and getattr(image, "text", None)
    return _strings(dict(written or image.info), config)


def _open(data: bytes, kind: str, config: ReadConfig) -> Scan:
    with Image.open(BytesIO(data), formats=[kind.upper()]) as image:
        check_size(image.height, image.width, 1, config)
        count = int(getattr(image, "n_frames", 1))
        check_size(image.height, image.width, count, config)
        text = _texts(image, data, config)
        durations = []
        if count > 1:
            for index in range(count):
                image.seek(index)
                durations.append(float(image.info.get("duration") or 0))
            image.seek(0)
        flags = ("alpha",) if "A" in image.getbands() or "transparency" in image.info else ()
        picture, code = to_picture(ImageOps.exif_transpose(image))
    if count == 1:
        return still(picture, kind, kind, code, text=text, flags=flags)
    return Scan(
        format=kind,
        codec=kind,
        declared_frames=count,
        height=picture.shape[0],
        width=picture.shape[1],
        frames=lambda: _frames(data, kind, count),
        color=code,
        times=_times(durations),
        text=text,
        flags=flags,
        stack=(count,) if kind == "tiff" else None,  # whose pages are cut from arrays
    )


def _times(durations: list[float]) -> tuple[float, ...] | None:
    """Durations to times; None if one is unknown."""
    if not all(durations[:-1]):
        return None
    return tuple(float(total) for total in np.cumsum([0.0, *durations[:-1]]))


def _frames(data: bytes, kind: str, count: int) -> Iterator[Picture]:
    with Image.open(BytesIO(data), formats=[kind.upper()]) as image:
        for index in range(count):
            try:
                image.seek(index)
                yield to_picture(image)[0]
            except PIL_ERRORS:
                raise Reject(
                    Reason.UNREADABLE, f"frame {index + 1} of {count} cannot be decoded"
                ) from None


def to_picture(image: Image.Image) -> tuple[Picture, str]:
    """A Pillow image as displayed, transparent parts black, and how its color was decided."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return stretch(np.asarray(image)), "gray"
    code = "palette" if image.mode in ("P", "PA") else "rgb:codestream"
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L")), "gray"
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        clear = np.asarray(image.convert("RGBA")).astype(np.uint16)
        shown = (clear[..., :3] * clear[..., 3:] + 127) // 255
        return shown.astype(np.uint8), code
    return np.asarray(image.convert("RGB")), code


def stretch(samples: NDArray[Any]) -> Picture:
    """Samples of more than 8 bits as 8: by the fewest bits that hold the largest one.

    Signed and floating samples are spread linearly from their least to their largest value.
    """
    if samples.dtype.kind == "u" or (samples.dtype.kind == "i" and int(samples.min()) >= 0):
        bits = max(int(samples.max()).bit_length(), 8)
        return np.asarray(samples >> (bits - 8), np.uint8)
    low, high = float(np.nanmin(samples)), float(np.nanmax(samples))
    scaled = (np.nan_to_num(samples, nan=low) - low) * (255.0 / max(high - low, 1e-12))
    return np.asarray(np.rint(scaled), np.uint8)
