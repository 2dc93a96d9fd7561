"""What trainers write back of samples: losses, by which the hard ones are found again.

Each call writes an object of its own beside the manifest, ``NAME/feedback-0001.parquet``, that
never changes; of several who write at once, each gets a number. A version is what it says itself
and, of samples and columns that it says nothing of, what earlier ones said. To readers it is
columns of the index, ``feedback_...``, for ``where``, weights and stages.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.loader.index import Index
from echoatlas.loader.layout import ROWS
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.release.beside import FEEDBACK

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import Storage

COLUMN = "feedback_"  # before names of columns, in the index


def versions(releases: Storage, name: str) -> list[int]:
    """The versions of feedback that a release has, ascending."""
    keys = [entry.key for entry in releases.sub(name).list(FEEDBACK)]
    return sorted(int(key.removeprefix(FEEDBACK).removesuffix(".parquet")) for key in keys)


def with_feedback(index: Index, releases: Storage, name: str, wanted: int | str) -> Index:
    """An index with a version's columns, laid out once a machine in rows of the index.

    Raises:
        UsageError: there is no such version.
        CheckFailed: one that it is made of is damaged.
    """
    there = versions(releases, name)
    version = there[-1] if wanted == "latest" and there else wanted
    if version not in there:
        said = f"versions {there[0]} to {there[-1]}" if there else "none yet"
        raise UsageError(f"there is no feedback {wanted!r} of release '{name}': it has {said}")
    folder = index.folder / f"feedback-{version:04d}"
    if not folder.is_dir():
        tables = [_read(releases, name, one) for one in there if one <= int(version)]
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=index.folder))
        try:
            for column, values in _laid_out(index.column("frame_id"), tables).items():
                _write(partial / f"{column}.arrow", column, values)
            partial.chmod(0o755)
            try:
                partial.rename(folder)
            except OSError:
                if not folder.is_dir():  # else somebody was faster
                    raise
        except OSError as error:
            hint = os.strerror(error.errno or 0)
            raise UsageError(
                f"cannot write to {index.folder} ({hint}): name another cache="
            ) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return Index(index.folder, index.source, index.where, folder)


def _read(releases: Storage, name: str, version: int) -> pa.Table:
    try:
        return pq.read_table(
            pa.BufferReader(releases.read(f"{name}/{FEEDBACK}{version:04d}.parquet")),
            use_threads=False,
        )
    except (pa.ArrowInvalid, FileNotFoundError):
        raise CheckFailed(f"feedback {version} of release '{name}' is damaged") from None


def _laid_out(ids: pa.ChunkedArray, tables: Sequence[pa.Table]) -> dict[str, pa.Array]:
    """Columns in rows of the index: of each sample the last that was told of it."""
    import pyarrow.compute as pc  # not with ``echoatlas.load``: few ask for any

    columns: dict[str, list[tuple[pa.Array, pa.Array]]] = {}
    for table in tables:
        for name in table.column_names:
            if name != "frame_id":
                told = table.column(name).combine_chunks()
                some = told.is_valid()
                pair = table.column("frame_id").combine_chunks().filter(some), told.filter(some)
                columns.setdefault(name, []).append(pair)
    made = {}
    for name, parts in columns.items():
        if len({values.type for _, values in parts}) > 1:
            raise UsageError(f"feedback '{name}' is numbers in one version and lists in another")
        keys = pa.concat_arrays([keys for keys, _ in parts][::-1])  # the newest are found first
        values = pa.concat_arrays([values for _, values in parts][::-1])
        at = pc.index_in(ids, value_set=keys).combine_chunks()
        made[f"{COLUMN}{name}"] = values.take(at)
    return made


def _write(file: Path, name: str, values: pa.Array) -> None:
    table = pa.table({name: values})
    with pa.ipc.new_file(str(file), table.schema) as sink:
        for batch in table.to_batches(max_chunksize=ROWS):
            sink.write_batch(batch)
