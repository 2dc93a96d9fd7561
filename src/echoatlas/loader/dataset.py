"""The trainer's face: a release as a sequence of samples."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.errors import CheckFailed, no_such
from echoatlas.pipeline.lake_place import demand_lake
from echoatlas.pipeline.release.annotations import TOLD, AnnotationRecord
from echoatlas.pipeline.release.manifest import Manifest, index_table, manifest_of
from echoatlas.pipeline.release.select import filter_rows as selected
from echoatlas.pipeline.release.shard import MARKS, unpacked_image
from echoatlas.pipeline.storage import LocalStorage, Storage
from echoatlas.taxonomy.tree import tree


@dataclass(frozen=True, slots=True)
class Annotation:
    """What came with the data about a frame, in pixels of its image.

    Attributes:
        kind: "class", "mask", "box", "keypoints", "scalar" or "text".
        name: what it is about, a code ("lesion", "ejection_fraction").
        value: of a class; of a text, codes of what it speaks of.
        number, unit: of a scalar; the unit in UCUM.
        points: (N, 2) float64, x and y: two corners of a box, or the keypoints.
        mask: (H, W) uint8 of the image's size, not 0 inside; None of other kinds.
        source: the collection's adapter, or "sidecar".
    """

    kind: str
    name: str
    value: str
    number: float | None
    unit: str
    points: NDArray[np.float64]
    mask: NDArray[np.uint8] | None
    source: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame with its labels and annotations.

    Attributes:
        image: (H, W) gray or (H, W, 3) RGB uint8.
        region, organ: ids of the tree, or "unknown".
        labels: (61,) uint8, multi-hot over the tree's nodes, closed under ancestors.
        asserted: (61,) bool, nodes whose label is known, present or absent.
        annotations: what came with the data; mostly none.
        meta: the other columns of the index.
    """

    image: NDArray[np.uint8]
    region: str
    organ: str
    labels: NDArray[np.uint8]
    asserted: NDArray[np.bool_]
    annotations: tuple[Annotation, ...]
    frame_id: str
    split: str
    meta: dict[str, Any]


@dataclass(slots=True)
class Dataset:
    """A release, or a part of it: length, random access, iteration, seeded global shuffle.

    Reads by offset from local shards; shards on S3 are brought to a local cache as they are
    needed. Can be pickled, as PyTorch's DataLoader does.
    """

    manifest: Manifest
    index: pa.Table
    _releases: Storage
    _cache: Path
    _order: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return self.index.num_rows if self._order is None else len(self._order)

    def __getitem__(self, position: int) -> Sample:
        if not -len(self) <= position < len(self):
            raise IndexError(f"no sample {position} of {len(self)}")
        row = int(position % len(self))
        if self._order is not None:
            row = int(self._order[row])
        values = self.index.slice(row, 1).to_pylist()[0]
        paths = values["paths"].split()
        shard = values.pop("shard")
        data = self._bytes(shard, values.pop("offset"), values.pop("length"))
        marks = values.pop(MARKS, None) or []
        return Sample(
            image=unpacked_image(data, self.manifest["config"]["codec"]),
            region=values.pop("region"),
            organ=values.pop("organ"),
            labels=tree().multi_hot(paths),
            asserted=tree().asserted(paths),
            annotations=tuple(self._annotation(shard, mark) for mark in marks),
            frame_id=values.pop("frame_id"),
            split=values.pop("split"),
            meta=values,
        )

    def _annotation(self, shard: str, mark: AnnotationRecord) -> Annotation:
        mask = None
        if mark["mask_length"]:
            data = self._bytes(shard, mark["mask_offset"], mark["mask_length"])
            mask = unpacked_image(data, "png")
        told = {name: mark[name] for name in TOLD}
        told["points"] = np.array(mark["points"], np.float64).reshape(-1, 2)
        return Annotation(**told, mask=mask)

    def __iter__(self) -> Iterator[Sample]:
        return (self[position] for position in range(len(self)))

    def shuffled(
        self, seed: int, epoch: int = 0, position: int = 0, rank: int = 0, world: int = 1
    ) -> Dataset:
        """All samples in an order that only seed and epoch decide.

        Args:
            position: samples of the global order that were seen already: resume here.
            rank, world: take every ``world``-th sample from ``rank`` on.
        """
        order = np.random.Generator(np.random.PCG64([seed, epoch])).permutation(self.index.num_rows)
        part = order[position:][rank::world].astype(np.int64)
        return Dataset(self.manifest, self.index, self._releases, self._cache, part)

    def _bytes(self, shard: str, offset: int, length: int) -> bytes:
        if isinstance(self._releases, LocalStorage):
            return self._releases.read(shard, offset, length)
        local = LocalStorage(self._cache)
        name = Path(shard).name
        if not local.exists(name):
            data = self._releases.read(shard)
            if hashlib.sha256(data).hexdigest() != Path(shard).stem:
                raise CheckFailed("a shard is damaged: run `echoatlas verify`")
            local.write(name, data)
        return local.read(name, offset, length)


def load(
    name: str,
    *,
    lake: str | Path | None = None,
    where: str = "",
    split: str | None = None,
    cache: str | Path | None = None,
) -> Dataset:
    """Open a release for training.

    Args:
        name: of the release.
        lake: path or ``s3://`` URI; from ECHOATLAS_LAKE if not given.
        where: SQL expression over the index's columns, e.g. ``"region = 'thorax'"``.
        split: one of the release's splits; all if not given.
        cache: folder for shards that come from S3.

    Raises:
        UsageError: there is no such lake, release or split, or the expression is wrong; or the
            bucket or its credentials are, and it says which.
        Retry: the service can't be reached.
    """
    place = lake or os.environ.get("ECHOATLAS_LAKE", "lake")
    lake_folder = Storage.open(str(place))
    demand_lake(lake_folder)
    releases = lake_folder.sub("releases")
    manifest = manifest_of(releases, name)
    if manifest["tree"] != tree().hash:
        raise CheckFailed(
            f"release '{name}' was made with another label tree: install echoatlas "
            f"{manifest['version']}"
        )
    index = index_table(releases, manifest)
    if split is not None:
        if split not in manifest["config"]["splits"]:
            raise no_such("split", split, manifest["config"]["splits"])
        index = index.filter(pc.equal(index.column("split"), split))
    folder = Path(cache) if cache else Path.home() / ".cache" / "echoatlas" / "shards"
    return Dataset(manifest, selected(index, where), releases, folder)
