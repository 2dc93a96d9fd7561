"""Fingerprints: what a set of pictures is known by where the pictures themselves may not go.

A file of them holds hashes and opaque ids, no pixels: whoever has an evaluation set writes one, and
whoever trains keeps out what is near. It is a Parquet file with one row a frame, columns as in
``COLUMNS`` and none besides, and says in its metadata by which versions of hashes it was made. Ids
are keyed by the file's name, so that two files can be joined by nothing but what they show.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoatlas.pipeline.deduplicate.compared_frames import COMPARED
from echoatlas.pipeline.deduplicate.index import CODE
from echoatlas.pipeline.deduplicate.speckle_code import BYTES, SPECKLE_VERSION, speckle_code
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.frames.landmarks import CODE as MARK
from echoatlas.pipeline.frames.landmarks import MOST
from echoatlas.pipeline.frames.phash import HASH_VERSION, VIEWS
from echoatlas.pipeline.lake.picked import picked
from echoatlas.pipeline.lake.tables import Lake

FORMAT = 2  # since landmarks; a file of the first goes without
KEY = b"echoatlas.fingerprints"  # of the file's metadata
AT_ONCE = 4096  # thumbnails
COLUMNS: dict[str, tuple[pa.DataType, str]] = {
    "clip": (pa.string(), "Opaque id of the clip."),
    "patient": (pa.string(), "Opaque id of the patient."),
    "frame": (pa.int64(), "Place in the clip."),
    "pixels": (pa.string(), "Hash of the stored pixels, 32 hex digits."),
    "fan": (pa.binary(), "Perceptual hash of the fan, 256 bit."),
    "mirror": (pa.binary(), "The same of its mirror."),
    "whole": (pa.binary(), "The same of the stored image."),
    "views": (pa.binary(), "The same of ten other framings, where there are no landmarks."),
    "landmarks": (pa.binary(), "Hashes of up to twelve places that no fan decides, 512 bit each."),
    "places": (pa.binary(), "Where these are: four 16-bit numbers each."),
    "speckle": (pa.binary(), "1,024 signs of fine structure at fixed places."),
}
SCHEMA = pa.schema([pa.field(name, kind, nullable=False) for name, (kind, _) in COLUMNS.items()])
LATER = ("landmarks", "places")  # columns that the first format lacks
SIZES = {  # bytes; a frame too flat to hash has empty hashes
    "fan": (CODE, 0), "mirror": (CODE, 0), "whole": (CODE, 0),
    "views": (CODE * len(VIEWS), 0), "speckle": (BYTES, 0),
}  # fmt: skip
FROM = {  # measures to columns
    "pixel_hash": "pixels", "fan_phash256": "fan", "mirror_phash256": "mirror",
    "frame_phash256": "whole", "view_phash256": "views", "landmark_phash256": "landmarks",
    "landmark_places": "places",
}  # fmt: skip
HEX = r"^[0-9a-f]{32}$"


@dataclass(frozen=True, slots=True)
class FingerprintSet:
    """A set of pictures, by what is known of it.

    Attributes:
        name: what it is called here.
        digest: of the file's bytes, or of the rows.
        rows: as ``SCHEMA``.
    """

    name: str
    digest: str
    rows: pa.Table

    @property
    def clips(self) -> int:
        """Number of clips."""
        return int(pc.count_distinct(self.rows.column("clip")).as_py())


def fingerprint_set(
    lake: Lake, frames: pa.Array, name: str, opaque: Callable[[str, str], str]
) -> FingerprintSet:
    """The fingerprints of some of a lake's frames.

    Args:
        frames: their ids.
        opaque: a keyed name for an id, given what it is the id of.

    Raises:
        UsageError: some were measured by an older EchoAtlas: run first.
    """
    places = lake.read(
        "frames", ["frame_id", "object_id", "pane", "patient", "frame_index"],
        pc.field("frame_id").isin(frames),
    )  # fmt: skip
    measured = lake.read(
        "measures", ["frame_id", "hash_version", *FROM], pc.field("frame_id").isin(frames)
    )
    versions = set(measured.column("hash_version").unique().to_pylist())
    if versions - {HASH_VERSION}:
        raise UsageError("some frames have hashes of an older version: `echoatlas run` first")
    table = places.join(measured.drop_columns(["hash_version"]), "frame_id", join_type="inner")
    order = [(key, "ascending") for key in ("object_id", "pane", "frame_index", "frame_id")]
    table = table.sort_by(order).combine_chunks()
    objects, panes, patients = (
        table.column(one).to_pylist() for one in ("object_id", "pane", "patient")
    )
    known: dict[tuple[str, str], str] = {}

    def named(kind: str, value: str) -> str:
        if (kind, value) not in known:
            known[kind, value] = opaque(kind, value)
        return known[kind, value]

    made = {
        "clip": [named("clip", f"{o}/{p}") for o, p in zip(objects, panes, strict=True)],
        "patient": [named("patient", one) for one in patients],
        "frame": table.column("frame_index"),
        **{ours: table.column(theirs) for theirs, ours in FROM.items()},
        "speckle": _speckle(lake, table.column("frame_id")),
    }
    rows = pa.table(made, schema=SCHEMA).sort_by([("clip", "ascending"), ("frame", "ascending")])
    return FingerprintSet(name, _digest(rows), rows.combine_chunks())


def _speckle(lake: Lake, ids: pa.ChunkedArray) -> list[bytes]:
    """Codes of frames' speckle, in their order; empty of frames too flat to hash."""
    names, codes = ids.to_pylist(), {}
    columns = ("frame_id", "thumbnail", "fan_phash256")
    for rows in picked(lake, "measures", columns, "frame_id", names):
        for batch in rows.to_batches(AT_ONCE):
            for frame, thumbnail, fan in zip(*batch.to_pydict().values(), strict=True):
                codes[frame] = speckle_code(thumbnail) if fan and thumbnail else b""
    return [codes[one] for one in names]


def _digest(rows: pa.Table) -> str:
    digest = hashlib.sha256()
    for column in rows.columns:
        digest.update(repr(column.to_pylist()).encode())
    return digest.hexdigest()


def as_file(some: FingerprintSet) -> bytes:
    """Fingerprints as a file."""
    told = {
        "format": FORMAT,
        "name": some.name,
        "hashes": HASH_VERSION,
        "speckle": SPECKLE_VERSION,
        "frames": some.rows.num_rows,
        "clips": some.clips,
    }
    sink = io.BytesIO()
    rows = some.rows.replace_schema_metadata({KEY: json.dumps(told, sort_keys=True).encode()})
    pq.write_table(rows, sink, compression="zstd", write_statistics=False)
    return sink.getvalue()


def opened_file(data: bytes, where: str) -> FingerprintSet:
    """Fingerprints from a file's bytes.

    Args:
        where: what the file is called, for messages.

    Raises:
        UsageError: it is no file of fingerprints, was made by other versions of hashes, or holds
            anything that is not one.
    """
    try:
        # Threads that read bytes of Python's may outlive the interpreter, which then aborts
        rows = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
        told = json.loads((rows.schema.metadata or {})[KEY])
        number, name = int(told["format"]), str(told["name"])
        versions = str(told["hashes"]), str(told["speckle"])
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        raise UsageError(
            f"{where} is no file of fingerprints: `echoatlas fingerprints export` makes one"
        ) from None
    if number > FORMAT:
        raise UsageError(
            f"{where} is of format {number}, and this EchoAtlas knows {FORMAT}: install a newer one"
        )
    if versions != (HASH_VERSION, SPECKLE_VERSION):
        raise UsageError(
            f"{where} was made by {' and '.join(versions)}, and this EchoAtlas makes "
            f"{HASH_VERSION} and {SPECKLE_VERSION}: have it exported anew by the same version"
        )
    if number == 1:
        for name in LATER:
            place, nothing = list(COLUMNS).index(name), pa.scalar(b"", pa.binary())
            rows = rows.add_column(place, name, pa.repeat(nothing, rows.num_rows))
    for fault in _faults(rows):
        raise UsageError(f"{where}: {fault}")
    rows = rows.replace_schema_metadata(None).cast(SCHEMA)
    return FingerprintSet(name, hashlib.sha256(data).hexdigest(), rows.combine_chunks())


def _faults(rows: pa.Table) -> Iterator[str]:
    """What is wrong with the rows of a file, whoever made it."""
    if rows.column_names != list(COLUMNS):
        yield f"its columns are not {', '.join(COLUMNS)}"
        return
    for name, (kind, _) in COLUMNS.items():
        column = rows.column(name)
        if column.type != kind or column.null_count:
            yield f"'{name}' is not {kind} throughout"
            return
    for name, sizes in SIZES.items():
        found = pc.unique(pc.binary_length(rows.column(name))).to_pylist()
        if not set(found) <= set(sizes):
            yield f"'{name}' does not have {sizes[0]} bytes"
    marks, places = (pc.binary_length(rows.column(name)).to_numpy() for name in LATER)
    if (marks % MARK).any() or (marks > MARK * MOST).any() or (marks != MARK // 8 * places).any():
        yield "'landmarks' and 'places' do not have 64 and 8 bytes each"
    for name in ("clip", "patient", "pixels"):
        if not pc.all(pc.match_substring_regex(rows.column(name), HEX)).as_py() and rows.num_rows:
            yield f"'{name}' is not 32 hex digits throughout"
    if rows.num_rows and pc.min(rows.column("frame")).as_py() < 0:
        yield "'frame' is negative"


def as_compared(some: FingerprintSet, prefix: str) -> pa.Table:
    """The rows as deduplication compares frames; ids are the prefix and a number.

    Args:
        prefix: what no object's id begins with.
    """
    count = some.rows.num_rows
    numbers = pa.array(np.char.add(prefix, np.char.zfill(np.arange(count).astype(str), 12)))
    rows = some.rows
    clips = pc.binary_join_element_wise(prefix, rows.column("clip"), "")
    columns = {
        "frame_id": numbers,
        "object_id": clips,
        "pane": pa.array(np.zeros(count, np.int64)),
        "frame_index": rows.column("frame"),
        "hash_version": pa.array([HASH_VERSION] * count, pa.string()),
        "rank": pa.array(np.zeros(count, np.int64)),
        **{theirs: rows.column(ours) for theirs, ours in FROM.items()},
    }
    return pa.table({name: columns[name] for name, _ in COMPARED}, schema=pa.schema(COMPARED))
