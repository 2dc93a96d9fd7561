"""What structured reports state about the studies of a release's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.database import database

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

TABLE = "measurements"
STATED = pa.struct(
    [("code", pa.string()), ("name", pa.string()), ("number", pa.float64()), ("unit", pa.string())]
)
JOINED = """
WITH stated AS (
    SELECT site, study, list({'code': code, 'name': name, 'number': number, 'unit': unit}
        ORDER BY object_id, ordinal) AS found
    FROM m WHERE study <> '' GROUP BY site, study
)
SELECT coalesce(found, []) AS found FROM i LEFT JOIN stated USING (site, study) ORDER BY place
"""


def with_measurements(index: pa.Table, lake: Lake, version: int | None) -> pa.Table:
    """An index with ``measurements``: of each sample a list of what reports of its study state.

    Args:
        version: of the lake's table; None if there is none.
    """
    nothing = version is None
    columns = ["object_id", "ordinal", "site", "study", "code", "name", "number", "unit"]
    rows = None if nothing else lake.read(TABLE, columns, version=version)
    if rows is None or not rows.num_rows:
        empty = pa.ListArray.from_arrays(
            pa.array(np.zeros(index.num_rows + 1, np.int32)), pa.array([], STATED)
        )
        return index.append_column(TABLE, empty)
    places = pa.array(np.arange(index.num_rows))
    wanted = index.select(["site", "study"]).append_column("place", places)
    with database(lake.allowance) as asked:
        asked.register("m", rows)
        asked.register("i", wanted)
        found = asked.sql(JOINED).to_arrow_table().column("found")
    return index.append_column(TABLE, found.cast(pa.list_(STATED)))
