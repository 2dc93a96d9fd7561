"""Samples of a release as they lie in its shards: the one way in for whatever exports them."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.release.annotations import AnnotationRecord, has_mask, masks_end, with_masks
from echoatlas.pipeline.release.digests import DIGEST, are_known, digests_in, record_digest
from echoatlas.pipeline.release.places import overlay_at, patches_at, records_of
from echoatlas.pipeline.release.shard import ENDINGS, MARKS, PAYLOAD, unpacked_image
from echoatlas.pipeline.release.vouched import (
    CAN_BE,
    beside_vouched,
    clip_vouched,
    image_vouched,
)
from echoatlas.pipeline.storage.parts import DAMAGED, read_shard
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
        index: rows of the release's index that will be asked for, ``payload`` and ``digest``
            included: of shards of which they need little, that little alone is fetched.
        places: of all samples of the release; None in releases of before there were any.
        beside: whether samples shall have their overlay masks and patch maps.
    """

    releases: Storage
    manifest: Manifest
    index: pa.Table
    places: NDArray[np.void] | None
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
                piece = apart.get((row["shard"], row["offset"]))
                sample = None if piece is None else self._alone(row, piece)
                yield sample or self._sample(row, self._whole(row["shard"]), 0)

    def _alone(self, row: dict[str, Any], piece: bytes) -> Stored | None:
        """A sample from the part of its shard that it takes; None unless that is known to be what
        was published."""
        digest = self._digests.get(row["frame_id"])
        sample = self._sample(row, piece, self._span(row)[0])
        known = self._vouched(sample, piece) if digest is None else record_digest(piece) == digest
        return sample if known else None

    def _sample(self, row: dict[str, Any], data: bytes, first: int) -> Stored:
        """A sample from its shard, or from a part of it that begins with its byte ``first``."""
        image, *more = (
            bytes(data[start - first : end - first])
            for start, end in ((row["offset"], row["offset"] + row["length"]), *self.members(row))
        )
        return Stored(row, image, with_masks(row.get(MARKS), data, first), self.codec, *more)

    def members(self, row: Mapping[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Where a row's overlay mask and patch map lie in its shard: first byte and end.

        Of what is not there, or not asked for, the end is the first byte.
        """
        return self._beside(row) if self.beside else ((0, 0), (0, 0))

    def _beside(self, row: Mapping[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
        """The same, whether or not it is asked for."""
        if self._places is None:
            return (0, 0), (0, 0)
        place = self._place(row)
        overlay, patches = int(overlay_at(place)), int(patches_at(place))
        ends = overlay + int(place["overlay"]), patches + int(place["patches"])
        return (overlay, ends[0]), (patches, ends[1])

    def _place(self, row: Mapping[str, Any]) -> NDArray[np.void]:
        """A row's record, in a release that has them."""
        assert self._places is not None
        places, starts = self._places
        number = self._numbers[row["shard"]]
        part = places[starts[number] : starts[number + 1]]
        found: NDArray[np.void] = part[np.searchsorted(part["offset"], row["offset"])]
        return found

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {shard.file: number for number, shard in enumerate(self.manifest.shards)}

    @cached_property
    def _places(self) -> tuple[NDArray[np.void], NDArray[np.int64]] | None:
        """All places, which are in order of shard and offset, and where each shard's begin."""
        if self.places is None:
            return None
        starts = np.searchsorted(self.places["shard"], np.arange(len(self._numbers) + 1))
        return self.places, starts

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
        held = {shard.file: shard.held for shard in self.manifest.shards}
        shards = self.index.column("shard")
        wanted = Counter(shards.to_pylist())
        few = {one for one, number in wanted.items() if number <= FEW * held[one]}
        if not few:
            return frozenset()
        unknown = ~are_known(digests_in(self.index))
        native = self.manifest.config.size == "native"  # of other pixels than the index speaks of
        if self.codec == "clip" or (self.codec in CAN_BE and not native):
            if self.codec == "clip" or PAYLOAD in self.index.column_names:
                return frozenset(few)
            unknown = np.array([bool(_masked(marks)) for marks in _marks(self.index)], np.bool_)
        return frozenset(few.difference(shards.filter(pa.array(unknown)).unique().to_pylist()))

    @cached_property
    def _digests(self) -> dict[str, bytes]:
        """Of the samples that are fetched alone, as far as they are known."""
        return {key: digest for key, digest in self._told(DIGEST).items() if digest}

    @cached_property
    def _payloads(self) -> dict[str, bytes]:
        """Of the frames that are fetched alone."""
        return self._told(PAYLOAD)

    def _told(self, column: str) -> dict[str, bytes]:
        """What the index says of the samples that are fetched alone."""
        import pyarrow.compute as pc  # not with ``echoatlas.load``: only a pull asks for a part

        if column not in self.index.column_names:
            return {}
        among = pc.is_in(self.index.column("shard"), pa.array(sorted(self._sparse), pa.string()))
        asked = self.index.select(["frame_id", column]).filter(among)
        return dict(zip(*(one.to_pylist() for one in asked.columns), strict=True))

    def _apart(self, rows: list[dict[str, Any]]) -> dict[tuple[str, int], bytes]:
        """Of each sample the part of its shard that it takes, by shard and offset."""
        found: dict[tuple[str, int], bytes] = {}
        places = sorted({(row["shard"], *self._span(row), row["offset"]) for row in rows})
        for shard, start, end in _spans([one[:3] for one in places]):
            data = read_shard(self.releases, shard, start, end - start)
            for other, first, stop, offset in places:
                if other == shard and start <= first and stop <= end:
                    found[shard, offset] = data[first - start : stop - start]
        return found

    def _span(self, row: Mapping[str, Any]) -> tuple[int, int]:
        """What a sample takes of its shard, first byte and end: the tar records of its members, or,
        where there is no digest of these, what is wanted of it."""
        masks = masks_end(row.get(MARKS))
        if row["frame_id"] in self._digests:
            first, stop = records_of(self._place(row), masks)
            return int(first), int(stop)
        end = int(row["offset"] + row["length"])
        if self._more_of(row):
            end = max(end, masks, *(stop for _, stop in self._beside(row)))
        return int(row["offset"]), end

    def _more_of(self, row: Mapping[str, Any]) -> bool:
        """Whether anything of a sample is wanted but its image."""
        return bool(_masked(row.get(MARKS))) or any(end > start for start, end in self.members(row))

    def _vouched(self, sample: Stored, piece: bytes) -> bool:
        """Whether a sample that was fetched alone is what was published."""
        row = sample.row
        if not image_vouched(sample.image, self.codec, row):
            return False
        if not self._more_of(row):
            return True
        overlay, patches = (
            piece[start - row["offset"] : end - row["offset"]] for start, end in self._beside(row)
        )
        if self.codec == "clip":
            return clip_vouched(overlay, patches, sample.masks)
        payload = self._payloads.get(sample.frame_id, b"")
        return beside_vouched(sample.frame_id, payload, overlay, patches, sample.masks)

    def _whole(self, shard: str) -> bytes:
        data = self._held.get(shard)
        if data is None:
            data = read_shard(self.releases, shard)
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


def _masked(marks: list[AnnotationRecord] | None) -> list[AnnotationRecord]:
    return [mark for mark in marks or () if mark["mask_length"]]


def _spans(places: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Shard, first byte and end of what is fetched at once, from places in order."""
    spans: list[tuple[str, int, int]] = []
    for shard, start, end in places:
        if spans and spans[-1][0] == shard and start - spans[-1][2] <= GAP:
            spans[-1] = shard, spans[-1][1], max(spans[-1][2], end)
        else:
            spans.append((shard, start, end))
    return spans
