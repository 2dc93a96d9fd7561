"""What is known of frames that are compared, as columns: in memory, or on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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
