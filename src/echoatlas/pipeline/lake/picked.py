"""A few rows of a large table: where images lie beside ids, only files that hold them are read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

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
    wanted = pa.array(sorted(ids), pa.string())
    there = lake.located(name, [key])
    mine = there.filter(pc.is_in(there.column(key), wanted))
    ordered = SortedIds.named(wanted)
    for path in sorted(pc.unique(mine.column("file").cast(pa.string())).to_pylist()):
        yield rows_in(lake.storage, name, path, columns, ordered, key)
