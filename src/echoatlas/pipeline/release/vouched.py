"""Whether a sample of before there were digests, fetched without the rest of its shard, is what
was published.

A shard is called by the digest of its bytes, which says nothing of a part of it. Of a frame the
index knows a hash of the pixels and, as ``payload``, one of all that lies beside them; of a clip
each part has a checksum of its own. JPEG has neither: of those whole shards have to be read.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.frames.codec import encode_mask
from echoatlas.pipeline.frames.identity import pixel_hash
from echoatlas.pipeline.release.shard import unpacked_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

CAN_BE = frozenset({"png", "zstd", "clip"})  # codecs
SIGNATURE = 8  # bytes before a PNG's first chunk
FRAMING = 12  # bytes of a PNG's chunk that are not its content: length, type, checksum


def image_vouched(image: bytes, codec: str, row: Mapping[str, Any]) -> bool:
    """Whether an image is the one that its row of the index speaks of."""
    try:
        pixels = unpacked_image(image, codec)
    except ValueError:
        return False
    return codec == "clip" or pixel_hash(pixels) == row["pixel_hash"]


def beside_vouched(
    frame_id: str, payload: bytes, overlay: bytes, patch_map: bytes, masks: Sequence[bytes]
) -> bool:
    """Whether what lies beside a frame's image is all that ``payload`` is the hash of.

    ``contents`` hashes the same of a lake's tables, where an overlay mask is in the lake's own
    codec. So a frame may be refused whose overlay another Zstandard encoded.
    """
    try:
        area = unpacked_image(overlay, "png") > 0 if overlay else None
    except ValueError:
        return False
    return payload == _payload(frame_id, area, patch_map, masks)


def clip_vouched(overlay: bytes, patch_maps: bytes, masks: Sequence[bytes]) -> bool:
    """Whether the checksums of what lies beside a clip's frames are right."""
    try:
        for packed in (overlay, patch_maps):
            if packed:
                unpacked_image(packed, "clip")
    except ValueError:
        return False
    return all(map(_is_whole, masks))


def _payload(
    frame_id: str, overlay: NDArray[np.bool_] | None, patch_map: bytes, masks: Sequence[bytes]
) -> bytes:
    stored = b"" if overlay is None else encode_mask(overlay)
    told = [frame_id, *(_md5(one).hexdigest() for one in (stored, patch_map, *masks))]
    return _md5(" ".join(told).encode()).digest()


def _md5(data: bytes) -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)


def _is_whole(png: bytes) -> bool:
    """Whether a PNG's chunks reach from its head to its end, and have the checksums they state."""
    at = SIGNATURE
    while at + FRAMING <= len(png):
        end = at + FRAMING + int.from_bytes(png[at : at + 4], "big")
        told = int.from_bytes(png[end - 4 : end], "big")
        if end > len(png) or zlib.crc32(png[at + 4 : end - 4]) != told:
            return False
        at = end
    return SIGNATURE < at == len(png)
