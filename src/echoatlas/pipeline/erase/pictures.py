"""Pictures of what goes as they lie anywhere: in the lake, and in releases of all units."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Set
from typing import TYPE_CHECKING

from echoatlas.pipeline.frames.clip_codec import encode_clip
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.lake.picked import picked
from echoatlas.pipeline.release.shard import packed_image

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

SIZES = ("frames", "details")  # tables that hold images
CLIP = "clip"  # the codec of whole clips
PLACE = ("object_id", "pane", "frame_index", "frame_id")


def pictures_of(lake: Lake, frames: Collection[str], codecs: Set[str]) -> set[str]:
    """SHA-256 of images as stored: of frames, and of the clips that they make up.

    Args:
        codecs: of releases, besides the lake's own.
    """
    if not frames:
        return set()
    order = {
        row["frame_id"]: tuple(row[name] for name in PLACE)
        for rows in picked(lake, "frames", PLACE, "frame_id", frames)
        for row in rows.to_pylist()
    }
    found: set[str] = set()
    for table in SIZES:
        images: dict[str, bytes] = {}
        for rows in picked(lake, table, ("frame_id", "image"), "frame_id", frames):
            images |= zip(*(column.to_pylist() for column in rows.columns), strict=True)
        found |= {hashlib.sha256(one).hexdigest() for one in _forms(images, order, codecs)}
    return found


def _forms(
    images: dict[str, bytes], order: dict[str, tuple[object, ...]], codecs: Set[str]
) -> Iterator[bytes]:
    clips: dict[tuple[object, ...], list[bytes]] = {}
    for frame in sorted(images, key=lambda one: order.get(one, (one,))):
        yield images[frame]
        for codec in codecs - {CLIP}:
            yield packed_image(images[frame], codec)
        if frame in order:
            clips.setdefault(order[frame][:2], []).append(images[frame])
    for stored in clips.values() if CLIP in codecs else ():
        yield encode_clip([decode(one) for one in stored])
