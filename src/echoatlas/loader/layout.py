"""How an index is laid out on a trainer's machine: places, names for numbers, a file a column."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.release.places import PLACE

if TYPE_CHECKING:
    from echoatlas.schemas.manifest import Manifest

ROWS = 1 << 16  # of a batch of a column: where a row lies is found by division
LABELS = ("region", "organ", "paths")
KNOWN, CHECKED = "known.json", "checked"


def lay_out(
    found: dict[Path, pa.Buffer], manifest: Manifest, folder: Path, *, checked: bool
) -> None:
    """Lay out a release's index in a folder, all or nothing.

    Args:
        found: what was brought, by where it shall lie; what lies elsewhere stays there.
        checked: whether the Parquet file is known to be what was published.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        for path, data in found.items():
            if path.parent == folder:
                (partial / path.name).write_bytes(data)
        known: dict[str, Any] = {
            "index": manifest.index.sha256,
            "shards": [shard.file for shard in manifest.shards],
            "splits": list(manifest.splits),
            "labels": [list(label) for label in manifest.labels],
        }
        if manifest.places is None:
            source = next(iter(found.values()))
            known |= lay_out_places(pq.ParquetFile(pa.BufferReader(source)), partial)
        (partial / KNOWN).write_text(json.dumps(known))
        if checked:
            (partial / CHECKED).touch()
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            if not (folder / KNOWN).is_file():  # else somebody was faster
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def lay_out_places(source: pq.ParquetFile, folder: Path) -> dict[str, Any]:
    """Places of a release of before format 2, whose index holds them as columns."""
    shards: dict[tuple[str, ...], int] = {}
    labels: dict[tuple[str, ...], int] = {}
    splits: dict[tuple[str, ...], int] = {}
    rows = source.metadata.num_rows
    places = np.lib.format.open_memmap(folder / "places.npy", "w+", PLACE, (rows,))
    done = 0
    for batch in _batches(source, ["shard", "split", *LABELS, "offset", "length"]):
        part = places[done : done + batch.num_rows]
        part["shard"] = _numbers(shards, batch, ["shard"])
        part["label"] = _numbers(labels, batch, LABELS)
        part["split"] = _numbers(splits, batch, ["split"])
        part["offset"] = batch.column("offset").to_numpy()
        part["length"] = batch.column("length").to_numpy()
        part["frames"] = 1
        done += batch.num_rows
    places.flush()
    return {
        "shards": [key[0] for key in shards],
        "splits": [key[0] for key in splits],
        "labels": list(labels),
    }


def lay_out_column(source: Path, name: str, file: Path) -> None:
    """A column of a Parquet file as an Arrow file that can be mapped."""
    handle, made = tempfile.mkstemp(prefix=".partial-", dir=file.parent)
    os.close(handle)
    partial = Path(made)
    try:
        with pq.ParquetFile(source, memory_map=True) as found:
            kept = pa.schema([found.schema_arrow.field(name)])
            with pa.ipc.new_file(str(partial), kept) as sink:
                for batch in _batches(found, [name]):
                    sink.write_batch(batch)
        partial.chmod(0o644)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _batches(source: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of ``ROWS`` rows each but for the last, whatever the file's row groups are."""
    held: list[pa.RecordBatch] = []
    for found in source.iter_batches(ROWS, columns=list(columns), use_threads=False):
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
