"""What a shard holds of each sample, told without its pixels: a hash, annotations, sizes of masks.

The hash decides whether a shard of an earlier release holds the sample as it is today. A frame's
id stands for its pixels; overlay mask, patch map and masks of annotations may change beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.database import database
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.schemas.tables import schema

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

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
    with database(lake.allowance) as asked:
        asked.register("i", rows)
        for name, (table, columns) in tables.items():
            asked.register(name, _streamed(lake, table, columns, versions.get(table, -1)))
        asked.execute(NATIVE if native else STORED)
        return asked.sql(CONTENTS).to_arrow_table()


def with_details(index: pa.Table, lake: Lake, versions: Mapping[str, int]) -> pa.Table:
    """An index whose sizes, scales and offsets are those of frames at their source's size.

    Raises:
        CheckFailed: the lake has not kept all of them so, or is in beam space, whose annotations
            lie along beams.
    """
    flags = pc.split_pattern(index.column("flags"), " ")
    if "beam_space" in pc.unique(pc.list_flatten(flags)).to_pylist():
        raise CheckFailed("a lake in beam space has no release at its sources' size")
    ids = index.column("frame_ids" if "frame_ids" in index.column_names else "frame_id")
    rows = pa.table({"frame_id": index.column("frame_id"), "place": np.arange(index.num_rows)})
    with database(lake.allowance) as asked:
        asked.register("i", rows)
        columns = ["frame_id", *PLACED]
        asked.register("d", lake.read("details", columns, version=versions.get("details")))
        chosen = ", ".join(f"d.{name}" for name in PLACED)
        found = asked.sql(
            f"SELECT {chosen}, d.frame_id FROM i JOIN d USING (frame_id) ORDER BY place"
        ).to_arrow_table()
        asked.register("every", pa.table({"ids": ids}))
        each = "unnest(ids)" if pa.types.is_list(ids.type) else "ids"
        missing = asked.sql(
            f"SELECT count(*) FROM (SELECT {each} AS frame_id FROM every) "
            "WHERE frame_id NOT IN (SELECT frame_id FROM d)"
        ).fetchall()[0][0]
    if missing:
        raise CheckFailed(
            f"{missing} frames are not in the lake at their source's size: set "
            "`steps: {normalize: {native: true}}` in echoatlas.yaml, and run"
        )
    for name in PLACED:
        place, field = index.schema.get_field_index(name), index.schema.field(name)
        index = index.set_column(place, field, found.column(name).cast(field.type))
    return index


def _streamed(
    lake: Lake, table: str, columns: tuple[str, ...], version: int
) -> pa.RecordBatchReader:
    """A table's rows, of which a bounded number is held at a time."""
    told = pa.schema([schema(table).field(name) for name in columns])
    found: Iterator[pa.RecordBatch] = iter(())
    if version >= 0:
        found = lake.batches(table, columns, version)
    return pa.RecordBatchReader.from_batches(told, found)
