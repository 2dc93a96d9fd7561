"""Which files made up the tables of a lake when a release was cut, and what is in them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.lake.files import digest_of
from echoatlas.pipeline.release.manifest import published_file

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

PINNED = ("frames", "labels", "measures", "duplicates")
# Once there are any
OPTIONAL = (
    "findings",
    "annotations",
    "measurements",
    "stated",
    "details",
    "copies",
    "consents",
    "objects",
    "sightings",
    "edges",
)
AT_ONCE = 1 << 30  # bytes that a task reads, about
FILES = pa.schema(
    [
        ("table", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file of a table."""

    table: str
    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class DigestTask:
    """Files to be read and hashed."""

    lake: Storage
    files: tuple[TableFile, ...]

    def split(self) -> tuple[DigestTask, ...]:
        """Halves; () for a single file."""
        half = len(self.files) // 2
        if not half:
            return ()
        return replace(self, files=self.files[:half]), replace(self, files=self.files[half:])


def digests(task: DigestTask) -> tuple[str, ...]:
    """SHA-256 of each file of a task."""
    return tuple(digest_of(task.lake, one.table, one.path) for one in task.files)


def pinned(lake: Lake) -> dict[str, int]:
    """Versions that were all current at one moment: read, until nothing moved meanwhile."""
    while True:
        lake.forget_handles()
        found = {name: lake.version(name) for name in (*PINNED, *OPTIONAL)}
        if min(found[name] for name in PINNED) < 0:
            raise CheckFailed("the lake holds no frames yet: run the pipeline first")
        if all(lake.is_newest(name, version) for name, version in found.items()):
            return {name: version for name, version in found.items() if version >= 0}


def files_of_tables(lake: Lake, versions: Mapping[str, int]) -> list[TableFile]:
    """The files of all pinned tables."""
    return [
        TableFile(table, path, size)
        for table, version in sorted(versions.items())
        for path, size in lake.sizes(table, version)
    ]


def digest_tasks(lake: Lake, files: Sequence[TableFile]) -> Iterator[DigestTask]:
    """Files cut into tasks of about a gigabyte."""
    held: list[TableFile] = []
    size = 0
    for one in files:
        held.append(one)
        size += one.bytes
        if size >= AT_ONCE:
            yield DigestTask(lake.storage, tuple(held))
            held, size = [], 0
    if held:
        yield DigestTask(lake.storage, tuple(held))


def as_parquet(found: Mapping[TableFile, str]) -> bytes:
    """Files and digests as Parquet, in order of tables and paths."""
    rows = sorted((one.table, one.path, one.bytes, digest) for one, digest in found.items())
    columns = list(zip(*rows, strict=True)) or [()] * len(FILES)
    table = pa.table([pa.array(one, kind.type) for one, kind in zip(columns, FILES, strict=True)],
                     schema=FILES)  # fmt: skip
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_statistics=False)
    return sink.getvalue()


def known_digests(releases: Storage, manifests: Sequence[Manifest]) -> dict[TableFile, str]:
    """Digests that the newest of these releases pinned: a file of a table never changes."""
    for one in manifests:
        if one.files is not None:
            data = pa.BufferReader(published_file(releases, one, one.files))
            rows = pq.ParquetFile(data).read(use_threads=False).to_pylist()
            return {
                TableFile(row["table"], row["path"], row["bytes"]): row["sha256"] for row in rows
            }
    return {}
