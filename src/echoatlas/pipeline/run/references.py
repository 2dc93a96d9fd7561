"""Whether rows of one table that speak of another's are of rows that are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.run.expectations import Check, of_rows
from echoatlas.schemas.tables import TABLES

# Table, its column, and the table and column in which each of its values has to stand
REFERENCES = (
    ("frames", "object_id", "objects", "object_id"),
    ("measures", "frame_id", "frames", "frame_id"),
    ("annotations", "frame_id", "frames", "frame_id"),
    ("labels", "frame_id", "frames", "frame_id"),
    ("duplicates", "frame_id", "frames", "frame_id"),
)


def referring(read: Callable[[str, Sequence[str]], pa.Table]) -> list[Check]:
    """Check every reference.

    Args:
        read: gives some columns of a table.
    """
    found: list[Check] = []
    for table, column, other, there in REFERENCES:
        key = TABLES[table].key[0]
        rows = read(table, list(dict.fromkeys((key, column))))
        known = read(other, [there]).column(0)
        lost = rows.filter(pc.invert(pc.is_in(rows.column(column), value_set=known)))
        ids = lost.column(key).to_pylist()
        found.append((f"{table}: {column} is one of {other}", not ids, of_rows(ids)))
    return found
