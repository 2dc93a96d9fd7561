"""What tells a stored picture from all others, whatever it is encoded as."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


def pixel_hash(pixels: Picture) -> str:
    """BLAKE2b-128 of shape and pixels: equal exactly for equal images."""
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
