"""What the index and the shard tell of a sample beside its image, read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from echoatlas.loader.index import Index
from echoatlas.loader.layout import LABELS
from echoatlas.loader.samples import Annotation
from echoatlas.pipeline.release.annotations import TOLD, AnnotationRecord
from echoatlas.pipeline.release.places import overlay_at, patches_at
from echoatlas.pipeline.release.reader import fan_in_image
from echoatlas.pipeline.release.shard import MARKS, PLACES, unpacked_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.loader.shards import Shards
    from echoatlas.schemas.fan import Fan
    from echoatlas.schemas.manifest import Manifest

PATCHES = 16  # of a patch map, along each side
# Columns that are not ``meta``
APART = {*LABELS[:2], *PLACES, MARKS, "frame_id", "split", "payload", "digest"}


class OpenRelease(Protocol):
    """A release, or part of one, that is open for reading: a ``Dataset``."""

    manifest: Manifest
    samples: Index
    shards: Shards
    transform: Callable[[Any], Any] | None

    @property
    def rows(self) -> NDArray[np.int32] | None: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Row:
    """What the index tells of a sample, read when it is asked for."""

    dataset: OpenRelease
    row: int

    @property
    def frame_id(self) -> str:
        return str(self.dataset.samples.value("frame_id", self.row))

    @property
    def split(self) -> str:
        return str(self.dataset.samples.value("split", self.row))

    @property
    def meta(self) -> dict[str, Any]:
        index = self.dataset.samples
        names = [name for name in index.schema.names if name not in APART]
        return {name: index.value(name, self.row) for name in names}

    def column(self, name: str) -> Any:
        return self.dataset.samples.value(name, self.row)

    @property
    def overlay(self) -> NDArray[np.bool_] | None:
        place = self.dataset.samples.places[self.row]
        data = self._member(int(overlay_at(place)), int(place["overlay"]))
        return None if data is None else unpacked_image(data, self._beside) > 0

    @property
    def patch_map(self) -> NDArray[np.uint8] | None:
        place = self.dataset.samples.places[self.row]
        data = self._member(int(patches_at(place)), int(place["patches"]))
        if data is None:
            return None
        if self._beside == "clip":
            return unpacked_image(data, "clip")
        return data.reshape(PATCHES, PATCHES).copy()

    @property
    def _beside(self) -> str:
        """Codec of the masks beside an image: as clips beside a clip."""
        return "clip" if self.dataset.manifest.image_codec == "clip" else "png"

    def _member(self, start: int, length: int) -> NDArray[np.uint8] | None:
        if not length:
            return None
        index = self.dataset.samples
        shard = index.shards[index.places[self.row]["shard"]]
        return self.dataset.shards.whole(shard)[start : start + length]

    @property
    def size(self) -> tuple[int, int]:
        index = self.dataset.samples
        return int(index.value("height", self.row)), int(index.value("width", self.row))

    @property
    def fan(self) -> Fan | None:
        index = self.dataset.samples
        if "fan" not in index.schema.names:  # a release of before format 2
            return None
        names = ("fan", "scale", "offset_x", "offset_y", "flags", "width", "height")
        return fan_in_image({name: index.value(name, self.row) for name in names})

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        index = self.dataset.samples
        if MARKS not in index.schema.names:  # a release of before there were any
            return ()
        shard = index.shards[index.places[self.row]["shard"]]
        marks: list[AnnotationRecord] = index.value(MARKS, self.row) or []
        return tuple(self._annotation(shard, mark) for mark in marks)

    def _annotation(self, shard: str, mark: AnnotationRecord) -> Annotation:
        mask = None
        if mark["mask_length"]:
            start = mark["mask_offset"]
            data = self.dataset.shards.whole(shard)
            mask = unpacked_image(data[start : start + mark["mask_length"]], "png")
        told = {name: mark[name] for name in TOLD}
        told["points"] = np.array(mark["points"], np.float64).reshape(-1, 2)
        return Annotation(**told, mask=mask)
