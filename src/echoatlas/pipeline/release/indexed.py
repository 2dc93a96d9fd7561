"""A release's index where it lies: asked by SQL, or read shard by shard, never held as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.database import Connection, database, quoted
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.file_faults import local_faults
from echoatlas.pipeline.release.manifest import index_columns_of, places_of
from echoatlas.pipeline.scratch import Allowance, folder_of_files
from echoatlas.pipeline.storage.storage import LocalStorage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

PIECE = 16 << 20  # bytes that are hashed, or fetched, at a time
ROWS = 1 << 14  # of an index that are read at a time
SHARD = "shard"


@contextmanager
def index_file(releases: Storage, manifest: Manifest, allowance: Allowance) -> Iterator[Path]:
    """The index of a release as a file of this machine, for as long as the block lasts.

    Raises:
        CheckFailed: it is not what was published.
        UsageError: there is no room for it on this machine.
    """
    key = f"{manifest.name}/{manifest.index.file}"
    with folder_of_files(allowance) as folder:
        try:
            if isinstance(releases, LocalStorage):
                path = releases.path(key)
                digest = _digest(path)
            else:
                path = folder / "index.parquet"
                digest = _fetched(releases, key, path)
        except FileNotFoundError:
            raise CheckFailed(f"the index of release '{manifest.name}' is not there") from None
        if digest != manifest.index.sha256:
            raise CheckFailed(f"the index of release '{manifest.name}' is damaged")
        yield path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetched(releases: Storage, key: str, path: Path) -> str:
    """Copy a file in pieces; its SHA-256."""
    digest, start = hashlib.sha256(), 0
    with local_faults(str(path.parent.parent)), path.open("wb") as file:
        while piece := releases.read(key, start, PIECE):
            digest.update(piece)
            file.write(piece)
            start += len(piece)
            if len(piece) < PIECE:
                break
    return digest.hexdigest()


@contextmanager
def index_view(
    file: Path, shards: NDArray[np.uint32] | None, names: Sequence[str], allowance: Allowance
) -> Iterator[Connection]:
    """A database with the view ``i``: an index's rows, each with the key of its ``shard``.

    Args:
        shards: (n,) numbers of their shards among ``names``; None where the index has keys.
    """
    with database(allowance) as asked:
        source = f"read_parquet({quoted(file)}, file_row_number = true)"
        if shards is None:
            asked.execute(f"CREATE VIEW i AS SELECT * FROM {source}")
        else:
            places = pa.table({"place": np.arange(len(shards)), "number": shards})
            keys = pa.table({"number": np.arange(len(names)), SHARD: pa.array(names, pa.string())})
            asked.register("places", places)
            asked.register("keys", keys)
            asked.execute(
                f"CREATE VIEW i AS SELECT s.*, keys.{SHARD} FROM {source} s "
                "JOIN places ON s.file_row_number = places.place JOIN keys USING (number)"
            )
        yield asked


def shard_rows(
    releases: Storage, manifest: Manifest, file: Path, columns: Sequence[str]
) -> Iterator[tuple[str, pa.Table, NDArray[np.void] | None]]:
    """The rows of each shard that the index names, a shard at a time, with their places.

    Yields:
        The shard's key; its rows, with ``shard``, ``offset`` and ``length``; their records, or
        None in releases whose index says where samples lie.

    Raises:
        CheckFailed: there are more or fewer records than rows.
    """
    if manifest.places is None:
        yield from _from_keys(index_columns_of(releases, manifest, columns))
        return
    places = places_of(releases, manifest)
    numbers, stored = places["shard"], pq.ParquetFile(file)
    if stored.metadata.num_rows != len(places):
        raise CheckFailed(f"the index of release '{manifest.name}' is damaged")
    if (numbers[1:] < numbers[:-1]).any():  # an erasure packed some anew
        yield from _in_any_order(releases, manifest, places, columns)
        return
    held: list[pa.Table] = []
    start = row = 0
    bounds = np.flatnonzero(np.diff(numbers)) + 1
    stops = iter([*bounds.tolist(), len(numbers)])
    stop = next(stops)
    own = [one for one in columns if one not in (SHARD, "offset", "length")]
    for batch in stored.iter_batches(ROWS, columns=own, use_threads=False):
        table = pa.Table.from_batches([batch])
        while row + table.num_rows >= stop > row:
            held.append(table.slice(0, stop - row))
            table, row = table.slice(stop - row), stop
            yield _placed(manifest, pa.concat_tables(held), places[start:stop])
            held, start, stop = [], stop, next(stops, -1)
        if table.num_rows:
            held.append(table)
            row += table.num_rows


def _placed(
    manifest: Manifest, rows: pa.Table, places: NDArray[np.void]
) -> tuple[str, pa.Table, NDArray[np.void]]:
    key = manifest.shards[int(places["shard"][0])].file
    rows = rows.append_column(SHARD, pa.array([key] * rows.num_rows, pa.string()))
    for name in ("offset", "length"):
        rows = rows.append_column(name, pa.array(places[name].astype(np.int64)))
    return key, rows, places


def _in_any_order(
    releases: Storage, manifest: Manifest, places: NDArray[np.void], columns: Sequence[str]
) -> Iterator[tuple[str, pa.Table, NDArray[np.void]]]:
    own = [one for one in columns if one not in (SHARD, "offset", "length")]
    rows = index_columns_of(releases, manifest, own)
    order = np.argsort(places["shard"], kind="stable")
    bounds = np.flatnonzero(np.diff(places["shard"][order])) + 1
    for some in np.split(order, bounds) if len(order) else ():
        yield _placed(manifest, rows.take(pa.array(some)), places[some])


def _from_keys(rows: pa.Table) -> Iterator[tuple[str, pa.Table, None]]:
    codes = rows.column(SHARD).combine_chunks().dictionary_encode()
    numbers = codes.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(numbers, kind="stable")
    bounds = np.flatnonzero(np.diff(numbers[order])) + 1
    for some in np.split(order, bounds) if len(order) else ():
        yield codes.dictionary[int(numbers[some[0]])].as_py(), rows.take(pa.array(some)), None
