"""Shards that will be needed come from S3 before they are, in the order in which they will be."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.loader.shards import FOLDER
from echoatlas.pipeline.storage.fetch import Ahead
from echoatlas.pipeline.storage.storage import S3Storage

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from echoatlas.loader.row import OpenRelease
    from echoatlas.pipeline.storage.parts import WantedShard

FILLED = 0.8  # of a cache's limit, by what is still to be read


class Prefetch:
    """Brings the shards of an order into the cache; what no cache needs, it does without.

    With a limit to the cache it looks no farther ahead than that has room for: ``passed`` tells it
    how far reading is.

    Args:
        positions: of samples, in the order in which they will be read; all if not given.
    """

    def __init__(self, data: OpenRelease, positions: NDArray[np.int32] | None = None) -> None:
        self._ahead: Ahead | None = None
        self._held: dict[int, WantedShard] = {}  # of shards that are there, or asked for
        self._waiting: list[int] = []
        shards, keys = data.shards, data.samples.shards
        if not isinstance(shards.releases, S3Storage):
            return
        rows = np.arange(len(data.samples)) if data.rows is None else data.rows
        numbers = data.samples.places["shard"][rows if positions is None else rows[positions]]
        first = np.full(len(keys), -1, np.int64)
        last = first.copy()
        first[numbers[::-1]] = np.arange(len(numbers))[::-1]  # of several, the last one stays
        last[numbers] = np.arange(len(numbers))
        wanted = np.flatnonzero(first >= 0)
        self._shards, self._releases = shards, shards.releases
        self._keys, self._last = keys, last
        self._sizes = {one.file: one.bytes for one in data.manifest.shards}
        self._limit = None if shards.limit is None else int(FILLED * shards.limit)
        self._waiting = wanted[np.argsort(first[wanted])].tolist()
        self.passed(0)

    def passed(self, position: int) -> None:
        """Say how many samples of the order were read."""
        if not self._waiting:
            return
        for number in [one for one in self._held if self._last[one] < position]:
            with suppress(OSError):  # it is the first that makes room for others
                os.utime(self._path(self._held.pop(number)), (0, 0))
        more, size = [], sum(map(self._size, self._held.values()))
        while self._waiting:
            wanted = self._shards.wanted(self._keys[self._waiting[0]])
            size += self._size(wanted)
            if self._limit is not None and size > self._limit:
                break
            self._held[self._waiting.pop(0)] = wanted
            if not self._path(wanted).is_file():
                more.append(wanted)
        if more:
            if self._ahead is None:
                cache = self._shards.cache / FOLDER
                self._ahead = Ahead(self._releases, cache, self._shards.limit)
            self._ahead.want(more)

    def _size(self, wanted: WantedShard) -> int:
        return wanted.stored if wanted.spans else self._sizes[wanted.key]

    def _path(self, wanted: WantedShard) -> Path:
        return self._shards.cache / FOLDER / wanted.name

    def close(self) -> None:
        """Fetch no more."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None
