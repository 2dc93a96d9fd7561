"""A release's index, laid out once so that every process of a machine maps the same pages.

In a folder named by the index's own hash lie: ``places.npy``, a few bytes a sample, which is all
that reading and labeling need; ``rows.arrow`` with every column; and ``known.json``, the names
for which numbers stand in ``places``.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.manifest import index_bytes
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.storage import Storage
    from echoatlas.schemas.manifest import Manifest

PLACE = np.dtype([("shard", "<i4"), ("label", "<i4"), ("offset", "<i8"), ("length", "<i4")])
ROWS = 1 << 16  # of a batch of ``rows.arrow``: where a row lies is found by division
LABELS = ("region", "organ", "paths")
KNOWN = "known.json"


@dataclass(frozen=True)
class Index:
    """The samples of a release, by number. Pickles as the name of its folder.

    Attributes:
        folder: of this machine.
    """

    folder: Path

    def __reduce__(self) -> tuple[type[Index], tuple[Path]]:
        return Index, (self.folder,)

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def places(self) -> NDArray[np.void]:
        """(N,) ``PLACE``: number of the shard and of the label; bytes in the shard."""
        found: NDArray[np.void] = np.load(self.folder / "places.npy", mmap_mode="r")
        return found

    @cached_property
    def table(self) -> pa.Table:
        """Every column, mapped and not read."""
        return pa.ipc.open_file(pa.memory_map(str(self.folder / "rows.arrow"))).read_all()

    @cached_property
    def _chunks(self) -> dict[str, list[pa.Array]]:
        return {}

    @cached_property
    def _known(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = json.loads((self.folder / KNOWN).read_bytes())
        return found

    @property
    def shards(self) -> list[str]:
        """Keys of the shards, by number."""
        return self._known["shards"]

    @property
    def labels(self) -> list[list[str]]:
        """Region, organ and paths of the labels, by number."""
        return self._known["labels"]

    @cached_property
    def vectors(self) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Of each label: (L, 61) multi-hot, and (L, 61) which nodes are asserted."""
        paths = [label[2].split() for label in self.labels]
        return (
            np.stack([tree().multi_hot(some) for some in paths]),
            np.stack([tree().asserted(some) for some in paths]),
        )

    def value(self, column: str, row: int) -> Any:
        """What a column holds in a row."""
        chunks = self._chunks.get(column)
        if chunks is None:
            chunks = self._chunks[column] = self.table.column(column).chunks
        return chunks[row // ROWS][row % ROWS].as_py()


def index_of(releases: Storage, manifest: Manifest, cache: Path) -> Index:
    """The index of a release, laid out in the cache by whoever opens it first.

    Raises:
        CheckFailed: it is not what was published.
        UsageError: the cache can't be written.
    """
    folder = cache / "indexes" / manifest.index.sha256[:32]
    if not (folder / KNOWN).is_file():
        data = index_bytes(releases, manifest)
        try:
            _lay_out(data, folder)
        except OSError as error:
            hint = os.strerror(error.errno or 0)
            raise UsageError(f"cannot write to {cache} ({hint}): name another cache=") from None
    return Index(folder)


def _lay_out(data: pa.Buffer, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        _write(pq.ParquetFile(pa.BufferReader(data)), partial)
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            if not (folder / KNOWN).is_file():  # else somebody was faster
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(source: pq.ParquetFile, folder: Path) -> None:
    shards: dict[tuple[str, ...], int] = {}
    labels: dict[tuple[str, ...], int] = {}
    places = np.lib.format.open_memmap(
        folder / "places.npy", "w+", PLACE, (source.metadata.num_rows,)
    )
    done = 0
    with pa.ipc.new_file(str(folder / "rows.arrow"), source.schema_arrow) as sink:
        for batch in _batches(source):
            sink.write_batch(batch)
            part = places[done : done + batch.num_rows]
            part["shard"] = _numbers(shards, batch, ["shard"])
            part["label"] = _numbers(labels, batch, LABELS)
            part["offset"] = batch.column("offset").to_numpy()
            part["length"] = batch.column("length").to_numpy()
            done += batch.num_rows
    places.flush()
    known = {"shards": [key[0] for key in shards], "labels": list(labels)}
    (folder / KNOWN).write_text(json.dumps(known))


def _batches(source: pq.ParquetFile) -> Any:
    """Batches of ``ROWS`` rows each but for the last, whatever the file's row groups are."""
    held: list[pa.RecordBatch] = []
    for found in source.iter_batches(ROWS, use_threads=False):
        held.append(found)
        while sum(one.num_rows for one in held) >= ROWS:
            whole = pa.concat_batches(held)
            yield whole.slice(0, ROWS)
            held = [whole.slice(ROWS)]
    rest = [one for one in held if one.num_rows]
    if rest:
        yield pa.concat_batches(rest)


def _numbers(known: dict[Any, int], batch: pa.RecordBatch, columns: Sequence[str]) -> Any:
    """The numbers of what stands in columns, with a new one for each that is not known yet."""
    coded = [batch.column(name).dictionary_encode() for name in columns]
    codes = np.stack([np.asarray(one.indices) for one in coded], axis=1)
    distinct, inverse = np.unique(codes, axis=0, return_inverse=True)
    names = [one.dictionary.to_pylist() for one in coded]
    numbers = [
        known.setdefault(tuple(names[at][code] for at, code in enumerate(row)), len(known))
        for row in distinct
    ]
    return np.array(numbers, np.int32)[inverse.reshape(-1)]
