"""All frames of a lake as deduplication compares them, with what is long of them on disk.

What is known of a frame are some hashes: of millions of frames more than all else together. One of
them is asked for after the other, and no two are in memory. Ids and files are asked for clip by
clip, and stay there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate.compared_frames import COMPARED
from echoatlas.pipeline.deduplicate.ranking import (
    FRAMES,
    MEASURES,
    OBJECTS,
    clip_ranks,
    of_today,
)
from echoatlas.pipeline.lake.columns_on_disk import ColumnsOnDisk
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.in_step import KnownIds

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

HASHES = pa.schema([one for one in COMPARED if one[0] in MEASURES[1:]])
NEWEST: Mapping[str, int] = {}
PLACED = pa.schema([one for one in COMPARED if one[0] not in MEASURES])


@dataclass(frozen=True, slots=True)
class EveryFrame:
    """n frames, as of ``ranking.compared``.

    Attributes:
        held: ``frame_id`` and ``file``. placed, hashes: the other columns.
    """

    held: pa.Table
    placed: ColumnsOnDisk
    hashes: ColumnsOnDisk

    @staticmethod
    def read(
        lake: Lake, folder: Path, versions: Mapping[str, int] = NEWEST, *, ranked: bool = True
    ) -> EveryFrame:
        """All frames that were measured.

        Args:
            folder: where lies what is not held in memory, for as long as this is used.
            versions: of the lake's tables; the newest of those that are not pinned.
            ranked: whether it is asked which of several clips is best; else all are equally good.

        Raises:
            UsageError: there is no room for it.
        """
        frames = lake.read("frames", FRAMES, version=versions.get("frames"))
        met = _Met([], [])
        measures = _measures(lake, frames, met, versions.get("measures"))
        hashes = ColumnsOnDisk.written(measures, HASHES, folder)
        order = np.concatenate([np.empty(0, np.int64), *met.frames])
        if not np.array_equal(order, np.arange(frames.num_rows)):
            frames = frames.take(pa.array(order))
        rank = np.zeros(frames.num_rows, np.int64)
        if ranked:
            objects = lake.read("objects", OBJECTS, version=versions.get("objects"))
            rank = clip_ranks(frames, objects)
        placed = frames.select(PLACED.names[:-1]).append_column("rank", pa.array(rank))
        number = np.repeat(np.arange(len(met.paths), dtype=np.int32), [*map(len, met.frames)])
        file = pa.DictionaryArray.from_arrays(number, pa.array(met.paths, pa.string()))
        held = frames.select(["frame_id"]).append_column("file", file)
        every = EveryFrame(held, ColumnsOnDisk.written([placed], PLACED, folder), hashes)
        del frames, placed
        pa.default_memory_pool().release_unused()  # what was read of the lake, and lies on disk now
        return every

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return int(self.held.num_rows)

    @property
    def _parts(self) -> tuple[pa.Table | ColumnsOnDisk, ...]:
        return self.held, self.placed, self.hashes

    @property
    def column_names(self) -> list[str]:
        """What is known of each."""
        return [name for part in self._parts for name in part.column_names]

    def column(self, name: str) -> pa.ChunkedArray:
        """All of a column."""
        return next(part.column(name) for part in self._parts if name in part.column_names)

    def select(self, names: list[str]) -> EveryFrame:
        """Some columns alone."""
        own = ([name for name in part.column_names if name in names] for part in self._parts)
        held, placed, hashes = own
        return EveryFrame(
            self.held.select(held), self.placed.select(placed), self.hashes.select(hashes)
        )

    def take(self, rows: pa.Array) -> pa.Table:
        """Some rows, by their numbers, in that order."""
        parts = [part.take(rows) for part in self._parts if part.column_names]
        return pa.table({name: part.column(name) for part in parts for name in part.column_names})


@dataclass(frozen=True, slots=True)
class _Met:
    """Of the files of measures, as they are read: paths, and the place of the frame of each row."""

    paths: list[str]
    frames: list[NDArray[np.int64]]


def _measures(lake: Lake, frames: pa.Table, met: _Met, version: int | None) -> Iterator[pa.Table]:
    """Measures of some frames, a file at a time."""
    known = KnownIds(Ids.of(frames.column("frame_id").chunks))
    for path, rows in lake.by_file("measures", MEASURES, version):
        place = known.places(Ids.of(rows.column("frame_id").chunks))
        there = place >= 0
        met.paths.append(path)
        met.frames.append(place[there])
        yield of_today(rows if there.all() else rows.filter(pa.array(there)))
