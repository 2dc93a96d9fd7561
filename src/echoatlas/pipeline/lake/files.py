"""Single files of a table, as workers read them who are told which ones they need."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoatlas.pipeline.lake.evolution import completed
from echoatlas.pipeline.storage.storage import LocalStorage
from echoatlas.schemas.tables import schema

if TYPE_CHECKING:
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

    from echoatlas.pipeline.lake.ids import SortedIds
    from echoatlas.pipeline.storage.storage import Storage

LARGE = 1 << 15  # rows: of so many, columns are read side by side


def rows_in(
    storage: Storage, name: str, path: str, columns: Sequence[str], ids: SortedIds, key: str
) -> pa.Table:
    """The rows of one file whose ``key`` is among ``ids``, as today's schema has them.

    Args:
        storage: the lake's. path: below the table's folder.
        ids: in order once, however many files are gone through.

    Raises:
        FileNotFoundError: the lake does not hold the file any more.
    """
    file = pq.ParquetFile(_opened(storage, name, path))
    there = [column for column in columns if column in file.schema_arrow.names]
    parts = []
    for group in range(file.num_row_groups):  # images are read of groups that have any of them
        known = file.read_row_group(group, [key], use_threads=False).column(key).cast(pa.string())
        chosen = ids.have(known)
        if chosen.any():
            found = file.read_row_group(group, there, use_threads=False)
            parts.append(completed(found.filter(pa.array(chosen)), name, columns))
    if not parts:
        return completed(file.schema_arrow.empty_table().select(there), name, columns)
    return pa.concat_tables(parts)


def rows_of_file(
    storage: Storage, name: str, path: str, columns: Sequence[str] | None = None
) -> pa.Table:
    """All rows of one file, as today's schema has them.

    Args:
        storage: the lake's. path: below the table's folder. columns: all if not given.
    """
    names = schema(name).names if columns is None else list(columns)
    file = pq.ParquetFile(_opened(storage, name, path))
    there = [column for column in names if column in file.schema_arrow.names]
    return completed(file.read(there, use_threads=False), name, names)


def located(dataset: ds.Dataset | None, columns: Sequence[str], *, threads: bool) -> pa.Table:
    """In which file each row of a table lies, beside those of some columns that are there.

    Returns:
        The columns, and ``file``: a path below the table's folder, as a dictionary.
    """
    kind = pa.dictionary(pa.int32(), pa.string())
    parts = [pa.table({"file": pa.array([], kind)})]
    if dataset is not None:
        parts = []
        for path, rows in file_by_file(dataset, columns, threads=threads):
            number = np.zeros(rows.num_rows, np.int32)
            where = pa.DictionaryArray.from_arrays(number, pa.array([path]))
            parts.append(rows.append_column("file", where))
    return (
        pa.concat_tables(parts).unify_dictionaries()
        if parts
        else located(None, (), threads=threads)
    )


def file_by_file(
    dataset: ds.Dataset, columns: Sequence[str], *, threads: bool
) -> Iterator[tuple[str, pa.Table]]:
    """All rows of each file, in columns as the table has them, and its path below the folder.

    To scan a small file as a dataset takes twice as long as to read it.
    """
    wanted = wanted_of(dataset, columns)
    for fragment in dataset.get_fragments():
        yield fragment.path, rows_of_fragment(fragment, wanted, threads=threads)


def wanted_of(dataset: ds.Dataset, columns: Sequence[str]) -> pa.Schema:
    """Those of some columns that a table has; one of its own if it has none."""
    own = [dataset.schema.field(name) for name in columns if name in dataset.schema.names]
    return pa.schema([one.with_nullable(True) for one in own or list(dataset.schema)[:1]])


def rows_of_fragment(fragment: ds.Fragment, wanted: pa.Schema, *, threads: bool) -> pa.Table:
    """All rows of a file, in columns as the table has them; null where the file has none."""
    rows = columns_of(fragment, wanted.names, threads=threads)
    made = [
        rows.column(one.name).cast(one.type)
        if one.name in rows.column_names
        else pa.nulls(rows.num_rows, one.type)
        for one in wanted
    ]
    return pa.table(made, schema=wanted)


def columns_of(fragment: ds.Fragment, columns: Sequence[str], *, threads: bool) -> pa.Table:
    """Those columns of a file that it has, as they lie there; one of its own if it has none."""
    with fragment.filesystem.open_input_file(fragment.path) as source:
        file = pq.ParquetFile(source)
        names = file.schema_arrow.names
        there = [column for column in columns if column in names] or names[:1]
        return file.read(there, use_threads=threads and file.metadata.num_rows >= LARGE)


def sited_files(table: DeltaTable, *, told: bool) -> Iterator[tuple[str, pc.Expression | None]]:
    """The files of a table, each with what its log says of the sites of the rows in it.

    Args:
        told: whether that is asked.
    """
    added = pa.table(table.get_add_actions(flatten=told))
    names = ("min.site", "max.site", "null_count.site")
    if not told or not set(names) <= set(added.column_names):
        yield from ((path, None) for path in added.column("path").to_pylist())
        return
    columns = (added.column(name).to_pylist() for name in ("path", *names))
    for path, first, last, nulls in zip(*columns, strict=True):
        known = first is not None and last is not None and nulls == 0
        site = pc.field("site")
        yield path, (site >= first) & (site <= last) if known else None


def digest_of(storage: Storage, name: str, path: str) -> str:
    """SHA-256 of one file of a table, in hexadecimal."""
    return hashlib.sha256(_buffer(storage, name, path)).hexdigest()


def _buffer(storage: Storage, name: str, path: str) -> pa.Buffer:
    key = f"tables/{name}/{path}"
    if isinstance(storage, LocalStorage):
        with pa.memory_map(str(storage.path(key))) as file:
            return file.read_buffer()
    return pa.py_buffer(storage.read(key))


def _opened(storage: Storage, name: str, path: str) -> pa.BufferReader:
    return pa.BufferReader(_buffer(storage, name, path))
