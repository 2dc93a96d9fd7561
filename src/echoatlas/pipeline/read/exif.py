"""What a file says beside its picture: comments, EXIF strings, and how it is turned."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from PIL import Image, UnidentifiedImageError

from echoatlas.pipeline.read.codestream import probe
from echoatlas.pipeline.read.config import ReadConfig

PIL_ERRORS = (
    EOFError,
    LookupError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    UnidentifiedImageError,
    ValueError,
    struct.error,
    zlib.error,
)
ORIENTATION = 0x0112
PNG_EXIF = (b"eXIf", b"Raw profile type exif")


def jpeg_turn(data: bytes) -> int:
    """How a JPEG file that was read is turned to be shown: 1 if it is shown as it is coded.

    Raises:
        Reject: ``unreadable``.
    """
    return jpeg_words(probe(data).texts, ReadConfig())[1]


def jpeg_words(
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
                found |= strings(dict(exif), config)
            except PIL_ERRORS:
                continue
    return found, turn


def strings(raw: dict[Any, Any], config: ReadConfig) -> dict[str, str]:
    return {
        str(key): str(value)[: config.max_text]
        for key, value in raw.items()
        if isinstance(value, (str, int, float))
    }


def exif_words(image: Image.Image, data: bytes, config: ReadConfig) -> dict[str, str]:
    """The texts of EXIF in a Pillow image of any format, and of a TIFF's own tags, by number.

    Args:
        data: the file. Of a PNG Pillow looks for EXIF behind the pixels as well, and decodes them.
    """
    if image.format == "PNG" and not any(chunk in data for chunk in PNG_EXIF):
        return {}
    try:
        told = dict(image.getexif())
    except PIL_ERRORS:
        return {}
    return strings({key: text for key, text in told.items() if isinstance(text, str)}, config)
