"""What lies in shards, held against what the index says of it: places, shapes, nothing besides."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.release.annotations import has_mask, mask_ending, told
from echoatlas.pipeline.release.cut import CLIP_OVERLAY, CLIP_PATCHES, OVERLAY, PATCHES
from echoatlas.pipeline.release.headers import TarMember, members_in
from echoatlas.pipeline.release.places import overlay_at, patches_at
from echoatlas.pipeline.release.shard import ENDINGS, MARKS, META, unpacked_image

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from echoatlas.schemas.manifest import Manifest, PublishedShard

PNG_PARTS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
PATCH_BYTES = 256
COLUMNS = ("shard", "frame_id", "offset", "length", "height", "width", MARKS)  # of the index
Expected = tuple[int, int, tuple[int, ...]]  # offset, size, and (H, W) where there is one


@dataclass(slots=True)
class Members:
    """Members of one shard that the index promises, and those that were found.

    Attributes:
        expected: name to where it should lie; what was found is taken out.
        marks: id to what the JSON of a sample should tell, in releases that have it.
        misplaced, strange, undecodable: members at fault.
    """

    codec: str
    with_json: bool
    expected: dict[str, Expected] = field(default_factory=dict)
    marks: dict[str, Any] = field(default_factory=dict)
    misplaced: int = 0
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
        listed = rows.to_pylist() if rows is not None else []
        for row in listed:
            found._promise(row)
        if places is not None:
            found._promise_beside(listed, places)
        return found

    def _promise(self, row: dict[str, Any]) -> None:
        key = row["frame_id"]
        self.expected[f"{key}.{ENDINGS[self.codec]}"] = row["offset"], row["length"], ()
        self.marks[key] = []
        if row.get(MARKS):
            for name, place in _masks(row):
                self.expected[f"{key}.{name}"] = (*place, (row["height"], row["width"]))
            self.marks[key] = told(row[MARKS])

    def _promise_beside(self, rows: list[dict[str, Any]], places: NDArray[np.void]) -> None:
        """Overlay masks and patch maps."""
        overlay_name, patches_name = (
            (CLIP_OVERLAY, CLIP_PATCHES) if self.codec == "clip" else (OVERLAY, PATCHES)
        )
        beside = zip(
            rows,
            overlay_at(places).tolist(),
            places["overlay"].tolist(),
            patches_at(places).tolist(),
            places["patches"].tolist(),
            strict=True,
        )
        for row, overlay, overlay_size, patches, patches_size in beside:
            key, size = row["frame_id"], (row["height"], row["width"])
            if overlay_size:
                self.expected[f"{key}.{overlay_name}"] = overlay, overlay_size, size
            if patches_size:
                self.expected[f"{key}.{patches_name}"] = patches, patches_size, ()

    @property
    def missing(self) -> int:
        """Members that were not found."""
        return len(self.expected)

    def look_at(self, shard: PublishedShard, data: bytes) -> None:
        """Go through a shard, which is as it was published."""
        self._images = 0
        for member in members_in(data, "r"):
            content = data[member.first : member.first + member.size]
            self.strange += member.owned
            self._member(member, content)
        self.misplaced += self._images != shard.held

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
        listed = key in self.marks
        if place is None and (listed or self.with_json):
            self.strange += not image
            self.misplaced += image
            return
        if place is not None:
            self.misplaced += place[:2] != (member.first, member.size)
        shape = place[2] if place is not None else ()
        if image:
            self.strange += not CLEAN[self.codec](content)
            self.undecodable += not _decodes(content, self.codec)
        elif ending in (CLIP_OVERLAY, CLIP_PATCHES):
            self.undecodable += not _decodes(content, "clip")
        elif ending == PATCHES:
            self.strange += len(content) != PATCH_BYTES
        elif ending == OVERLAY or ending.startswith("mask-"):
            self.strange += not _clean_png(content)
            self.undecodable += not _decodes(content, "png", shape)
        else:
            self.strange += 1


def _masks(row: dict[str, Any]) -> Iterator[tuple[str, tuple[int, int]]]:
    """The ending of each mask of a sample, and where it should lie."""
    drawn = [mark for mark in row.get(MARKS) or () if has_mask(mark)]
    for number, mark in enumerate(drawn):
        yield mask_ending(number), (mark["mask_offset"], mark["mask_length"])


def _decodes(content: bytes, codec: str, shape: tuple[int, ...] = ()) -> bool:
    """Whether there are pixels, of a shape if one is given."""
    try:
        pixels = unpacked_image(content, codec)
        return pixels.shape == shape if shape else bool(pixels.size)
    except ValueError:
        return False


def _clean_png(data: bytes) -> bool:
    at = 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
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
