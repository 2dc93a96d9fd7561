"""Tables that an earlier version made: what they lack of today's columns, and what stands there.

A column that is new is added to the table once somebody writes to it. In rows from before, and in
versions that releases pin, it holds what says nothing: the step that fills it has another version,
so that a run makes such rows anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from echoatlas.schemas.tables import schema


def lacking(name: str, there: Sequence[str]) -> list[pa.Field]:
    """Today's columns of a table that are not among those that are there, as they can be added."""
    return [field.with_nullable(True) for field in schema(name) if field.name not in there]


def bare(name: str) -> pa.Schema:
    """Today's schema of a table without what its columns mean: delta-rs 1.6 refuses to append to a
    table whose columns are described in other words."""
    return pa.schema([pa.field(one.name, one.type, one.nullable) for one in schema(name)])


def completed(rows: pa.Table, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Rows of a table with all columns that are asked for, as today's schema has them.

    Args:
        rows: those of them that were read; null where a row is older than its column.
        columns: names; all if not given.
    """
    wanted = schema(name)
    if columns is not None:
        wanted = pa.schema([wanted.field(column) for column in columns])
    made = [_column(rows, field) for field in wanted]
    return pa.table(made, schema=wanted)


def _column(rows: pa.Table, field: pa.Field) -> Any:
    nothing = None if field.nullable else _nothing(field.type)
    if field.name not in rows.column_names:
        return pa.repeat(pa.scalar(nothing, field.type), rows.num_rows)
    column = rows.column(field.name).cast(field.type)
    return column if field.nullable or not column.null_count else column.fill_null(nothing)


def _nothing(kind: pa.DataType) -> Any:
    if pa.types.is_floating(kind):
        return float("nan")
    if pa.types.is_integer(kind):
        return 0
    if pa.types.is_boolean(kind):
        return False
    return b"" if pa.types.is_binary(kind) else ""
