"""Rows of a table's files, also of those by whose statistics pyarrow can't filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow.compute as pc
    import pyarrow.dataset as ds

# What a dataset remembers of each file that it has read is 50 kB: of thousands of small files,
# which are read once, more than of their rows, and what is freed of it does not go back to the
# system. As of Arrow 20 it need not remember (https://github.com/apache/arrow/pull/45330).
ONCE = {"cache_metadata": False}


def rows_of(
    dataset: ds.Dataset, columns: Sequence[str], where: pc.Expression | None, *, threads: bool
) -> pa.Table:
    """Columns of the rows for which an expression holds, in no particular order."""
    try:
        return dataset.to_table(columns=list(columns), filter=where, use_threads=threads, **ONCE)
    except pa.ArrowNotImplementedError:
        # Files that a deletion rewrote hold string views; pyarrow can't compare those of their
        # statistics with a string. Without statistics all rows are read, and then filtered.
        import pyarrow.dataset as ds  # who reads files by themselves, as workers do, needs none

        return ds.Scanner.from_batches(
            dataset.to_batches(use_threads=threads, **ONCE),
            schema=dataset.schema,
            columns=list(columns),
            filter=where,
            use_threads=threads,
        ).to_table()
