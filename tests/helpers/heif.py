"""Photos as phones write them: HEIC of tiles that a grid item puts together (ISO/IEC 23008-12)."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

pillow_heif.register_heif_opener()


def photo(*pictures: NDArray[np.uint8], kind: str = "HEIF", **options: Any) -> bytes:
    """Pictures, (H, W, 3) RGB, as top-level items of one file, without loss.

    Args:
        kind: "HEIF" or "AVIF".
        options: of the encoder; ``tile_size`` in pixels.
    """
    stream = io.BytesIO()
    first, *rest = (Image.fromarray(one) for one in pictures)
    if rest:
        options |= {"save_all": True, "append_images": rest}
    exact = {"quality": -1, "chroma": 444} if kind == "HEIF" else {"quality": 100}
    first.save(stream, kind, **exact, **options)
    return stream.getvalue()
