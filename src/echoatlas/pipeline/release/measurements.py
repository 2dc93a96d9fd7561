"""What structured reports and tables state about the studies of a release's samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from echoatlas.pipeline.lake.views import add_view

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.release.candidates import Candidates

TABLE = "measurements"
SAID = ("ordinal", "site", "study", "code", "name", "number", "unit")
VIEWS = {"reported": (TABLE, "object_id"), "tabled": ("stated", "told_by")}
STATED = "STRUCT(code VARCHAR, name VARCHAR, number DOUBLE, unit VARCHAR)[]"
JOINED = f"""
WITH stated AS (
    SELECT site, study, list({{'code': code, 'name': name, 'number': number, 'unit': unit}}
        ORDER BY told_by, ordinal) AS found
    FROM (
        SELECT object_id AS told_by, {", ".join(SAID)} FROM reported
        UNION ALL SELECT told_by, {", ".join(SAID)} FROM tabled
    ) WHERE study <> '' GROUP BY site, study
)
SELECT row, coalesce(found, [])::{STATED} AS {TABLE}
FROM (SAMPLES) i LEFT JOIN stated ON i.site = stated.site AND i.study = stated.study
"""


def put_measurements(samples: Candidates, lake: Lake, versions: Mapping[str, int]) -> None:
    """Give samples ``measurements``: of each a list of what reports and tables state of its study.

    Args:
        versions: of the lake's tables that are there.
    """
    for view, (table, by) in VIEWS.items():
        add_view(samples.asked, lake, (view, table, (by, *SAID)), versions.get(table, -1))
    with samples.these():
        some = samples.source(["site", "study"])
        samples.put_found(TABLE, JOINED.replace("SAMPLES", some))
