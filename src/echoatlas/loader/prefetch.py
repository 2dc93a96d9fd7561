"""Shards that will be needed come from S3 before they are, in the order in which they will be."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.loader.shards import FOLDER
from echoatlas.pipeline.storage.fetch import Ahead
from echoatlas.pipeline.storage.storage import S3Storage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.loader.row import OpenRelease

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
        sizes = {one.file: one.bytes for one in data.manifest.shards}
        self._paths = [shards.cache / FOLDER / PurePosixPath(key).name for key in keys]
        self._keys, self._sizes, self._last = keys, [sizes[key] for key in keys], last
        self._limit = None if shards.limit is None else int(FILLED * shards.limit)
        self._held: list[int] = []  # numbers of shards that are there, or asked for
        self._waiting: list[int] = []
        for one in wanted[np.argsort(first[wanted])].tolist():
            (self._held if self._paths[one].is_file() else self._waiting).append(one)
        if self._waiting:
            self._ahead = Ahead(shards.releases, shards.cache / FOLDER, shards.limit)
            self.passed(0)

    def passed(self, position: int) -> None:
        """Say how many samples of the order were read."""
        if self._ahead is None or not self._waiting:
            return
        for one in [one for one in self._held if self._last[one] < position]:
            self._held.remove(one)
            with suppress(OSError):  # it is the first that makes room for others
                os.utime(self._paths[one], (0, 0))
        more, size = [], sum(self._sizes[one] for one in self._held)
        for one in self._waiting:
            size += self._sizes[one]
            if self._limit is not None and size > self._limit:
                break
            more.append(one)
        if more:
            del self._waiting[: len(more)]
            self._held += more
            self._ahead.want(self._keys[one] for one in more)

    def close(self) -> None:
        """Fetch no more."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None
