"""What deduplication compares, read from the lake: every frame's hashes, and its rank."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate.clusters import COMPARED
from echoatlas.pipeline.read.dicom.transfer_syntaxes import transfer_syntax
from echoatlas.pipeline.read.sniff import VIDEOS

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

# Codecs of loose files that change pixels, or may; a video's does unless it is known not to.
LOSSY_PICTURES = frozenset({"jpeg", "webp", "heif", "avif", "jpegxl", "jpeg2000"})
LOSSLESS_VIDEO = frozenset({
    *("ffv1", "ffvhuff", "huffyuv", "lagarith", "magicyuv", "msrle", "png", "qtrle", "rawvideo"),
    *("utvideo", "v210", "v410", "zlib"),
})  # fmt: skip


def is_lossy(kind: str, codec: str) -> bool:
    """Whether an object's coding changed its pixels, or may have.

    Args:
        kind: its format, as told by content. codec: transfer syntax UID, or the codec's name.
    """
    if kind == "dicom":
        return transfer_syntax(codec).lossy
    return codec in LOSSY_PICTURES or (kind in VIDEOS and codec not in LOSSLESS_VIDEO)


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
        database.register("o", _lossy(lake.read("objects", ["object_id", "format", "codec"])))
        return database.sql(
            "WITH c AS (SELECT object_id, count(*) AS length FROM f GROUP BY object_id), "
            "l AS (SELECT object_id, bool_or(lossy) AS lossy FROM o GROUP BY object_id) "
            "SELECT m.*, f.object_id, row_number() OVER (ORDER BY native_width * native_height "
            "DESC, coalesce(lossy, true), mm_per_px_x IS NULL, contains(flags, 'caliper'), "
            "length DESC, site, f.object_id, frame_index, pane, f.frame_id) AS rank "
            "FROM f JOIN m ON f.frame_id = m.frame_id JOIN c ON f.object_id = c.object_id "
            "LEFT JOIN l ON f.object_id = l.object_id"
        ).to_arrow_table()


def _lossy(objects: pa.Table) -> pa.Table:
    """Object ids, and whether their coding is lossy; codings are few, objects are many."""
    pairs = zip(*(objects.column(name).to_pylist() for name in ("format", "codec")), strict=True)
    known = cache(is_lossy)
    lossy = [known(kind, codec) for kind, codec in pairs]
    return pa.table(
        {"object_id": objects.column("object_id"), "lossy": pa.array(lossy, pa.bool_())}
    )


def thumbnails(lake: Lake, ids: Sequence[str]) -> list[bytes]:
    """The thumbnails of frames, in their order; nobody else's are held in memory."""
    if not ids:
        return []
    found = lake.read("measures", ["frame_id", "thumbnail"], pc.field("frame_id").isin(list(ids)))
    by_id = dict(zip(*(found.column(n).to_pylist() for n in found.column_names), strict=True))
    return [by_id[one] for one in ids]
