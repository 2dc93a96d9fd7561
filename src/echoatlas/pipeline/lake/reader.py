"""The lake's Delta tables as whoever only reads them sees them, at any version that is kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from echoatlas.pipeline.errors import Exhausted
from echoatlas.pipeline.lake.evolution import completed
from echoatlas.pipeline.lake.files import (
    file_by_file,
    located,
    rows_of_fragment,
    sited_files,
    wanted_of,
)
from echoatlas.pipeline.lake.portions import Portion, Wanted, portions_of
from echoatlas.pipeline.lake.refusals import AGAIN, persistent, translated
from echoatlas.pipeline.lake.refusals import translated_errors as _translated_errors
from echoatlas.pipeline.lake.scan import ONCE, rows_of
from echoatlas.pipeline.retry import retrying
from echoatlas.pipeline.scratch import FOLDER, Allowance
from echoatlas.pipeline.storage.lake_address import demand_plain
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.schemas.tables import schema

LOG = "_delta_log"
PLAIN_READER = 1  # of Delta's protocol: files hold all rows and no others, columns by their names
VERSION = re.compile(r"^(\d{20})\.")


@dataclass(slots=True)
class LakeReader:
    """The tables below a storage folder, at ``tables/NAME``.

    Attributes:
        allowance: the memory that whoever asks much of it may take; by default what does not fit
            lies in the lake's own folder, if it is on this machine.

    Raises:
        UsageError: the folder's name is one that the Delta library would misread.

    Raises (all methods that touch a table):
        UsageError: the folder may not be read or written, or is full.
        Retry: the network or the service failed.
    """

    storage: Storage
    allowance: Allowance = field(default_factory=Allowance)
    _opened: dict[str, DeltaTable] | None = field(default=None, init=False, compare=False)

    def __post_init__(self) -> None:
        demand_plain(self.storage.uri)
        if self.allowance.scratch is None and isinstance(self.storage, LocalStorage):
            self.allowance = replace(self.allowance, scratch=self.storage.root / FOLDER)

    def _folder(self, name: str) -> Storage:
        return self.storage.sub(f"tables/{name}")

    def forget_handles(self) -> None:
        """Open all tables anew."""
        if self._opened is not None:
            self._opened.clear()

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Open each table once while this lasts, for a stage that asks many things of few tables.

        What is written by this lake meanwhile is read, what others commit is not.
        """
        outer = self._opened
        self._opened = {} if outer is None else outer
        try:
            yield
        finally:
            self._opened = outer

    def _read_anew(self, name: str) -> None:
        """A table is about to change: whoever reads it from now on finds the newest."""
        if self._opened is not None:
            self._opened.pop(name, None)

    def _open(self, name: str, version: int | None = None) -> DeltaTable | None:
        if self._opened is None:
            return self._newly_opened(name, version)
        newest = self._opened.get(name)
        if newest is not None and version in (None, newest.version()):
            return newest
        kept = name if version is None else f"{name}@{version}"
        if kept not in self._opened:
            table = self._newest(name) if version is None else self._newly_opened(name, version)
            if table is None:
                return None
            self._opened[kept] = table
        return self._opened[kept]

    def _newest(self, name: str) -> DeltaTable | None:
        """A table to be kept open, with all commits that there are."""
        return self._newly_opened(name)

    @persistent
    @_translated_errors
    def _newly_opened(self, name: str, version: int | None = None) -> DeltaTable | None:
        folder = self._folder(name)
        try:
            return DeltaTable(folder.uri, version=version, storage_options=folder.options() or None)
        except TableNotFoundError:
            return None

    @property
    def _native(self) -> bool:
        """Whether pyarrow reads the lake's files by itself, and not through delta-rs.

        Through delta-rs its threads call back into Python. Some still do as the interpreter ends,
        which then aborts: half of all short commands did. So it reads local files itself, and
        others without threads of its own.
        """
        return isinstance(self.storage, LocalStorage)

    def _dataset(self, table: DeltaTable, name: str, *, filtered: bool = False) -> ds.Dataset:
        """The rows of a table.

        Args:
            filtered: whether some are asked for: then it is of use what the log says of each file.
                That is its sites. To turn all that it says into expressions takes four times as
                long as to read small files, and in which rows a name stands it never says.
        """
        if not self._native:
            return table.to_pyarrow_dataset()
        files = SubTreeFileSystem(self._folder(name).uri, LocalFileSystem())
        if table.protocol().min_reader_version > PLAIN_READER:
            return table.to_pyarrow_dataset(filesystem=files)
        options = ds.ParquetFragmentScanOptions(pre_buffer=True)
        form = ds.ParquetFileFormat(default_fragment_scan_options=options)
        fragments = [
            form.make_fragment(path, filesystem=files, partition_expression=rows)
            for path, rows in sited_files(table, told=filtered)
        ]
        return ds.FileSystemDataset(fragments, pa.schema(table.schema().to_arrow()), form, files)

    def version(self, name: str) -> int:
        """The newest version of a table, or -1 if there is none."""
        table = self._open(name)
        return -1 if table is None else table.version()

    def can_read(self, name: str, version: int) -> bool:
        """Whether a version's log is there; whoever opens it without finds an empty table."""
        try:
            return self._open(name, version) is not None
        except DeltaError:
            return False

    def can_read_all(self, versions: Mapping[str, int]) -> bool:
        """The same of several tables."""
        return all(self.can_read(name, version) for name, version in versions.items())

    def oldest(self, name: str) -> int:
        """The oldest version of which a table's log says anything; 0 if there is no table."""
        keys = (entry.key for entry in self._folder(name).list(f"{LOG}/"))
        found = [int(told[1]) for key in keys if (told := VERSION.match(key.partition("/")[2]))]
        return min(found, default=0)

    def state(self, name: str) -> str:
        """A name for what a table holds: another for each commit; "" if there is none.

        It holds a digest of the newest commit, since a lake that was restored counts on as it did.
        """
        table = self._open(name)
        if table is None:
            return ""
        entry = self._folder(name).read(f"_delta_log/{table.version():020d}.json")
        return f"{table.metadata().id}@{table.version()}:{hashlib.sha256(entry).hexdigest()}"

    def has_moved(self, name: str, state: str) -> bool:
        """Whether a commit followed what ``state`` told of a table; one request tells."""
        version = int(state.rpartition("@")[2].partition(":")[0]) if state else -1
        return not self.is_newest(name, version)

    @_translated_errors
    def is_newest(self, name: str, version: int) -> bool:
        """Whether no commit followed a version, -1 for that of no table; one request tells."""
        return not self._folder(name).exists(f"{LOG}/{version + 1:020d}.json")

    @persistent
    @_translated_errors
    def read(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Rows of a table, in no particular order; none if the table is not there yet."""
        table = self._open(name, version)
        names = list(columns) if columns is not None else schema(name).names
        if table is None:
            return schema(name).empty_table().select(names)
        dataset = self._dataset(table, name, filtered=where is not None)
        if where is None:
            every = [rows for _, rows in file_by_file(dataset, names, threads=self._native)]
            nothing = schema(name).empty_table().select(names)
            return completed(pa.concat_tables(every), name, names) if every else nothing
        there = [column for column in names if column in dataset.schema.names]
        found = rows_of(dataset, there, where, threads=self._native)
        return completed(found, name, names)

    def batches(
        self, name: str, columns: Sequence[str] | None = None, version: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a table, a bounded number at a time."""
        table = self._open(name, version)
        if table is None:
            return
        dataset = self._dataset(table, name)
        names = list(columns) if columns is not None else schema(name).names
        there = [column for column in names if column in dataset.schema.names]
        for batch in dataset.to_batches(
            columns=there, batch_size=1024, batch_readahead=1, use_threads=self._native, **ONCE
        ):
            yield from completed(pa.Table.from_batches([batch]), name, names).to_batches()

    def by_file(
        self, name: str, columns: Sequence[str], version: int | None = None
    ) -> Iterator[tuple[str, pa.Table]]:
        """All rows of a table, a file at a time, each with its path below the table's folder."""
        table = self._open(name, version)
        if table is None:
            return
        with translated(self.storage):
            dataset = self._dataset(table, name)
            fragments = list(dataset.get_fragments())
        wanted = wanted_of(dataset, columns)

        def once(fragment: ds.Fragment) -> pa.Table:
            with translated(self.storage):
                return rows_of_fragment(fragment, wanted, threads=self._native)

        for fragment in fragments:
            rows = retrying(partial(once, fragment), AGAIN, Exhausted)
            yield fragment.path, completed(rows, name, columns)

    def portions(self, wanted: Wanted) -> Iterator[Portion]:
        """Rows of a table, as ``read`` gives them, some at a time; see ``portions``."""
        table = self._open(wanted.name)
        if table is None:
            return
        added = pa.table(table.get_add_actions())
        pairs = (added.column(column).to_pylist() for column in ("path", "num_records"))
        sizes = {path: rows for path, rows in zip(*pairs, strict=True) if rows is not None}
        with translated(self.storage):
            dataset = self._dataset(table, wanted.name, filtered=bool(wanted.sites))
            for portion in portions_of(dataset, wanted, sizes):
                yield Portion(partial(self._chunks, portion))

    def _chunks(self, portion: Portion, name: str) -> Iterator[pa.Array]:
        def once() -> list[pa.Array]:
            with translated(self.storage):
                return list(portion.chunks(name))

        return iter(retrying(once, AGAIN, Exhausted))

    @persistent
    @_translated_errors
    def count(self, name: str) -> int:
        """Number of rows of a table."""
        table = self._open(name)
        if table is None:
            return 0
        told = pa.table(table.get_add_actions()).column("num_records")
        if told.null_count:
            return int(self._dataset(table, name).count_rows(**ONCE))
        return int(pc.sum(told).as_py() or 0)

    def files(self, name: str, version: int | None = None) -> list[str]:
        """Paths below the table's folder of the files that make up a version."""
        return [path for path, _ in self.sizes(name, version)]

    def sizes(self, name: str, version: int | None = None) -> list[tuple[str, int]]:
        """The same, each with its size, bytes."""
        table = self._open(name, version)
        if table is None:
            return []
        actions = pa.table(table.get_add_actions())
        pairs = (actions.column(column).to_pylist() for column in ("path", "size_bytes"))
        return sorted(zip(*pairs, strict=True))

    def parquet(
        self, name: str, version: int | None = None
    ) -> tuple[list[str], dict[str, bool]] | None:
        """Addresses of the files that make up a version, and its columns, each with whether it
        may be null; None if the table is not there yet."""
        table = self._open(name, version)
        if table is None:
            return None
        folder = self._folder(name).uri
        paths = pa.table(table.get_add_actions()).column("path").to_pylist()
        columns = {one.name: one.nullable for one in table.schema().fields}
        return [f"{folder}/{path}" for path in sorted(paths)], columns

    @persistent
    @_translated_errors
    def located(self, name: str, columns: Sequence[str], version: int | None = None) -> pa.Table:
        """Columns, and in which file each row lies; see ``files.located``."""
        table = self._open(name, version)
        dataset = None if table is None else self._dataset(table, name)
        rows = located(dataset, columns, threads=self._native)
        return completed(rows, name, columns).append_column("file", rows.column("file"))

    def done(self, name: str, transaction: str) -> bool:
        """Whether the table stands as a commit under that transaction left it."""
        table = self._open(name)
        if table is None:
            return False
        last = table.history(1)[0]
        return last.get("transaction") == transaction and last["version"] == table.version()
