"""Columns of many rows as files on this machine's disk, each read when it is asked for.

Whoever asks one column after the other of all rows holds one at a time, and not all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
from numpy.typing import NDArray

from echoatlas.pipeline.file_faults import local_faults

AT_ONCE = 1 << 16  # rows of a piece


@dataclass(frozen=True, slots=True)
class ColumnsOnDisk:
    """n rows.

    Attributes:
        schema: of the columns; none is a dictionary, which may not change from piece to piece.
        folder: in which each is a file, in pieces of ``AT_ONCE`` rows, but for the last.
    """

    schema: pa.Schema
    folder: Path
    num_rows: int

    @staticmethod
    def written(parts: Iterable[pa.Table], schema: pa.Schema, folder: Path) -> ColumnsOnDisk:
        """Rows, a part after the other, each of any number.

        Raises:
            UsageError: there is no room for them.
        """
        number = 0
        with local_faults(str(folder)), ExitStack() as open_files:
            writers = [
                open_files.enter_context(
                    ipc.new_file(str(_file(folder, one.name)), pa.schema([one]))
                )
                for one in schema
            ]
            for piece in in_pieces(parts, schema, AT_ONCE):
                for writer, name in zip(writers, schema.names, strict=True):
                    writer.write_table(piece.select([name]))
                number += piece.num_rows
        return ColumnsOnDisk(schema, folder, number)

    @property
    def column_names(self) -> list[str]:
        """What the columns are called."""
        return list(self.schema.names)

    def column(self, name: str) -> pa.ChunkedArray:
        """All of a column."""
        with (
            pa.memory_map(str(_file(self.folder, name))) as mapped,
            ipc.open_file(mapped) as file,
        ):
            return file.read_all().column(0)

    def select(self, names: list[str]) -> ColumnsOnDisk:
        """Some columns alone."""
        chosen = pa.schema([self.schema.field(name) for name in names])
        return ColumnsOnDisk(chosen, self.folder, self.num_rows)

    def take(self, rows: pa.Array) -> pa.Table:
        """Some rows, by their numbers, in that order; only pieces that hold any are read."""
        numbers = rows.to_numpy(zero_copy_only=False)
        if (numbers[1:] >= numbers[:-1]).all():
            found = {name: self._some(name, numbers) for name in self.schema.names}
            return pa.table(found, schema=self.schema)
        order = np.argsort(numbers, kind="stable")
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        found = {name: self._some(name, numbers[order]) for name in self.schema.names}
        return pa.table(found, schema=self.schema).take(pa.array(back))

    def _some(self, name: str, rows: NDArray[np.int64]) -> pa.ChunkedArray:
        """Some rows of a column, by their numbers, which ascend."""
        first = np.unique(rows // AT_ONCE)
        edges = np.append(np.searchsorted(rows, first * AT_ONCE), len(rows))
        kind = self.schema.field(name).type
        with pa.memory_map(str(_file(self.folder, name))) as mapped, ipc.open_file(mapped) as file:
            parts = [
                file.get_batch(int(piece))
                .column(0)
                .take(pa.array(rows[start:end] - piece * AT_ONCE))
                for piece, start, end in zip(first, edges[:-1], edges[1:], strict=True)
            ]
        return pa.chunked_array(parts, kind)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.arrow"


def in_pieces(parts: Iterable[pa.Table], schema: pa.Schema, size: int) -> Iterator[pa.Table]:
    """The same rows, so many at a time but for the last, each column in one chunk."""
    held = schema.empty_table()
    for part in parts:
        held = pa.concat_tables([held, part.select(schema.names).cast(schema)])
        while held.num_rows >= size:
            yield held.slice(0, size).combine_chunks()
            held = held.slice(size)
    if held.num_rows:
        yield held.combine_chunks()
