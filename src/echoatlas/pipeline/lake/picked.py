"""A few rows of a large table: where images lie beside ids, only files that hold them are read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from echoatlas.pipeline.lake.files import rows_in
from echoatlas.pipeline.lake.ids import SortedIds

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake


def picked(
    lake: Lake, name: str, columns: Sequence[str], key: str, ids: Collection[str]
) -> Iterator[pa.Table]:
    """Rows whose ``key`` is one of ``ids``, a file of the table at a time.

    Of all other files that column alone is read, where ``Lake.read`` reads all columns of all.
    """
    wanted = SortedIds.named(pa.array(sorted(ids), pa.string()))
    for path, rows in lake.by_file(name, [key]):
        if wanted.have(rows.column(key)).any():
            yield rows_in(lake.storage, name, path, columns, wanted, key)
