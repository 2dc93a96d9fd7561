"""What structured reports state about the studies of a release's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echoatlas.pipeline.lake.views import add_view

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.release.candidates import Candidates

TABLE = "measurements"
COLUMNS = ("object_id", "ordinal", "site", "study", "code", "name", "number", "unit")
STATED = "STRUCT(code VARCHAR, name VARCHAR, number DOUBLE, unit VARCHAR)[]"
JOINED = f"""
WITH stated AS (
    SELECT site, study, list({{'code': code, 'name': name, 'number': number, 'unit': unit}}
        ORDER BY object_id, ordinal) AS found
    FROM stating WHERE study <> '' GROUP BY site, study
)
SELECT row, coalesce(found, [])::{STATED} AS {TABLE}
FROM (SAMPLES) i LEFT JOIN stated ON i.site = stated.site AND i.study = stated.study
"""


def put_measurements(samples: Candidates, lake: Lake, version: int | None) -> None:
    """Give samples ``measurements``: of each a list of what reports of its study state.

    Args:
        version: of the lake's table; None if there is none.
    """
    add_view(samples.asked, lake, ("stating", TABLE, COLUMNS), -1 if version is None else version)
    with samples.these():
        some = samples.source(["site", "study"])
        samples.put_found(TABLE, JOINED.replace("SAMPLES", some))
