"""Samples of a release as they lie in its shards: the one way in for whatever exports them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.frames.identity import pixel_hash
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.release.annotations import AnnotationRecord, has_mask, with_masks
from echoatlas.pipeline.release.manifest import places_of
from echoatlas.pipeline.release.places import overlay_at, patches_at
from echoatlas.pipeline.release.shard import ENDINGS, MARKS, unpacked_image
from echoatlas.schemas.fan import Fan, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.storage.storage import Storage
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
        overlay: PNG of the image's size, 255 where graphics or redactions lie; empty if there is
            none, or if it was not asked for.
        patch_map: 256 bytes, a 16 x 16 map of how informative each part is; empty likewise.
    """

    row: dict[str, Any]
    image: bytes
    annotations: list[AnnotationRecord]
    codec: str
    overlay: bytes = b""
    patch_map: bytes = b""

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


def fan_in_image(row: Mapping[str, Any]) -> Fan | None:
    """The scanned area in pixels of a sample's image, by its row; None where it is not known."""
    if not row.get("fan") or not row["scale"]:
        return None
    fan = Fan.from_json(row["fan"])
    if "beam_space" in row["flags"].split():  # the picture is nothing but the fan
        return whole(row["width"], row["height"], fan.found_by, fan.verdict, fan.score)
    return fan.placed(row["scale"], (row["offset_x"], row["offset_y"]))


def file_ending(codec: str) -> str:
    """The ending of ``Stored.file``."""
    return "png" if codec == "zstd" else ENDINGS[codec]


@dataclass
class ShardReader:
    """Reads samples, one shard after the other.

    Attributes:
        index: rows of the release's index that will be asked for: of shards of which they need
            little, that little alone is fetched.
        beside: whether samples shall have their overlay masks and patch maps.
    """

    releases: Storage
    manifest: Manifest
    index: pa.Table
    beside: bool = False
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
                    shard = self._whole(row["shard"])
                    image = bytes(shard[place[0] : sum(place)])
                    marks, drawn = with_masks(row.get(MARKS), shard), self.members(row)
                    more = [bytes(shard[start:end]) for start, end in drawn]
                    yield Stored(row, image, marks, self.codec, *more)

    def members(self, row: Mapping[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Where a row's overlay mask and patch map lie in its shard: first byte and end.

        Of what is not there, or not asked for, the end is the first byte.
        """
        if not self.beside or self._places is None:
            return (0, 0), (0, 0)
        places, starts = self._places
        number = self._numbers[row["shard"]]
        part = places[starts[number] : starts[number + 1]]
        place = part[np.searchsorted(part["offset"], row["offset"])]
        overlay, patches = int(overlay_at(place)), int(patches_at(place))
        ends = overlay + int(place["overlay"]), patches + int(place["patches"])
        return (overlay, ends[0]), (patches, ends[1])

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {shard.file: number for number, shard in enumerate(self.manifest.shards)}

    @cached_property
    def _places(self) -> tuple[NDArray[np.void], NDArray[np.int64]] | None:
        """All places, which are in order of shard and offset, and where each shard's begin."""
        if self.manifest.places is None:  # a release of before there were any
            return None
        places = places_of(self.releases, self.manifest)
        return places, np.searchsorted(places["shard"], np.arange(len(self._numbers) + 1))

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
            masked = any(mark["mask_length"] for mark in marks) or self._more_in(shard)
            wanted[shard] = wanted.get(shard, 0.0) + (float("inf") if masked else 1)
        return frozenset(one for one, number in wanted.items() if number <= FEW * samples[one])

    def _more_in(self, shard: str) -> bool:
        """Whether anything lies beside a shard's images that is asked for."""
        if not self.beside or self._places is None:
            return False
        places, starts = self._places
        part = places[starts[self._numbers[shard]] : starts[self._numbers[shard] + 1]]
        return bool(part["overlay"].any() or part["patches"].any())

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
