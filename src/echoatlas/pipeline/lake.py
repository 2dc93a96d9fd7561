"""The lake's Delta tables: the one module that knows Delta.

Workers write Parquet files (``part``); the driver alone makes them part of tables with
``apply``. A commit is first written down as an ``Intent`` (a write-ahead log of one entry), then
carried out table by table, each under an application transaction, ``objects`` last. Whoever
finds an intent carries it out again: what is done already is passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from echoatlas.pipeline.errors import Retry
from echoatlas.pipeline.part import Part, counted
from echoatlas.pipeline.storage import LocalStorage, Storage, fault
from echoatlas.schemas.tables import TABLES, columns, schema

INTENTS = "_intents/"
CHECKPOINT_EVERY = "20"
NAMED = 10_000  # objects that one deletion names: each looks through the whole table
READ = frozenset({"evidence", "readings"})  # what is read of headers, and goes without the pixels
Params = ParamSpec("Params")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Intent:
    """A group of parts that become part of their tables together.

    Attributes:
        id: unique for ever; the application transaction under which each table takes its part.
        renewed: objects worked on anew: all their rows go first.
        reread: objects whose evidence alone was read anew: what was read before goes first.
    """

    id: str
    parts: tuple[Part, ...]
    renewed: tuple[str, ...] = ()
    reread: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @staticmethod
    def from_json(data: bytes) -> Intent:
        raw = json.loads(data)
        parts = tuple(Part(**part) for part in raw.pop("parts"))
        objects = {name: tuple(raw[name]) for name in ("renewed", "reread")}
        return Intent(raw["id"], parts, **objects)


def _told(method: Callable[Params, Answer]) -> Callable[Params, Answer]:
    """Let a method of the lake say what the storage below Delta refuses as our storage says it."""

    @wraps(method)
    def telling(*args: Params.args, **kwargs: Params.kwargs) -> Answer:
        try:
            return method(*args, **kwargs)
        except FileNotFoundError:
            raise
        except (OSError, DeltaError) as error:  # it gives the system's number in its words only
            place = args[0].storage.uri  # type: ignore[attr-defined]
            number = re.search(r"os error (\d+)", str(error))
            if number:
                raise fault(int(number[1]), place) from None
            if isinstance(error, OSError):
                raise fault(error.errno, place) from None
            raise

    return telling


@dataclass(slots=True)
class Lake:
    """The tables below a storage folder, at ``tables/NAME``.

    Raises (all methods that touch a table):
        UsageError: the folder may not be read or written, or is full.
        Retry: the network or the service failed.
    """

    storage: Storage
    _handles: dict[str, DeltaTable] = field(default_factory=dict)

    def _folder(self, name: str) -> Storage:
        return self.storage.sub(f"tables/{name}")

    @_told
    def _open(self, name: str, version: int | None = None) -> DeltaTable | None:
        folder = self._folder(name)
        try:
            return DeltaTable(folder.uri, version=version, storage_options=folder.options() or None)
        except TableNotFoundError:
            return None

    @_told
    def _handle(self, name: str) -> DeltaTable:
        """The newest state of a table, which is made if it is not there."""
        known = self._handles.get(name)
        if known is not None:
            known.update_incremental()
            return known
        table = self._open(name)
        if table is None:
            kept = [column for column in columns(TABLES[name].row) if column in counted(name)]
            folder = self._folder(name)
            table = DeltaTable.create(
                folder.uri,
                schema(name),
                mode="ignore",
                name=name,
                description=TABLES[name].meaning,
                configuration={
                    # Statistics would keep what an erasure has to forget
                    "delta.dataSkippingStatsColumns": ",".join(kept),
                    "delta.checkpointInterval": CHECKPOINT_EVERY,
                },
                storage_options=folder.options() or None,
            )
        self._handles[name] = table
        return table

    @property
    def _native(self) -> bool:
        """Whether pyarrow reads the lake's files by itself, and not through delta-rs.

        Through delta-rs its threads call back into Python. Some still do as the interpreter ends,
        which then aborts: half of all short commands did. So it reads local files itself, and
        others without threads of its own.
        """
        return isinstance(self.storage, LocalStorage)

    def _dataset(self, table: DeltaTable, name: str) -> ds.Dataset:
        folder = self._folder(name)
        local = SubTreeFileSystem(folder.uri, LocalFileSystem()) if self._native else None
        return table.to_pyarrow_dataset(filesystem=local)

    def version(self, name: str) -> int:
        """The newest version of a table, or -1 if there is none."""
        table = self._open(name)
        return -1 if table is None else table.version()

    @_told
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
        dataset = self._dataset(table, name)
        try:
            found = dataset.to_table(columns=names, filter=where, use_threads=self._native)
        except pa.ArrowNotImplementedError:
            # Files that a deletion rewrote hold string views; pyarrow can't compare those of their
            # statistics with a string. Without statistics all rows are read, and then filtered.
            whole = dataset.to_batches(use_threads=self._native)
            found = ds.Scanner.from_batches(
                whole,
                schema=dataset.schema,
                columns=names,
                filter=where,
                use_threads=self._native,
            ).to_table()
        return found.cast(pa.schema([schema(name).field(column) for column in names]))

    def batches(
        self, name: str, columns: Sequence[str] | None = None, version: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a table, a bounded number at a time."""
        table = self._open(name, version)
        if table is not None:
            yield from self._dataset(table, name).to_batches(
                columns=columns, batch_size=1024, batch_readahead=1, use_threads=self._native
            )

    def count(self, name: str) -> int:
        """Number of rows of a table."""
        table = self._open(name)
        return 0 if table is None else int(self._dataset(table, name).count_rows())

    def files(self, name: str, version: int | None = None) -> list[str]:
        """Paths below the table's folder of the files that make up a version."""
        table = self._open(name, version)
        if table is None:
            return []
        return sorted(pa.table(table.get_add_actions()).column("path").to_pylist())

    @_told
    def apply(self, intent: Intent) -> None:
        """Carry out an intent, wherever an earlier attempt was cut off.

        Raises:
            Retry: another process committed to the table in between.
        """
        by_table: dict[str, list[Part]] = {}
        for part in intent.parts:
            by_table.setdefault(part.table, []).append(part)
        # Objects last: they say that all else is in place
        for name in sorted(TABLES, key=lambda table: (table == "objects", table)):
            if TABLES[name].scope == "object":
                gone = (*intent.renewed, *(intent.reread if name in READ else ()))
                self._supersede(name, gone, intent.id)
        for name in sorted(by_table, key=lambda table: (table == "objects", table)):
            self._add(name, by_table[name], intent.id)

    def _supersede(self, name: str, objects: Sequence[str], transaction: str) -> None:
        """Remove the rows of objects, unless the ones that take their place are there already."""
        if not objects or self.version(name) < 0:
            return
        if self._handle(name).transaction_version(transaction) is None:
            self.drop(name, objects)

    def _add(self, name: str, parts: Sequence[Part], transaction: str) -> None:
        table = self._handle(name)
        if table.transaction_version(transaction) is not None:
            return
        actions: list[AddAction | RemoveAction] = [
            AddAction(part.path, part.size, {}, 0, True, json.dumps({"numRecords": part.rows}))
            for part in parts
        ]
        try:
            table.create_write_transaction(
                actions, "append", table.schema(), commit_properties=_once(transaction)
            )
        except CommitFailedError as error:
            self._handles.pop(name, None)
            raise Retry(f"{name}: another commit came first ({type(error).__name__})") from None

    @_told
    def drop(self, name: str, objects: Sequence[str]) -> None:
        """Remove the rows of objects."""
        if not objects or self.version(name) < 0:
            return
        for start in range(0, len(objects), NAMED):
            listed = ", ".join(f"'{_opaque(one)}'" for one in objects[start : start + NAMED])
            # Further sightings of the same bytes stay what they are
            spared = " AND status <> 'duplicate'" if name == "objects" else ""
            self._handle(name).delete(
                f"object_id IN ({listed}){spared}", writer_properties=_properties(name)
            )

    @_told
    def drop_rows(self, name: str, column: str, values: Sequence[str]) -> None:
        """Remove the rows whose opaque ``column`` is one of ``values``."""
        for start in range(0, len(values), 1000):
            listed = ", ".join(f"'{_opaque(one)}'" for one in values[start : start + 1000])
            self._handle(name).delete(
                f"{column} IN ({listed})", writer_properties=_properties(name)
            )

    @_told
    def append(self, name: str, rows: pa.Table, transaction: str | None = None) -> None:
        """Add rows in one commit; under a transaction that was seen before, do nothing."""
        table = self._handle(name)
        if transaction and table.transaction_version(transaction) is not None:
            return
        write_deltalake(
            table,
            rows.cast(schema(name)),
            mode="append",
            writer_properties=_properties(name),
            commit_properties=_once(transaction) if transaction else None,
        )

    @_told
    def replace(
        self, name: str, rows: pa.Table | pa.RecordBatchReader, transaction: str | None = None
    ) -> None:
        """Make ``rows`` the whole table in one commit."""
        table = self._handle(name)
        write_deltalake(
            table,
            rows.cast(schema(name)),
            mode="overwrite",
            writer_properties=_properties(name),
            commit_properties=_once(transaction) if transaction else None,
        )

    @_told
    def vacuum(self, name: str) -> int:
        """Delete for good the files that the newest version of a table does not need.

        Nobody may be writing: what is not committed yet goes as well. Whoever still reads an
        older version finds its files gone.
        """
        if self.version(name) < 0:
            return 0
        return len(
            self._handle(name).vacuum(
                retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True
            )
        )

    def done(self, name: str, transaction: str) -> bool:
        """Whether the table stands as a commit under that transaction left it."""
        table = self._open(name)
        if table is None:
            return False
        last = table.history(1)[0]
        return last.get("transaction") == transaction and last["version"] == table.version()

    # The write-ahead log -----------------------------------------------------------------

    def promise(self, intent: Intent) -> None:
        """Write an intent down before it is carried out."""
        self.storage.write(f"{INTENTS}{intent.id}.json", intent.to_json())

    def settle(self, intent: Intent) -> None:
        """Forget an intent that has been carried out."""
        self.storage.delete([f"{INTENTS}{intent.id}.json"])

    def promised(self) -> list[Intent]:
        """Intents that somebody wrote down and did not live to settle, oldest id first."""
        return [
            Intent.from_json(self.storage.read(entry.key)) for entry in self.storage.list(INTENTS)
        ]


def _properties(name: str) -> WriterProperties:
    silent = ColumnProperties(dictionary_enabled=False, statistics_enabled="NONE")
    hidden = [column for column in schema(name).names if column not in counted(name)]
    return WriterProperties(compression="ZSTD", column_properties=dict.fromkeys(hidden, silent))


def _once(transaction: str) -> CommitProperties:
    return CommitProperties(
        custom_metadata={"transaction": transaction},
        app_transactions=[Transaction(transaction, 0)],
    )


def _opaque(value: str) -> str:
    """A value that may stand in a predicate, which the log keeps: an id of ours, nothing else."""
    if not value or not all(c.isalnum() or c in "-_." for c in value):
        raise ValueError("only opaque ids may stand in a predicate")
    return value
