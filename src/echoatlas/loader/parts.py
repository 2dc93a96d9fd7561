"""Of shards of which a selection needs little, that little alone comes from S3."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.release.annotations import masks_end
from echoatlas.pipeline.release.digests import DIGEST
from echoatlas.pipeline.release.places import records_of
from echoatlas.pipeline.release.shard import MARKS
from echoatlas.pipeline.storage.parts import WantedShard
from echoatlas.pipeline.storage.storage import S3Storage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.loader.index import Index
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

FEW = 0.25  # share of a shard up to which its samples are fetched without the rest


class ShardParts:
    """What a selection needs of each shard, found when the shard is first asked for.

    Args:
        rows: (n,) of the index, ascending; all if None.
    """

    def __init__(self, manifest: Manifest, index: Index, rows: NDArray[np.int32] | None) -> None:
        self._index, self._rows = index, rows
        self._shards = {one.file: (number, one) for number, one in enumerate(manifest.shards)}
        self._known: dict[str, WantedShard] = {}

    def of(self, key: str) -> WantedShard:
        """What is needed of a shard: its samples, or all of it if that is not much more, or if the
        index can't vouch for each."""
        if key not in self._known:
            self._known[key] = self._found(key)
        return self._known[key]

    def _found(self, key: str) -> WantedShard:
        number, shard = self._shards[key]
        everything = WantedShard(key)
        order, bounds = self._order
        rows = np.sort(order[bounds[number] : bounds[number + 1]])
        if not 0 < len(rows) <= FEW * shard.held:
            return everything
        digests = self._index.values(DIGEST, rows)
        if None in digests:
            return everything
        marks = self._index.values(MARKS, rows)
        starts, ends = records_of(self._index.places[rows], [masks_end(some) for some in marks])
        told = zip(starts.tolist(), ends.tolist(), digests, strict=True)
        spans = sorted((start, end, digest.hex()) for start, end, digest in told)
        some = WantedShard(key, tuple(spans), shard.bytes)
        return some if some.fetched <= FEW * shard.bytes else everything

    @cached_property
    def _order(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The rows in order of their shards, and where those of each shard begin and end."""
        rows = _every(self._index) if self._rows is None else self._rows
        numbers = self._index.places["shard"][rows]
        if (numbers[1:] < numbers[:-1]).any():
            order = np.argsort(numbers, kind="stable")
            rows, numbers = rows[order], numbers[order]
        return rows, np.searchsorted(numbers, np.arange(len(self._shards) + 1))


def shard_parts(
    releases: Storage, manifest: Manifest, index: Index, rows: NDArray[np.int32] | None
) -> ShardParts | None:
    """What a selection needs of shards; None where all of each is read, or it lies on this machine.

    Args:
        rows: (n,) of the index, ascending; all if None.
    """
    if not isinstance(releases, S3Storage) or DIGEST not in index.schema.names:
        return None
    held = np.array([one.held for one in manifest.shards])
    if rows is None:
        wanted = np.array([one.samples for one in manifest.shards])
    else:
        wanted = np.bincount(index.places["shard"][rows], minlength=len(held))
    few = (wanted > 0) & (wanted <= FEW * held)
    return ShardParts(manifest, index, rows) if few.any() else None


def _every(index: Index) -> NDArray[np.int32]:
    return np.arange(len(index), dtype=np.int32)
