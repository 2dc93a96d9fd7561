"""Wide rows put in another order than they lie in, of which a bounded number is in memory.

A database sorts them as well, but takes all that it may for that, and fails where that is little.
Where each row goes is known before any is read: they are dealt to files by that, and each file is
put in order alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
from numpy.typing import NDArray

from echoatlas.pipeline.release.candidates import ROW


def in_order(
    rows: pa.RecordBatchReader, places: NDArray[np.int64], size: int, folder: Path
) -> Iterator[tuple[int, pa.Table]]:
    """Rows by their places, in tables of one size, but for the last, each with where it begins.

    Args:
        rows: numbered in ``ROW``, which is left out of what is given; each number once.
        places: (n,) where the row of each number goes, from 0 and without a gap; -1: it is not
            among them.
        size: rows of a table. Where there are more, they lie in files until their turn comes.
        folder: for these files.
    """
    number = int(places.max(initial=-1)) + 1
    if number <= size:
        yield 0, _by_place(rows.read_all(), places)
        return
    files = [folder / f"rows-{start}.arrow" for start in range(0, number, size)]
    with ExitStack() as open_files:
        writers = [open_files.enter_context(ipc.new_file(str(file), rows.schema)) for file in files]
        edges = np.arange(0, number + size, size)
        for batch in rows:
            part = _by_place(pa.Table.from_batches([batch]), places, keep=True)
            bounds = np.searchsorted(places[part.column(ROW).to_numpy()], edges)
            for writer, start, stop in zip(writers, bounds[:-1], bounds[1:], strict=True):
                if stop > start:
                    writer.write_table(part.slice(start, stop - start))
    for file, start in zip(files, range(0, number, size), strict=True):
        with pa.memory_map(str(file)) as mapped, ipc.open_file(mapped) as dealt:
            table = dealt.read_all()
        file.unlink()
        ordered = _by_place(table, places)
        del table  # before they are used
        yield start, ordered
        del ordered  # before the next are read


def _by_place(rows: pa.Table, places: NDArray[np.int64], *, keep: bool = False) -> pa.Table:
    """Rows in the order of their places, with their numbers or without, a column at a time."""
    order = pa.array(np.argsort(places[rows.column(ROW).to_numpy()]))
    names = [name for name in rows.column_names if keep or name != ROW]
    return pa.table({name: rows.column(name).combine_chunks().take(order) for name in names})
