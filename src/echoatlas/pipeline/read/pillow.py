"""Pillow, opened for our readers alone: what they set, other users of it in this process keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import pillow_heif
from PIL import Image

from echoatlas.pipeline.read.borrowed import Borrowed

pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False)


_UNBOUNDED = Borrowed(Image, "MAX_IMAGE_PIXELS", None)


@contextmanager
def opened(data: bytes, kind: str) -> Iterator[Image.Image]:
    """A picture of one format, of any size: we check sizes before decoding, by our bounds."""
    with _UNBOUNDED, Image.open(BytesIO(data), formats=[kind.upper()]) as image:
        clear = image.info.get("transparency")
        if kind == "png" and image.mode == "L" and data[24] < 8 and isinstance(clear, int):
            # Of few bits, the level that is clear is left as it stands, and samples are spread
            image.info["transparency"] = clear * (255 // ((1 << data[24]) - 1))
        yield image
