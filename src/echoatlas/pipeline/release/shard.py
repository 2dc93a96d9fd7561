"""Pack samples into WebDataset tar files, and know where each one lies."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from echoatlas.pipeline.frames.clip_codec import decode_clip
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.release.annotations import has_mask, mask_ending, told
from echoatlas.schemas.index import ROLES, Role

if TYPE_CHECKING:
    from echoatlas.pipeline.frames.codec import Buffer
    from echoatlas.schemas.records import Picture

ENDINGS = {"png": "png", "zstd": "eaz", "jpeg": "jpg", "clip": "eac"}
OWN_CODECS = frozenset({"zstd", "clip"})  # which nobody else reads
BLOCK = 512  # bytes, of a tar record
META = ROLES[Role.META]
MARKS = "annotations"
PLACES = ROLES[Role.PLACE]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sample lies within a shard, in bytes.

    Attributes:
        offset, length: of its image.
        masks: (offset, length) of each mask, in order of its annotations.
    """

    frame_id: str
    offset: int
    length: int
    masks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Shard:
    """A packed tar file; its name is the hash of its bytes, so equal shards are one.

    Attributes:
        split: of all its samples.
    """

    data: bytes
    places: tuple[Place, ...]
    split: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def packed_image(stored: bytes, codec: str) -> bytes:
    """An image of the lake in a release's codec."""
    if codec == "zstd":
        return stored
    pixels = decode(stored)
    if codec != "jpeg":
        return encode_png(pixels)
    bgr = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not done:
        raise ValueError(f"the image could not be written as {codec}")
    return data.tobytes()


def unpacked_image(data: Buffer, codec: str, out: Picture | None = None) -> Picture:
    """The pixels of a release's image: (H, W) or (H, W, 3) RGB uint8; of a clip (N, ...).

    Args:
        data: bytes, or a view of them that is not copied: of (N,) uint8 in an array.
        out: where the pixels may be laid, if they have its shape.

    Raises:
        ValueError: the bytes are damaged.
    """
    if codec == "zstd":
        return decode(data, out)
    if codec == "clip":
        return decode_clip(data)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("the image is damaged")
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])


def pack(samples: Iterable[tuple[dict[str, Any], bytes]], codec: str, most: int) -> Iterator[Shard]:
    """Pack samples, in their order, into tar files of at most about ``most`` bytes.

    A shard ends where a split does: whoever reads tar files alone must be able to leave one out.

    Args:
        samples: index row with its annotations, and image, already in the release's codec.
    """
    sink = io.BytesIO()
    places: list[Place] = []
    split = ""
    for row, image in samples:
        if places and (sink.tell() + len(image) > most or row["split"] != split):
            yield _closed(sink, places, split)
            sink, places = io.BytesIO(), []
        split = row["split"]
        key = row["frame_id"]
        marks = row.get(MARKS) or []
        masks = [mark["mask"] for mark in marks if has_mask(mark)]
        start = sink.tell() + BLOCK
        _add(sink, f"{key}.{ENDINGS[codec]}", image)
        drawn = []
        for number, mask in enumerate(masks):
            drawn.append((sink.tell() + BLOCK, len(mask)))
            _add(sink, f"{key}.{mask_ending(number)}", mask)
        places.append(Place(key, start, len(image), tuple(drawn)))
        meta = {name: row[name] for name in META} | {MARKS: told(marks)}
        _add(sink, f"{key}.json", json.dumps(meta, sort_keys=True).encode())
    if places:
        yield _closed(sink, places, split)


def _add(sink: io.BytesIO, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)  # mtime 0, no owner: the same sample gives the same bytes
    info.size = len(data)
    sink.write(info.tobuf(tarfile.USTAR_FORMAT))
    sink.write(data)
    sink.write(b"\0" * (-len(data) % BLOCK))


def _closed(sink: io.BytesIO, places: list[Place], split: str) -> Shard:
    sink.write(b"\0" * 2 * BLOCK)
    return Shard(sink.getvalue(), tuple(places), split)
