"""A digest of each sample as it lies in its shard, by which a part of a shard is known again.

A shard is called by the digest of all its bytes, which says nothing of a part of it; a picture's
own hash is of pixels, which JPEG does not keep. So the index has the first 16 bytes of the SHA-256
of the tar records that a sample's members take, headers included (ADR 18).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIGEST = "digest"  # column of the index
SIZE = 16  # bytes
KIND = pa.binary(SIZE)


def record_digest(records: bytes | memoryview) -> bytes:
    """The digest of a sample's tar records."""
    return hashlib.sha256(records).digest()[:SIZE]


def unknown_digests(samples: int) -> NDArray[np.uint8]:
    """(n, 16) zeros, which stand for a digest that nobody knows."""
    return np.zeros((samples, SIZE), np.uint8)


def digests_in(index: pa.Table) -> NDArray[np.uint8]:
    """(n, 16) the digests that an index tells; of one of before there were any, none is known."""
    found = unknown_digests(index.num_rows)
    if DIGEST in index.column_names:
        told = index.column(DIGEST).combine_chunks()
        known = np.asarray(told.is_valid())
        data = b"".join(told.drop_null().to_pylist())
        found[known] = np.frombuffer(data, np.uint8).reshape(-1, SIZE)
    return found


def are_known(digests: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which digests somebody knows, (n,)."""
    return np.asarray(digests.any(axis=1), np.bool_)


def digest_column(digests: NDArray[np.uint8]) -> pa.Array:
    """The same as a column; null where it is not known."""
    _, known = pa.array(are_known(digests)).buffers()
    data = pa.py_buffer(np.ascontiguousarray(digests))
    return pa.Array.from_buffers(KIND, len(digests), [known, data])
