"""What a shard holds of each sample, told without its pixels: a hash, annotations, sizes of masks.

The hash decides whether a shard of an earlier release holds the sample as it is today. A frame's
id stands for its pixels; overlay mask, patch map and masks of annotations may change beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.lake.views import add_view, views
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.release.candidates import Candidates

ORDER = "kind, name, annotation_id"  # of a sample's annotations, and of its masks in the shard
STORED = """
CREATE VIEW told AS SELECT frame_id, annotation_id, kind, name, value, number, unit, points, source,
    mask FROM a WHERE frame_id IN (SELECT frame_id FROM i);
CREATE VIEW shown AS SELECT frame_id, md5(overlay) AS seen FROM o;
"""
# At the source's size places and lengths of the stored image are others
NATIVE = """
CREATE TABLE moved AS SELECT frame_id, d.scale / f.scale AS factor,
    d.offset_x - f.offset_x * d.scale / f.scale AS x,
    d.offset_y - f.offset_y * d.scale / f.scale AS y
    FROM f JOIN d USING (frame_id) WHERE frame_id IN (SELECT frame_id FROM i);
CREATE VIEW told AS SELECT frame_id, annotation_id, kind, name, value,
    CASE WHEN unit = 'px' THEN number * factor ELSE number END AS number, unit,
    list_transform(points, lambda p, n: p * factor + CASE WHEN n % 2 = 1 THEN x ELSE y END)
        AS points, source, mask_native AS mask FROM a JOIN moved USING (frame_id);
CREATE VIEW shown AS SELECT frame_id, md5(overlay) || fingerprint AS seen FROM o;
"""
CONTENTS = f"""
WITH said AS (
    SELECT frame_id,
        list({{'kind': kind, 'name': name, 'value': value, 'number': number, 'unit': unit,
            'points': points, 'source': source}} ORDER BY {ORDER}) AS marks,
        list(octet_length(mask) ORDER BY {ORDER}) AS sizes,
        string_agg(md5(mask), ' ' ORDER BY {ORDER}) FILTER (octet_length(mask) > 0) AS masks
    FROM told GROUP BY frame_id
)
SELECT
    unhex(md5(concat_ws(' ', i.frame_id, shown.seen, md5(m.patch_map), masks))) AS payload,
    coalesce(marks, []) AS marks, coalesce(sizes, []) AS sizes
FROM i LEFT JOIN shown USING (frame_id) LEFT JOIN m USING (frame_id)
    LEFT JOIN said USING (frame_id)
ORDER BY i.place
"""
ANNOTATION = (
    "frame_id", "annotation_id", "kind", "name", "value", "number", "unit", "points", "source",
    "mask",
)  # fmt: skip
PLACED = ("width", "height", "channels", "scale", "offset_x", "offset_y", "mm_per_px_x",
          "mm_per_px_y")  # fmt: skip


def contents(
    frame_ids: pa.ChunkedArray, lake: Lake, versions: Mapping[str, int], *, native: bool
) -> pa.Table:
    """``payload``, binary; ``marks``, annotations; ``sizes``, bytes of their masks; a row a frame.

    Args:
        versions: of the lake's tables.
        native: of the frames at their source's size.
    """
    rows = pa.table({"frame_id": frame_ids, "place": np.arange(len(frame_ids))})
    place = ("frame_id", "scale", "offset_x", "offset_y")
    stored = ("details", ("frame_id", "overlay", "fingerprint")) if native else (
        "frames", ("frame_id", "overlay"))  # fmt: skip
    tables: dict[str, tuple[str, tuple[str, ...]]] = {
        "o": stored,
        "m": ("measures", ("frame_id", "patch_map")),
        "a": ("annotations", (*ANNOTATION, "mask_native") if native else ANNOTATION),
    }
    if native:
        tables |= {"f": ("frames", place), "d": ("details", place)}
    asked_for = [(name, table, columns) for name, (table, columns) in tables.items()]
    known = {table: versions.get(table, -1) for table, _ in tables.values()}
    with views(lake, asked_for, known) as asked:
        asked.register("i", rows)
        asked.execute(NATIVE if native else STORED)
        return asked.sql(CONTENTS).to_arrow_table()


def put_details(samples: Candidates, lake: Lake, versions: Mapping[str, int]) -> None:
    """Give samples sizes, scales and offsets of frames at their source's size.

    Raises:
        CheckFailed: the lake has not kept all of them so, or is in beam space, whose annotations
            lie along beams.
    """
    if any("beam_space" in said.split() for said in samples.counted("flags")):
        raise CheckFailed("a lake in beam space has no release at its sources' size")
    asked = samples.asked
    view = ("detailed", "details", ("frame_id", *PLACED))
    add_view(asked, lake, view, versions.get("details", -1))
    each = "unnest(frame_ids)" if "frame_ids" in samples.names else "frame_id"
    names = ["frame_id", *(["frame_ids"] if "frame_ids" in samples.names else [])]
    with samples.these():
        ((missing,),) = asked.sql(
            f"SELECT count(*) FROM (SELECT {each} AS frame_id FROM ({samples.source(names)})) i "
            "ANTI JOIN detailed USING (frame_id)"
        ).fetchall()
        if missing:
            raise CheckFailed(
                f"{number_of(missing, 'frame is', 'frames are')} not in the lake at their "
                "source's size: set "
                "`steps: {normalize: {native: true}}` in echoatlas.yaml, and run"
            )
        own = samples.source(["frame_id"])
        for name in PLACED:
            samples.put_found(
                name, f'SELECT i.row, d."{name}" FROM ({own}) i JOIN detailed d USING (frame_id)'
            )
