"""Files beside a manifest, called by their hashes: index, places, digests of the lake's files."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

if TYPE_CHECKING:
    import pyarrow as pa


FEEDBACK = "feedback-"  # how files begin that trainers write back
ROWS = 1 << 16  # of a row group of the index: what a reader of one row has to unpack


def index_bytes(index: pa.Table) -> bytes:
    """An index as Parquet, without statistics: they would tell of single patients."""
    sink = io.BytesIO()
    pq.write_table(index, sink, compression="zstd", row_group_size=ROWS, write_statistics=False)
    return sink.getvalue()


def hash_named(kind: str, ending: str, data: bytes) -> tuple[str, bytes]:
    """A file's name, and its bytes."""
    return f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}.{ending}", data


def as_published(file: str, data: bytes) -> dict[str, str]:
    """What a manifest says of it."""
    return {"file": file, "sha256": hashlib.sha256(data).hexdigest()}
