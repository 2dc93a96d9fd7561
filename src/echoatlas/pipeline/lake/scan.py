"""Rows of a table's files, also of those by whose statistics pyarrow can't filter."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds


def rows_of(
    dataset: ds.Dataset, columns: Sequence[str], where: pc.Expression | None, *, threads: bool
) -> pa.Table:
    """Columns of the rows for which an expression holds, in no particular order."""
    try:
        return dataset.to_table(columns=list(columns), filter=where, use_threads=threads)
    except pa.ArrowNotImplementedError:
        # Files that a deletion rewrote hold string views; pyarrow can't compare those of their
        # statistics with a string. Without statistics all rows are read, and then filtered.
        return ds.Scanner.from_batches(
            dataset.to_batches(use_threads=threads),
            schema=dataset.schema,
            columns=list(columns),
            filter=where,
            use_threads=threads,
        ).to_table()
