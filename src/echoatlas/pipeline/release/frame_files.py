"""In which files of the lake frames lie: who cuts shards of them reads these and no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.database import database
from echoatlas.pipeline.lake.views import add_located

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake


def files_of(
    lake: Lake, tables: Mapping[str, int | None], tasks: Sequence[pa.ChunkedArray]
) -> Iterator[dict[str, tuple[str, ...]]]:
    """For each task the files of each table in which rows of its frames lie.

    Args:
        tables: their names and versions, None for the newest. tasks: ids of the frames of each.
    """
    asked_for = pa.table(
        {
            "frame_id": pa.chunked_array([one for ids in tasks for one in ids.chunks], pa.string()),
            "task": np.repeat(np.arange(len(tasks)), [len(ids) for ids in tasks]),
        }
    )
    found: list[dict[str, tuple[str, ...]]] = [{} for _ in tasks]
    with database(lake.allowance) as asked:
        asked.register("wanted", asked_for)
        for table, version in tables.items():
            add_located(asked, lake, f"{table}_lies", table, "frame_id", version)
            for task, file in asked.sql(
                f"SELECT DISTINCT task, file::VARCHAR FROM {table}_lies JOIN wanted "
                "USING (frame_id) ORDER BY ALL"
            ).fetchall():
                found[task][table] = (*found[task].get(table, ()), file)
    yield from found
