"""What deduplication compares, read from the lake: every frame's hashes, and its rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate.clusters import COMPARED

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

LOSSY = (  # transfer syntaxes and codecs that change pixels, or may
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.4.203",
    *(f"1.2.840.10008.1.2.4.{video}" for video in range(100, 109)),
    *("jpeg", "webp", "h264", "hevc", "mpeg2video", "mpeg4", "mjpeg", "vp9", "av1", "msmpeg4v3"),
)


def compared(lake: Lake) -> pa.Table:
    """Every frame of the lake, as deduplication wants to know it, the best first.

    Better is, in this order: more native pixels, no lossy coding, a known spacing, no calipers, a
    longer clip; then whatever comes first by site, object and place in the clip.
    """
    facts = ["frame_id", "object_id", "site", "native_width", "native_height", "mm_per_px_x"]
    measured = [name for name, _ in COMPARED if name not in ("rank", "object_id")]
    with duckdb.connect() as database:
        database.register("f", lake.read("frames", [*facts, "flags", "pane", "frame_index"]))
        database.register("m", lake.read("measures", measured))
        database.register("o", lake.read("objects", ["object_id", "codec"]))
        lossy = ", ".join(f"'{codec}'" for codec in LOSSY)
        return database.sql(
            "WITH c AS (SELECT object_id, count(*) AS length FROM f GROUP BY object_id), "
            f"l AS (SELECT object_id, bool_or(codec IN ({lossy})) AS lossy FROM o GROUP BY "
            "object_id) "
            "SELECT m.*, f.object_id, row_number() OVER (ORDER BY native_width * native_height "
            "DESC, coalesce(lossy, true), mm_per_px_x IS NULL, contains(flags, 'caliper'), "
            "length DESC, site, f.object_id, frame_index, pane, f.frame_id) AS rank "
            "FROM f JOIN m ON f.frame_id = m.frame_id JOIN c ON f.object_id = c.object_id "
            "LEFT JOIN l ON f.object_id = l.object_id"
        ).to_arrow_table()


def thumbnails(lake: Lake, ids: Sequence[str]) -> list[bytes]:
    """The thumbnails of frames, in their order; nobody else's are held in memory."""
    if not ids:
        return []
    found = lake.read("measures", ["frame_id", "thumbnail"], pc.field("frame_id").isin(list(ids)))
    by_id = dict(zip(*(found.column(n).to_pylist() for n in found.column_names), strict=True))
    return [by_id[one] for one in ids]
