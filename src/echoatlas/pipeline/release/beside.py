"""Files beside a manifest, called by their hashes: index, places, digests of the lake's files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from echoatlas.pipeline.lake.columns_on_disk import in_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pyarrow as pa


FEEDBACK = "feedback-"  # how files begin that trainers write back
ROWS = 1 << 16  # of a row group of the index: what a reader of one row has to unpack


def write_index(parts: Iterable[pa.Table], schema: pa.Schema, path: Path) -> str:
    """Write an index as Parquet, row group by row group, without statistics: they would tell of
    single patients.

    Args:
        parts: its rows, some at a time.

    Returns:
        The file's SHA-256, hex.
    """
    with pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False) as writer:
        for rows in in_pieces(parts, schema, ROWS):
            writer.write_table(rows, ROWS)
            del rows  # before the next are read
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_named(kind: str, ending: str, data: bytes) -> tuple[str, bytes]:
    """A file's name, and its bytes."""
    return f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}.{ending}", data


def index_named(sha256: str) -> str:
    """The name of an index's file."""
    return f"index-{sha256[:16]}.parquet"


def as_published(file: str, data: bytes) -> dict[str, str]:
    """What a manifest says of it."""
    return {"file": file, "sha256": hashlib.sha256(data).hexdigest()}
