"""Samples of a release as they lie in its shards: the one way in for whatever exports them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.frames.identity import pixel_hash
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.release.annotations import AnnotationRecord, has_mask, with_masks
from echoatlas.pipeline.release.shard import ENDINGS, MARKS, unpacked_image

if TYPE_CHECKING:
    from echoatlas.pipeline.storage import Storage
    from echoatlas.schemas.manifest import Manifest
    from echoatlas.schemas.records import Picture

AT_ONCE = 512  # rows that are turned into Python's objects together
HELD = 3  # shards in memory: the rows of a clip may lie in two of them
FEW = 0.25  # share of a shard's samples up to which its samples are fetched one by one
GAP = 1 << 16  # bytes between two samples that are fetched together for all that
DAMAGED = "a shard is damaged: run `echoatlas verify`"


@dataclass(frozen=True, slots=True)
class Stored:
    """A sample as it is stored.

    Attributes:
        row: the index's columns.
        image: in the release's codec.
        annotations: with their masks as PNG.
    """

    row: dict[str, Any]
    image: bytes
    annotations: list[AnnotationRecord]
    codec: str

    @property
    def frame_id(self) -> str:
        """The frame's opaque id."""
        return str(self.row["frame_id"])

    @property
    def pixels(self) -> Picture:
        """(H, W) gray or (H, W, 3) RGB uint8; of a clip (N, ...)."""
        return unpacked_image(self.image, self.codec)

    @property
    def file(self) -> bytes:
        """The image as a file that others read: PNG where the codec is our own."""
        return encode_png(self.pixels) if self.codec == "zstd" else self.image

    @property
    def masks(self) -> list[bytes]:
        """Its masks as PNG, in order of the annotations."""
        return [mark["mask"] for mark in self.annotations if has_mask(mark)]


def file_ending(codec: str) -> str:
    """The ending of ``Stored.file``."""
    return "png" if codec == "zstd" else ENDINGS[codec]


@dataclass
class ShardReader:
    """Reads samples, one shard after the other.

    Attributes:
        index: rows of the release's index that will be asked for: of shards of which they need
            little, that little alone is fetched.
    """

    releases: Storage
    manifest: Manifest
    index: pa.Table
    _held: OrderedDict[str, bytes] = field(default_factory=OrderedDict)

    @property
    def codec(self) -> str:
        """Of the images."""
        return self.manifest.image_codec

    def samples(self, rows: pa.Table) -> Iterator[Stored]:
        """The samples of some rows of the index, in their order.

        Raises:
            CheckFailed: what is stored is not what was published.
        """
        for start in range(0, rows.num_rows, AT_ONCE):
            part = rows.slice(start, AT_ONCE).to_pylist()
            apart = self._apart([row for row in part if row["shard"] in self._sparse])
            for row in part:
                place = row["offset"], row["length"]
                if row["shard"] in self._sparse:
                    image = apart[row["shard"], *place]
                    yield self._checked(
                        Stored(row, image, with_masks(row.get(MARKS), b""), self.codec)
                    )
                else:
                    whole = self._whole(row["shard"])
                    image = bytes(whole[place[0] : sum(place)])
                    yield Stored(row, image, with_masks(row.get(MARKS), whole), self.codec)

    def sizes(self, rows: pa.Table) -> list[int]:
        """About how many bytes the samples of some rows are, each with its masks."""
        lengths: list[int] = rows.column("length").to_pylist()
        return [
            own + sum(mark["mask_length"] or 0 for mark in marks)
            for own, marks in zip(lengths, _marks(rows), strict=True)
        ]

    @cached_property
    def _sparse(self) -> frozenset[str]:
        """Shards of which little is wanted, and nothing that only a whole shard can vouch for."""
        if self.codec in ("jpeg", "clip"):  # of lossless images the index knows a hash each
            return frozenset()
        samples = {shard.file: shard.samples for shard in self.manifest.shards}
        wanted: dict[str, float] = {}
        shards = self.index.column("shard").to_pylist()
        for shard, marks in zip(shards, _marks(self.index), strict=True):
            masked = any(mark["mask_length"] for mark in marks)
            wanted[shard] = wanted.get(shard, 0.0) + (float("inf") if masked else 1)
        return frozenset(one for one, number in wanted.items() if number <= FEW * samples[one])

    def _apart(self, rows: list[dict[str, Any]]) -> dict[tuple[str, int, int], bytes]:
        found: dict[tuple[str, int, int], bytes] = {}
        places = sorted({(row["shard"], row["offset"], row["length"]) for row in rows})
        for shard, start, end in _spans(places):
            data = self.releases.read(shard, start, end - start)
            for one in places:
                if one[0] == shard and start <= one[1] and one[1] + one[2] <= end:
                    found[one] = data[one[1] - start : one[1] - start + one[2]]
        return found

    def _checked(self, sample: Stored) -> Stored:
        try:
            same = pixel_hash(sample.pixels) == sample.row["pixel_hash"]
        except ValueError:
            same = False
        if not same:
            raise CheckFailed(DAMAGED)
        return sample

    def _whole(self, shard: str) -> bytes:
        data = self._held.get(shard)
        if data is None:
            data = self.releases.read(shard)
            if hashlib.sha256(data).hexdigest() not in shard:
                raise CheckFailed(DAMAGED)
            self._held[shard] = data
            if len(self._held) > HELD:
                self._held.popitem(last=False)
        return data


def _marks(rows: pa.Table) -> list[list[AnnotationRecord]]:
    if MARKS not in rows.column_names:
        return [[] for _ in range(rows.num_rows)]
    return [marks or [] for marks in rows.column(MARKS).to_pylist()]


def _spans(places: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Shard, first and last byte of what is fetched at once, from places in order."""
    spans: list[tuple[str, int, int]] = []
    for shard, offset, length in places:
        if spans and spans[-1][0] == shard and offset - spans[-1][2] <= GAP:
            spans[-1] = shard, spans[-1][1], max(spans[-1][2], offset + length)
        else:
            spans.append((shard, offset, offset + length))
    return spans
