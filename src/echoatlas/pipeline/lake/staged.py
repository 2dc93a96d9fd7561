"""Parquet files that workers write into tables' folders, before they are part of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.schemas.tables import TABLES, columns, schema, subject_columns

if TYPE_CHECKING:
    from echoatlas.pipeline.storage import Storage


@dataclass(frozen=True, slots=True)
class Part:
    """A Parquet file of one table, written but not yet part of it."""

    table: str
    path: str
    size: int
    rows: int


def write_part(storage: Storage, rows: pa.Table, name: str, stem: str) -> Part:
    """Write rows as a Parquet file in a table's folder, without making it part of the table.

    Args:
        storage: the lake's.
        stem: unique name of the file, without an ending.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows.cast(schema(name)),
        sink,
        compression="none" if name == "frames" else "zstd",  # images are compressed already
        use_dictionary=[c for c in schema(name).names if c in counted(name)],
        write_statistics=[c for c in schema(name).names if c in counted(name)],
        store_schema=False,
    )
    data = sink.getvalue().to_pybytes()
    path = f"{stem}.parquet"
    storage.write(f"tables/{name}/{path}", data)
    return Part(name, path, len(data), rows.num_rows)


def counted(name: str) -> frozenset[str]:
    """Columns that may have statistics: those that speak of no single patient and are short."""
    kinds = columns(TABLES[name].row)
    plain = {column for column, (kind, _, _) in kinds.items() if kind in (str, int, float, bool)}
    return frozenset(plain - subject_columns(name))
