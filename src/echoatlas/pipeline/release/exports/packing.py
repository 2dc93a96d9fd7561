"""Which samples go into one file together: decided by the index alone, before any is read.

So whoever goes on where a pull was cut off cuts the same files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pydantic import Field

from echoatlas.pipeline.release.exports.job import FormatSettings, Pull


class Packing(FormatSettings):
    """How large the files are."""

    shard_mb: int = Field(64, ge=1, description="Target size of a file, MB.")


def packs(job: Pull[Any], split: str, megabytes: int) -> Iterator[tuple[int, pa.Table]]:
    """Number and rows of each file of a split, in order."""
    rows = job.of(split)
    sizes = job.reader.sizes(rows)
    start = size = number = 0
    for at, one in enumerate(sizes):
        if at > start and size + one > megabytes << 20:
            yield number, rows.slice(start, at - start)
            start, size, number = at, 0, number + 1
        size += one
    if rows.num_rows:
        yield number, rows.slice(start)
