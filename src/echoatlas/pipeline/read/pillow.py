"""Pillow, opened for our readers alone: what they set, other users of it in this process keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Lock

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False)


class _Bound:
    """Pillow's bound on sizes while no picture of ours is open, and how many are."""

    lock = Lock()
    own = Image.MAX_IMAGE_PIXELS
    open = 0


@contextmanager
def opened(data: bytes, kind: str) -> Iterator[Image.Image]:
    """A picture of one format, of any size: sizes are checked here, before decoding, by our bounds.

    Several may be open at once, and be closed in any order.
    """
    with _Bound.lock:
        if not _Bound.open:
            _Bound.own = Image.MAX_IMAGE_PIXELS
        _Bound.open += 1
        Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(BytesIO(data), formats=[kind.upper()]) as image:
            yield image
    finally:
        with _Bound.lock:
            _Bound.open -= 1
            if not _Bound.open:
                Image.MAX_IMAGE_PIXELS = _Bound.own
