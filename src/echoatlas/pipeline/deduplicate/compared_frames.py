"""What is known of frames that are compared, as columns: in memory, or on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

COMPARED = (
    ("frame_id", pa.string()),
    ("object_id", pa.string()),
    ("pane", pa.int64()),
    ("frame_index", pa.int64()),
    ("pixel_hash", pa.string()),
    ("hash_version", pa.string()),
    ("fan_phash256", pa.binary()),
    ("mirror_phash256", pa.binary()),
    ("frame_phash256", pa.binary()),
    ("view_phash256", pa.binary()),
    ("landmark_phash256", pa.binary()),
    ("landmark_places", pa.binary()),
    ("rank", pa.int64()),
)


class Frames(Protocol):
    """Rows of which a column is asked for after the other: a table, or what lies on disk."""

    @property
    def num_rows(self) -> int:
        """How many there are."""

    @property
    def column_names(self) -> list[str]:
        """What is known of each."""

    def column(self, name: str, /) -> pa.ChunkedArray:
        """All of a column."""

    def select(self, names: list[str], /) -> Frames:
        """Some columns alone."""

    def take(self, rows: pa.Array, /) -> pa.Table:
        """Some rows, by their numbers, in that order."""


@dataclass(frozen=True, slots=True)
class SomeFrames:
    """Some rows of frames, by their numbers; of these too a column at a time is in memory."""

    frames: Frames
    rows: pa.Array

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return len(self.rows)

    @property
    def column_names(self) -> list[str]:
        """What is known of each."""
        return self.frames.column_names

    def column(self, name: str) -> pa.ChunkedArray:
        """A column of these rows."""
        return self.frames.select([name]).take(self.rows).column(name)

    def select(self, names: list[str]) -> SomeFrames:
        """Some columns alone."""
        return SomeFrames(self.frames.select(names), self.rows)

    def take(self, rows: pa.Array) -> pa.Table:
        """Some of them, by their numbers among these."""
        return self.frames.take(self.rows.take(rows))


@dataclass(frozen=True, slots=True)
class BothFrames:
    """Some frames, and then others, of which less may be known."""

    first: Frames
    second: pa.Table

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return self.first.num_rows + int(self.second.num_rows)

    @property
    def column_names(self) -> list[str]:
        """What is known of the first."""
        return self.first.column_names

    def column(self, name: str) -> pa.ChunkedArray:
        """All of a column; null of the second where it is not known of them."""
        return _joined(self.first.column(name), self.second, name, self.second.num_rows)

    def select(self, names: list[str]) -> BothFrames:
        """Some columns alone."""
        known = [name for name in names if name in self.second.column_names]
        return BothFrames(self.first.select(names), self.second.select(known))

    def take(self, rows: pa.Array) -> pa.Table:
        """Some rows, by their numbers, in that order."""
        numbers = rows.to_numpy(zero_copy_only=False)
        others = numbers >= self.first.num_rows
        one = self.first.take(pa.array(numbers[~others]))
        other = self.second.take(pa.array(numbers[others] - self.first.num_rows))
        back = np.empty(len(numbers), np.int64)
        back[np.argsort(others, kind="stable")] = np.arange(len(numbers))
        number = len(numbers) - one.num_rows
        columns = {
            name: _joined(one.column(name), other, name, number) for name in one.column_names
        }
        return pa.table(columns).take(pa.array(back))


def _joined(one: pa.ChunkedArray, others: pa.Table, name: str, number: int) -> pa.ChunkedArray:
    """A column of some frames, and then of so many others."""
    known = name in others.column_names
    more = others.column(name).chunks if known else [pa.nulls(number, one.type)]
    return pa.chunked_array([*one.chunks, *more], one.type)
