"""What deduplication compares, read from the lake: every frame's hashes, and its clip's rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate.exact import SOURCES
from echoatlas.pipeline.deduplicate.index import COMPARED
from echoatlas.pipeline.frames.phash import HASH_VERSION
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.read.dicom.transfer_syntaxes import transfer_syntax
from echoatlas.pipeline.read.sniff import VIDEOS
from echoatlas.pipeline.storage import Storage

MEASURED = ("hash", "version", "256", "places")  # how columns of ``measures`` end
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
    """Every frame of the lake, as deduplication wants to know it, with the rank of its clip.

    Better is, in this order: more native pixels, no lossy coding, a known spacing, no calipers, a
    longer clip, an earlier upload; then whatever comes first by site, object and pane.
    """
    facts = ["frame_id", "object_id", "site", "native_width", "native_height", "mm_per_px_x"]
    measured = [name for name, _ in COMPARED if name.endswith(MEASURED)]
    with duckdb.connect() as database:
        database.register("f", lake.read("frames", [*facts, "flags", "pane", "frame_index"]))
        database.register("m", lake.read("measures", ["frame_id", *measured]))
        database.register(
            "o", _lossy(lake.read("objects", ["object_id", "format", "codec", "upload"]))
        )
        return database.sql(
            "WITH l AS (SELECT object_id, bool_or(lossy) AS lossy, min(upload) AS upload FROM o "
            "GROUP BY object_id), "
            "c AS (SELECT object_id, pane, max(native_width * native_height) AS size, "
            "bool_or(mm_per_px_x IS NULL) AS unscaled, bool_or(contains(flags, 'caliper')) AS "
            "marked, count(*) AS length, min(site) AS site FROM f GROUP BY object_id, pane), "
            "r AS (SELECT c.object_id, pane, row_number() OVER (ORDER BY size DESC, "
            "coalesce(lossy, true), unscaled, marked, length DESC, upload, site, c.object_id, pane)"
            " AS rank FROM c LEFT JOIN l ON c.object_id = l.object_id) "
            "SELECT f.frame_id, f.object_id, f.pane, f.frame_index, "
            + ", ".join(_of_today(name) for name in measured)
            + ", r.rank FROM f JOIN m ON f.frame_id = m.frame_id "
            "JOIN r ON f.object_id = r.object_id AND f.pane = r.pane"
        ).to_arrow_table()


def sources(lake: Lake) -> pa.Table:
    """The file, the coded pictures and the SOP instance of every kept object, once each."""
    names = [name for name, _ in SOURCES]
    with duckdb.connect() as database:
        database.register("o", lake.read("objects", [*names, "status"]))
        chosen = ", ".join(f"max({name}) AS {name}" for name in names[1:])
        return database.sql(
            f"SELECT object_id, {chosen} FROM o WHERE status = 'kept' GROUP BY object_id"
        ).to_arrow_table()


def _of_today(column: str) -> str:
    """A column of measures; no hash where another version made it: such frames are compared once
    they are measured anew, since thumbnails change with hashes."""
    if not column.endswith("256"):
        return f"m.{column}"
    return (
        f"CASE WHEN m.hash_version = '{HASH_VERSION}' THEN m.{column} ELSE ''::BLOB END AS {column}"
    )


def _lossy(objects: pa.Table) -> pa.Table:
    """Objects, and whether their coding is lossy; codings are few, objects are many."""
    pairs = zip(*(objects.column(name).to_pylist() for name in ("format", "codec")), strict=True)
    known = cache(is_lossy)
    lossy = pa.array([known(kind, codec) for kind, codec in pairs], pa.bool_())
    return objects.select(["object_id", "upload"]).append_column("lossy", lossy)


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """The thumbnails of frames, read where they are needed; nobody else's are held in memory."""

    storage: Storage

    def __call__(self, ids: Sequence[str]) -> list[bytes]:
        if not ids:
            return []
        wanted = pc.field("frame_id").isin(list(ids))
        found = Lake(self.storage).read("measures", ["frame_id", "thumbnail"], wanted)
        by_id = dict(zip(*(found.column(n).to_pylist() for n in found.column_names), strict=True))
        return [by_id[one] for one in ids]
