"""Tables of a lake as views of a database: their files are read where they lie, and in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from echoatlas.pipeline.database import Connection, database, quoted
from echoatlas.pipeline.storage.storage import LocalStorage
from echoatlas.schemas.tables import schema

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

View: TypeAlias = tuple[str, str, Sequence[str]]  # its name, the table's, columns of the table
# What stands in columns that are newer than a row, as ``completed`` has it
NOTHING = {
    pa.string(): ("VARCHAR", "''"),
    pa.binary(): ("BLOB", "''::BLOB"),
    pa.int64(): ("BIGINT", "0"),
    pa.float64(): ("DOUBLE", "'nan'::DOUBLE"),
    pa.bool_(): ("BOOLEAN", "false"),
    pa.list_(pa.float64()): ("DOUBLE[]", "[]::DOUBLE[]"),
}


@contextmanager
def views(
    lake: Lake, asked: Iterable[View], versions: Mapping[str, int] | None = None
) -> Iterator[Connection]:
    """A database with views of a lake's tables, within the memory that the lake's owner gives.

    Args:
        asked: which tables, and which of their columns.
        versions: of the tables; the newest of those that are not named, none below 0.
    """
    with database(lake.allowance) as connection:
        _add_views(connection, lake, asked, versions or {})
        yield connection


@contextmanager
def stored_views(
    lake: Lake, asked: Iterable[View], versions: Mapping[str, int]
) -> Iterator[Connection]:
    """The same, for whoever makes large tables of them: these lie on disk, compressed."""
    with database(lake.allowance, stored=True) as connection:
        _add_views(connection, lake, asked, versions)
        yield connection


def _add_views(
    connection: Connection, lake: Lake, asked: Iterable[View], versions: Mapping[str, int]
) -> None:
    for name, table, columns in asked:
        add_view(connection, lake, (name, table, columns), versions.get(table))


def add_view(connection: Connection, lake: Lake, view: View, version: int | None = None) -> None:
    """Add a view of a table to a database; of a table that is not there it has no rows.

    Files on this machine are read by whoever asks; others are copied into the database, of which
    what does not fit into memory lies in its folder.
    """
    name, table, columns = view
    paths, there = _files(lake, table, version)
    if not paths:
        connection.register(name, schema(table).empty_table().select(list(columns)))
        return
    if not isinstance(lake.storage, LocalStorage):
        rows = pa.RecordBatchReader.from_batches(
            pa.schema([schema(table).field(column) for column in columns]),
            lake.batches(table, columns, version),
        )
        connection.register(f"{name}_arriving", rows)
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {name}_arriving")
        connection.unregister(f"{name}_arriving")
        return
    chosen = ", ".join(_column(table, column, there) for column in columns)
    connection.execute(
        f"CREATE VIEW {name} AS SELECT {chosen} FROM "
        f"read_parquet({quoted(*paths)}, union_by_name = true, hive_partitioning = false)"
    )


def add_located(
    connection: Connection, lake: Lake, name: str, table: str, column: str, version: int | None
) -> None:
    """Add a view of a column of text, and of the ``file`` in which each row lies: a path below
    the table's folder."""
    paths, _ = _files(lake, table, version)
    if not paths or not isinstance(lake.storage, LocalStorage):
        connection.register(name, lake.located(table, [column], version))
        return
    folder = f"{lake.storage.root}/tables/{table}/"
    connection.execute(
        f'CREATE VIEW {name} AS SELECT "{column}", substr(filename, {len(folder) + 1}) AS file '
        f"FROM read_parquet({quoted(*paths)}, union_by_name = true, filename = true)"
    )


def _files(lake: Lake, table: str, version: int | None) -> tuple[list[str], dict[str, bool]]:
    if version is not None and version < 0:
        return [], {}
    return lake.parquet(table, version) or ([], {})


def _column(table: str, column: str, there: Mapping[str, bool]) -> str:
    """A column as today's schema has it.

    Args:
        there: columns of the table's version, and whether they may be null.
    """
    field = schema(table).field(column)
    kind, nothing = NOTHING[field.type]
    if column not in there:
        return f'CAST({"NULL" if field.nullable else nothing} AS {kind}) AS "{column}"'
    if there[column] and not field.nullable:
        return f'coalesce("{column}", {nothing}) AS "{column}"'
    return f'"{column}"'
