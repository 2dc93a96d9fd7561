"""What lies in shards, held against what the index says of it: places, shapes, nothing besides."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.release.annotations import has_mask, mask_ending, told
from echoatlas.pipeline.release.cut import CLIP_OVERLAY, CLIP_PATCHES, OVERLAY, PATCHES
from echoatlas.pipeline.release.digests import DIGEST, record_digest
from echoatlas.pipeline.release.headers import TarMember, members_in
from echoatlas.pipeline.release.places import BLOCK, overlay_at, patches_at
from echoatlas.pipeline.release.shard import ENDINGS, MARKS, META, unpacked_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.manifest import Manifest, PublishedShard

PNG_PARTS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
PATCH_BYTES = 256
COLUMNS = (
    "shard",
    "frame_id",
    "offset",
    "length",
    "height",
    "width",
    MARKS,
    DIGEST,
)  # of the index
PART = struct.Struct(">I4s")  # of a PNG: size and kind


@dataclass(slots=True)
class Members:
    """Members of one shard that the index promises, and those that were found.

    A shard has many: what is promised of each is a name, and numbers in lists.

    Attributes:
        expected: name to where in the lists it stands; what was found is taken out.
        offsets, sizes: bytes, of each. shapes: name to (H, W) where there is one.
        listed: ids of the samples. marks: id to what the JSON of a sample should tell, in releases
            that have it, of those that have any.
        digests: id to that of the sample's tar records, of those of which it is known.
        misplaced, strange, undecodable: members at fault. unlike: samples with another digest.
    """

    codec: str
    with_json: bool
    expected: dict[str, int] = field(default_factory=dict)
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    marks: dict[str, Any] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)
    misplaced: int = 0
    unlike: int = 0
    strange: int = 0
    undecodable: int = 0
    _images: int = field(default=0)

    @staticmethod
    def promised(
        manifest: Manifest, rows: pa.Table | None = None, places: NDArray[np.void] | None = None
    ) -> Members:
        """What an index promises of a shard.

        Args:
            rows: its rows, with ``COLUMNS``; none of a shard of which nothing is listed.
            places: their records, in releases that have them.
        """
        found = Members(manifest.image_codec, manifest.places is None)
        if rows is None:
            return found
        keys = rows.column("frame_id").to_pylist()
        ending = ENDINGS[found.codec]
        found.listed = set(keys)
        found.offsets = rows.column("offset").to_pylist()
        found.sizes = rows.column("length").to_pylist()
        found.expected = {f"{key}.{ending}": number for number, key in enumerate(keys)}
        if DIGEST in rows.column_names:
            told = zip(keys, rows.column(DIGEST).to_pylist(), strict=True)
            found.digests = {key: digest for key, digest in told if digest}
        if MARKS in rows.column_names:
            marked = pc.greater(pc.list_value_length(rows.column(MARKS)), 0)
            for row in rows.filter(marked).to_pylist():
                found._promise_marks(row)
        if places is not None:
            found._promise_beside(rows, places)
        return found

    def _promise(self, name: str, offset: int, size: int) -> None:
        self.expected[name] = len(self.offsets)
        self.offsets.append(offset)
        self.sizes.append(size)

    def _promise_marks(self, row: dict[str, Any]) -> None:
        key = row["frame_id"]
        for ending, place in _masks(row):
            self._promise(f"{key}.{ending}", *place)
            self.shapes[f"{key}.{ending}"] = row["height"], row["width"]
        self.marks[key] = told(row[MARKS])

    def _promise_beside(self, rows: pa.Table, places: NDArray[np.void]) -> None:
        """Overlay masks and patch maps."""
        overlay, patches = (
            (CLIP_OVERLAY, CLIP_PATCHES) if self.codec == "clip" else (OVERLAY, PATCHES)
        )
        for part, ending, starts in (
            ("overlay", overlay, overlay_at(places)),
            ("patches", patches, patches_at(places)),
        ):
            there = np.flatnonzero(places[part])
            some = rows.select(["frame_id", "height", "width"]).take(pa.array(there)).to_pydict()
            at = starts[there].tolist(), places[part][there].tolist()
            for key, height, width, start, size in zip(*some.values(), *at, strict=True):
                self._promise(f"{key}.{ending}", start, size)
                if part == "overlay":
                    self.shapes[f"{key}.{ending}"] = height, width

    @property
    def missing(self) -> int:
        """Members that were not found."""
        return len(self.expected)

    def look_at(self, shard: PublishedShard, data: bytes) -> None:
        """Go through a shard, which is as it was published."""
        self._images = 0
        taken: dict[str, tuple[int, int]] = {}  # key to what its members take
        for member in members_in(data, "r"):
            content = data[member.first : member.first + member.size]
            self.strange += member.owned
            self._member(member, content)
            key, end = member.name.partition(".")[0], member.first + len(content)
            taken[key] = taken.get(key, (member.start, 0))[0], -(-end // BLOCK) * BLOCK
        self.misplaced += self._images != shard.held
        self.unlike += sum(
            record_digest(data[slice(*taken.get(key, (0, 0)))]) != digest
            for key, digest in self.digests.items()
        )

    def _member(self, member: TarMember, content: bytes) -> None:
        key, _, ending = member.name.partition(".")
        image = ending == ENDINGS[self.codec]
        self._images += image
        if ending == "json" and self.with_json:
            meta = json.loads(content)
            self.strange += not set(META) <= set(meta) <= {*META, MARKS}
            self.misplaced += meta.get(MARKS, []) != self.marks.get(key, [])
            return
        place = self.expected.pop(member.name, None)
        if place is not None:
            lies = self.offsets[place] == member.first and self.sizes[place] == member.size
            self.misplaced += not lies
        elif self.with_json or key in self.listed:
            self.strange += not image
            self.misplaced += image
            return
        if image:
            self.strange += not CLEAN[self.codec](content)
            self.undecodable += not _decodes(content, self.codec)
        elif ending in (CLIP_OVERLAY, CLIP_PATCHES):
            self.undecodable += not _decodes(content, "clip")
        elif ending == PATCHES:
            self.strange += len(content) != PATCH_BYTES
        elif ending == OVERLAY or ending.startswith("mask-"):
            self.strange += not _clean_png(content)
            self.undecodable += not _decodes(content, "png", self.shapes.get(member.name))
        else:
            self.strange += 1


def _masks(row: dict[str, Any]) -> Iterator[tuple[str, tuple[int, int]]]:
    """The ending of each mask of a sample, and where it should lie."""
    drawn = [mark for mark in row.get(MARKS) or () if has_mask(mark)]
    for number, mark in enumerate(drawn):
        yield mask_ending(number), (mark["mask_offset"], mark["mask_length"])


def _decodes(content: bytes, codec: str, shape: tuple[int, int] | None = None) -> bool:
    """Whether there are pixels, of a shape if one is given."""
    try:
        pixels = unpacked_image(content, codec)
        return bool(pixels.shape == shape if shape else pixels.size)
    except ValueError:
        return False


def _clean_png(data: bytes) -> bool:
    at = 8
    size: int
    while at + PART.size <= len(data):
        size, kind = PART.unpack_from(data, at)
        if kind not in PNG_PARTS:
            return False
        at += size + 12
        if kind == b"IEND":
            return at == len(data)
    return False


def _clean_jpeg(data: bytes) -> bool:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:
            return data.endswith(b"\xff\xd9")
        if marker == 0xFE or 0xE1 <= marker <= 0xEF:
            return False
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


CLEAN: dict[str, Callable[[bytes], bool]] = {
    "png": _clean_png,
    "jpeg": _clean_jpeg,
    "clip": lambda data: data.startswith(b"EAc1"),
    "zstd": lambda data: data.startswith(b"EAz1"),
}
