"""Parquet files that workers write into tables' folders, before they are part of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.schemas.tables import TABLES, columns, schema, subject_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echoatlas.pipeline.storage.storage import Storage


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
    return write_in_groups(storage, [rows], name, stem)


def write_in_groups(storage: Storage, groups: Iterable[pa.Table], name: str, stem: str) -> Part:
    """The same, of rows in groups: who wants one row reads no other group than its own."""
    sink = pa.BufferOutputStream()
    plain = [column for column in schema(name).names if column in counted(name)]
    number = 0
    with pq.ParquetWriter(
        sink,
        schema(name),
        compression="none" if name == "frames" else "zstd",  # images are compressed already
        use_dictionary=plain,
        write_statistics=plain,
        store_schema=False,
    ) as writer:
        for rows in groups:
            writer.write_table(rows.cast(schema(name)))
            number += rows.num_rows
    data = sink.getvalue().to_pybytes()
    path = f"{stem}.parquet"
    storage.write(f"tables/{name}/{path}", data)
    return Part(name, path, len(data), number)


def counted(name: str) -> frozenset[str]:
    """Columns that may have statistics: those that speak of no single patient and are short."""
    kinds = columns(TABLES[name].row)
    plain = {column for column, (kind, _, _) in kinds.items() if kind in (str, int, float, bool)}
    return frozenset(plain - subject_columns(name))
