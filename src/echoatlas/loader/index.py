"""A release's index, laid out once so that every process of a machine maps the same pages.

All that reading and labeling need lies in ``places``, 32 bytes a sample. Other columns are
unpacked from the release's Parquet file when they are first asked for, each into a file of its own
in a folder of the cache that the manifest's hash names; ``known.json`` has the names for which
numbers stand in ``places``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.loader.layout import CHECKED, KNOWN, ROWS, lay_out, lay_out_column
from echoatlas.pipeline.errors import CheckFailed, UsageError, no_such
from echoatlas.pipeline.release.manifest import published_file
from echoatlas.pipeline.storage.storage import LocalStorage
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest, PublishedFile

DAMAGED = "the index of the release is damaged: run `echoatlas verify`"
DERIVED = ("shard", "offset", "length")  # told by places alone


@dataclass(frozen=True)
class Index:
    """The samples of a release, by number. Pickles as the names of its files.

    Attributes:
        folder: of this machine, for what is laid out. source: the release's Parquet file.
        where: the release's NumPy file of places.
        told: folder of columns that trainers wrote back, if they were asked for.
    """

    folder: Path
    source: Path
    where: Path
    told: Path | None = None

    def __reduce__(self) -> tuple[type[Index], tuple[Path, Path, Path, Path | None]]:
        return Index, (self.folder, self.source, self.where, self.told)

    @property
    def identity(self) -> str:
        """What release this is of, and what trainers' columns it has."""
        return self.folder.name if self.told is None else f"{self.folder.name}/{self.told.name}"

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def places(self) -> NDArray[np.void]:
        """(N,) ``PLACE``: numbers of shard, label and split; bytes in the shard."""
        # As a plain array: a record of a memmap takes twice as long
        found: NDArray[np.void] = np.asarray(np.load(self.where, mmap_mode="r"))
        return found

    @cached_property
    def schema(self) -> pa.Schema:
        """Names and types of all columns."""
        try:
            told = pq.read_schema(self.source)
        except FileNotFoundError:
            raise CheckFailed(
                "the index of the release is not there: run `echoatlas verify`"
            ) from None
        except pa.ArrowInvalid:
            raise CheckFailed(DAMAGED) from None
        for name, kind in zip(DERIVED, (pa.string(), pa.int64(), pa.int64()), strict=True):
            if name not in told.names:
                told = told.append(pa.field(name, kind))
        for file in () if self.told is None else sorted(self.told.glob("*.arrow")):
            told = told.append(pa.ipc.open_file(pa.memory_map(str(file))).schema.field(0))
        return told

    def demand(self, name: str) -> None:
        """Raise UsageError, with the nearest name, unless there is such a column."""
        if name not in self.schema.names:
            raise no_such("column", name, self.schema.names)

    @property
    def table(self) -> pa.Table:
        """Every column, mapped and not read."""
        return self.columns(self.schema.names)

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some columns."""
        return pa.table({name: self.column(name) for name in names})

    def mentioned(self, expression: str) -> list[str]:
        """The columns whose names stand in an expression; the first if there is none."""
        words = set(re.findall(r"\w+", expression.lower()))
        names = [name for name in self.schema.names if name.lower() in words]
        return names or self.schema.names[:1]

    def where_true(self, expression: str) -> NDArray[np.int32]:
        """The numbers, ascending, of the rows for which a SQL expression is true.

        Raises:
            UsageError: the expression is wrong.
        """
        from echoatlas.pipeline.release.select import rows_where

        option = "where"
        rows_where(self.schema.empty_table(), expression, option=option)  # among all columns
        found = rows_where(self.columns(self.mentioned(expression)), expression, option=option)
        return np.asarray(found, np.int64).astype(np.int32)

    def column(self, name: str) -> pa.ChunkedArray:
        """A column, mapped; laid out first if nobody has asked for it on this machine."""
        if name not in self._columns:
            self._columns[name] = self._column(name)
        return self._columns[name]

    def parts(self, name: str) -> Iterator[pa.Array]:
        """A column in parts of ``ROWS`` rows, mapped only while it is gone through.

        For whoever reads all of a column once: what stays mapped counts as memory.
        """
        known = self._columns.get(name)
        yield from (self._column(name) if known is None else known).chunks

    @cached_property
    def _columns(self) -> dict[str, pa.ChunkedArray]:
        return {}

    def _column(self, name: str) -> pa.ChunkedArray:
        self.demand(name)
        if name in DERIVED:
            return self._derived(name)
        file = self.folder / f"{name}.arrow"
        if self.told is not None and (self.told / file.name).is_file():
            file = self.told / file.name
        if not file.is_file():
            try:
                self._check()
                lay_out_column(self.source, name, file)
            except OSError as error:
                raise _unwritable(self.folder, error) from None
        return pa.ipc.open_file(pa.memory_map(str(file))).read_all().column(0)

    def _check(self) -> None:
        """Once a machine, see whether the release's Parquet file is what was published."""
        if not (self.folder / CHECKED).is_file():
            with pa.memory_map(str(self.source)) as file:
                digest = hashlib.sha256(file.read_buffer()).hexdigest()
            if digest != self._known["index"]:
                raise CheckFailed(DAMAGED)
            (self.folder / CHECKED).touch()

    def _derived(self, name: str) -> pa.ChunkedArray:
        values = self.places[name]
        parts = [values[start : start + ROWS] for start in range(0, max(len(values), 1), ROWS)]
        if name != "shard":
            return pa.chunked_array([pa.array(one.astype(np.int64)) for one in parts])
        names = pa.array(self.shards, pa.string())
        return pa.chunked_array([names.take(pa.array(one)) for one in parts], pa.string())

    @cached_property
    def _known(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / KNOWN).read_bytes())
        return found

    @property
    def shards(self) -> list[str]:
        """Keys of the shards, by number."""
        found: list[str] = self._known["shards"]
        return found

    @property
    def splits(self) -> list[str]:
        """Names of the splits, by number."""
        found: list[str] = self._known["splits"]
        return found

    @property
    def labels(self) -> list[list[str]]:
        """Region, organ and paths of the labels, by number."""
        found: list[list[str]] = self._known["labels"]
        return found

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
            chunks = self._chunks[column] = self.column(column).chunks
        return chunks[row // ROWS][row % ROWS].as_py()

    def values(self, column: str, rows: NDArray[np.int32]) -> list[Any]:
        """What a column holds in some rows, ascending."""
        found: list[Any] = []
        chunks = self.column(column).chunks
        for number in np.unique(rows // ROWS).tolist():
            some = rows[rows // ROWS == number] % ROWS
            found += chunks[number].take(pa.array(some)).to_pylist()
        return found

    @cached_property
    def _chunks(self) -> dict[str, list[pa.Array]]:
        return {}


def index_of(releases: Storage, manifest: Manifest, cache: Path) -> Index:
    """The index of a release. Who opens it first has its files checked, and brought if need be.

    Raises:
        CheckFailed: it is not what was published.
        UsageError: the cache can't be written.
    """
    told = json.dumps(manifest.published, sort_keys=True)
    # By the hash of what a redaction's notice names, so that it is found and deleted with all in it
    folder = cache / "indexes" / manifest.index.sha256[:32]
    folder /= hashlib.sha256(told.encode()).hexdigest()[:32]
    index = Index(
        folder,
        _place_of(releases, manifest, manifest.index, folder / "index.parquet"),
        folder / "places.npy"
        if manifest.places is None
        else _place_of(releases, manifest, manifest.places, folder / "places.npy"),
    )
    if not (folder / KNOWN).is_file():
        # On this machine columns are read where they lie, and looked at when they are asked for
        eager = manifest.places is None or index.source.parent == folder
        files = {index.source: manifest.index} if eager else {}
        if manifest.places is not None:
            files[index.where] = manifest.places
        found = {path: published_file(releases, manifest, one) for path, one in files.items()}
        try:
            lay_out(found, manifest, folder, checked=eager)
        except OSError as error:
            raise _unwritable(cache, error) from None
    return index


def _place_of(releases: Storage, manifest: Manifest, file: PublishedFile, brought: Path) -> Path:
    if isinstance(releases, LocalStorage):
        return releases.path(f"{manifest.name}/{file.file}")
    return brought


def _unwritable(cache: Path, error: OSError) -> UsageError:
    hint = os.strerror(error.errno or 0)
    return UsageError(f"cannot write to {cache} ({hint}): name another cache=")
