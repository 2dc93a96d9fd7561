"""Select what goes into a release, or out of one: SQL expressions over an index table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.database import SqlError, database
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.findings import held_back
from echoatlas.pipeline.release.kin import with_kin
from echoatlas.schemas.index import FROM

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

FRAME = FROM["frames"]
LABEL = FROM["labels"]
MEASURE = FROM["measures"]


def index_of(lake: Lake, versions: dict[str, int]) -> pa.Table:
    """Every frame of a lake at pinned versions, with its labels, measures and cluster.

    Returns:
        One row a frame, ordered by ``frame_id``. ``cluster``, which names all that must stay in
    one split, and ``representative`` are the frame's own id where it has no duplicates;
    ``annotated`` names the kinds of annotations that came with it, separated by blanks.
    Patients, licenses and labels are those that all copies of the frame agree upon (``kin``).
    """

    def pinned(name: str, columns: Sequence[str]) -> pa.Table:
        return lake.read(name, columns, version=versions.get(name))

    with database(lake.allowance) as asked:
        asked.register("f", pinned("frames", FRAME))
        asked.register("l", pinned("labels", ["frame_id", *LABEL]))
        asked.register("m", pinned("measures", ["frame_id", *MEASURE]))
        asked.register("d", pinned("duplicates", ["frame_id", "tie", "representative"]))
        asked.register("a", pinned("annotations", ["frame_id", "kind"]))
        chosen = ", ".join(
            [f"f.{c}" for c in FRAME] + [f"l.{c}" for c in LABEL] + [f"m.{c}" for c in MEASURE]
        )
        index = asked.sql(
            f"SELECT {chosen}, trim(f.maker || ' ' || f.model) AS device, "
            "coalesce(d.tie, f.frame_id) AS cluster, "
            "coalesce(d.representative, f.frame_id) AS representative, "
            "coalesce(k.kinds, '') AS annotated "
            "FROM f JOIN l USING (frame_id) JOIN m USING (frame_id) LEFT JOIN d USING (frame_id) "
            "LEFT JOIN (SELECT frame_id, string_agg(DISTINCT kind, ' ' ORDER BY kind) AS kinds "
            "FROM a GROUP BY frame_id) k USING (frame_id) "
            "ORDER BY f.frame_id"
        ).to_arrow_table()
    return with_kin(index, lake, versions)


def filter_rows(index: pa.Table, expression: str) -> pa.Table:
    """The rows for which a SQL expression over the columns is true, in the same order.

    A number that is none (NaN) counts as missing: to DuckDB it is greater than all others.

    Args:
        expression: such as ``region = 'thorax' AND blur > 50``; empty keeps all.

    Raises:
        UsageError: one line that says what is wrong, and names the nearest column.
    """
    return index.take(rows_where(index, expression)) if expression.strip() else index


def rows_where(index: pa.Table, expression: str) -> pa.Array:
    """The numbers of those rows, int64 and ascending; see ``filter_rows``."""
    numbered = without_nan(index).append_column("_row", pa.array(np.arange(index.num_rows)))
    with database(closed=True) as asked:
        asked.register("t", numbered)
        try:
            kept = asked.sql(f"SELECT _row FROM t WHERE ({expression}\n) ORDER BY _row")
            return kept.to_arrow_table().column("_row").combine_chunks()
        except SqlError as error:
            raise UsageError(told_in_one_line("--where", error)) from None


def told_in_one_line(option: str, error: SqlError) -> str:
    """What is wrong with an expression."""
    message = str(error).split("\n\n")[0].replace("\n", " ")
    return f"{option}: {message}"


def without_nan(index: pa.Table) -> pa.Table:
    """An index in which a number that is none is missing."""
    for place, field in enumerate(index.schema):
        if pa.types.is_floating(field.type):
            column = index.column(place)
            known = pc.if_else(pc.is_nan(column), pa.scalar(None, field.type), column)
            index = index.set_column(place, field.with_nullable(True), known)
    return index


def without_findings(index: pa.Table, findings: pa.Table) -> pa.Table:
    """The frames that show nothing of which a reviewer saw, or could not rule out, that it leaks.

    By picture, not by id alone: the same pixels leak wherever else they are.
    """
    seen = pa.array(sorted(held_back(findings)), pa.string())
    return index.filter(pc.invert(pc.is_in(index.column("pixel_hash"), value_set=seen)))


def without_duplicates(index: pa.Table) -> pa.Table:
    """The clips that nothing selected stands for, each whole: a clip is dropped whole or not.

    Where what stands for clips was not selected, the longest of them stay that show more than
    those before them, the first of equally long ones.
    """
    ids = index.column("frame_id").to_pylist()
    stands = index.column("representative").to_pylist()
    here = set(ids)
    clips: dict[tuple[str, int], list[int]] = {}
    objects, panes = (index.column(name).to_pylist() for name in ("object_id", "pane"))
    for row, (one, head) in enumerate(zip(ids, stands, strict=True)):
        if one != head:
            clips.setdefault((objects[row], panes[row]), []).append(row)
    gone: set[int] = set()
    claimed: set[str] = set()
    for _, rows in sorted(clips.items(), key=lambda clip: (-len(clip[1]), clip[0])):
        heads = {stands[row] for row in rows}
        if heads & here or heads <= claimed:
            gone.update(rows)
        claimed |= heads
    return index.take(pa.array([row for row in range(len(ids)) if row not in gone], pa.int64()))
