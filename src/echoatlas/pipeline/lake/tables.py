"""The lake's Delta tables as whoever changes them has them: by one commit a table.

Workers write Parquet files (``part``); the driver alone makes them part of tables with
``apply``. A commit is first written down as an ``Intent`` (a write-ahead log of one entry), then
carried out table by table, each under an application transaction, ``objects`` last. Whoever
finds an intent carries it out again: what is done already is passed over.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from echoatlas.pipeline.errors import Retry
from echoatlas.pipeline.lake.evolution import bare, lacking
from echoatlas.pipeline.lake.lock import Held, run_lock
from echoatlas.pipeline.lake.properties import (
    KEPT_LOG,
    added_file,
    configuration_of,
    once,
    properties_of,
)
from echoatlas.pipeline.lake.reader import LakeReader
from echoatlas.pipeline.lake.refusals import persistent
from echoatlas.pipeline.lake.refusals import translated_errors as _translated_errors
from echoatlas.pipeline.lake.rewrite import rests
from echoatlas.pipeline.lake.staged import Part, write_part
from echoatlas.pipeline.lake.write_ahead_log import Intent
from echoatlas.pipeline.scratch import remove_leftovers
from echoatlas.schemas.tables import TABLES, schema


def _free() -> None: ...


@dataclass(slots=True)
class Lake(LakeReader):
    """The tables below a storage folder, to read and to change; raises as ``LakeReader`` does."""

    _handles: dict[str, DeltaTable] = field(default_factory=dict)
    _fence: Callable[[], None] = field(default=_free, compare=False)

    @contextmanager
    def held(self, run_id: str) -> Iterator[Held]:
        """Hold the lake for a run: nobody else does, and what is written meanwhile is refused once
        another has taken it over; see ``run_lock``.

        Raises:
            UsageError: another run holds it.
        """
        with run_lock(self.storage, run_id) as lock:
            self._fence = lock.demand
            remove_leftovers(self.allowance.place)
            try:
                yield lock
            finally:
                self._fence = _free

    def forget_handles(self) -> None:
        """Open all tables anew: what is known of them may be what went wrong."""
        self._handles.clear()
        LakeReader.forget_handles(self)

    @persistent
    @_translated_errors
    def _newest(self, name: str) -> DeltaTable | None:
        known = self._handles.get(name)
        if known is None:
            return LakeReader._newest(self, name)
        known.update_incremental()
        return known

    @_translated_errors
    def _handle(self, name: str) -> DeltaTable:
        """The newest state of a table, which is made if it is not there."""
        self._fence()
        known = self._handles.get(name)
        if known is not None:
            known.update_incremental()
            self._read_anew(name)
            return known
        table = self._open(name)
        if table is None:
            folder = self._folder(name)
            table = DeltaTable.create(
                folder.uri,
                schema(name),
                mode="ignore",
                name=name,
                description=TABLES[name].meaning,
                configuration=configuration_of(name),
                storage_options=folder.options() or None,
            )
        else:
            self._evolve(table, name)
        self._handles[name] = table
        self._read_anew(name)
        return table

    def _evolve(self, table: DeltaTable, name: str) -> None:
        """Add the columns that have come since the table was made, and keep its log from now on."""
        there = [field.name for field in table.schema().fields]
        if fields := lacking(name, there):
            table.alter.add_columns(list(DeltaSchema.from_arrow(pa.schema(fields)).fields))
        if not KEPT_LOG.items() <= table.metadata().configuration.items():
            table.alter.set_table_properties(KEPT_LOG)

    @_translated_errors
    def apply(self, *intents: Intent) -> None:
        """Carry out intents, wherever an earlier attempt was cut off: a table's in one commit.

        Each table is looked through once, however many intents replace rows of it.

        Args:
            intents: no two of which speak of one object.

        Raises:
            Retry: another process committed to the table in between.
        """
        # Objects last: they say that all else is in place
        for name in sorted(TABLES, key=lambda table: (table == "objects", table)):
            touching = [
                one
                for one in intents
                if one.gone(name) or any(part.table == name for part in one.parts)
            ]
            adds = any(part.table == name for one in touching for part in one.parts)
            if touching and (adds or self.version(name) >= 0):
                self._commit(name, touching)

    def _commit(self, name: str, intents: Sequence[Intent]) -> None:
        """Put what intents bring of a table in the place of what they replace."""
        table = self._handle(name)
        due = [one for one in intents if table.transaction_version(one.id) is None]
        added = [part for one in due for part in one.parts if part.table == name]
        gone = {one for intent in due for one in intent.gone(name)}
        if due:
            self._exchange(table, name, added, gone, "object_id", [one.id for one in due])

    def _exchange(
        self,
        table: DeltaTable,
        name: str,
        added: list[Part],
        gone: Set[str],
        column: str,
        transactions: Sequence[str],
    ) -> None:
        """Add parts and take rows out, in one commit under transactions.

        A file that loses rows is written anew by ``part``, as all others are: what delta-rs itself
        rewrites holds views of strings, by which neither pyarrow nor DuckDB over it can filter.
        """
        added = list(added)
        removed: list[AddAction | RemoveAction] = []
        if gone:
            now = time.time_ns() // 1_000_000
            dataset = self._dataset(table, name)
            for path, left in rests(dataset, name, gone, column, threads=self._native):
                removed.append(RemoveAction(path, True, now))
                if left.num_rows:
                    stem = f"part-{transactions[0]}-rest-{len(removed):06d}"
                    added.append(write_part(self.storage, left, name, stem))
        if added or removed:
            actions = [*removed, *(added_file(part) for part in added)]
            self._written(table, name, actions, transactions)

    @persistent
    @_translated_errors
    def swap(self, name: str, gone: Sequence[str], parts: Sequence[Part], transaction: str) -> None:
        """Put staged files in the place of others that hold the same rows, in one commit.

        Raises:
            Retry: another process committed to the table in between.
        """
        table, now = self._handle(name), time.time_ns() // 1_000_000
        actions: list[AddAction | RemoveAction] = [
            *(RemoveAction(path, False, now) for path in gone),
            *(added_file(part, new=False) for part in parts),
        ]
        if table.transaction_version(transaction) is None:
            self._written(table, name, actions, [transaction])

    def _written(
        self,
        table: DeltaTable,
        name: str,
        actions: list[AddAction | RemoveAction],
        transactions: Sequence[str],
    ) -> None:
        self._fence()
        try:
            table.create_write_transaction(
                actions,
                "append",
                table.schema(),
                commit_properties=once(*transactions),
            )
        except CommitFailedError as error:
            self.forget_handles()
            raise Retry(f"{name}: another commit came first ({type(error).__name__})") from None

    @persistent
    @_translated_errors
    def drop_rows(self, name: str, column: str, values: Collection[str], transaction: str) -> None:
        """Remove the rows whose ``column`` is one of ``values``.

        Args:
            transaction: begins with the id of whoever holds the lake, so that what a kill leaves
                behind is swept away.

        Raises:
            Retry: another process committed to the table in between.
        """
        if values and self.version(name) >= 0:
            self._exchange(self._handle(name), name, [], set(values), column, [transaction])

    def append(self, name: str, rows: pa.Table, transaction: str | None = None) -> None:
        """Add rows in one commit; under a transaction that was seen before, do nothing."""
        # One of its own else, by which a commit is known whose answer was lost
        self._append(name, rows, transaction or f"append-{secrets.token_hex(8)}")

    @persistent
    @_translated_errors
    def _append(self, name: str, rows: pa.Table, transaction: str) -> None:
        table = self._handle(name)
        if table.transaction_version(transaction) is None:
            write_deltalake(
                table,
                rows.cast(bare(name)),
                mode="append",
                writer_properties=properties_of(name),
                commit_properties=once(transaction),
            )

    @persistent
    @_translated_errors
    def replace(
        self,
        name: str,
        rows: pa.Table | Callable[[], pa.RecordBatchReader],
        transaction: str | None = None,
    ) -> None:
        """Make ``rows`` the whole table in one commit.

        Args:
            rows: or what gives them, as often as it is asked: they may have to be written again.
        """
        table = self._handle(name)
        given = rows if isinstance(rows, pa.Table) else rows()
        write_deltalake(
            table,
            given.cast(bare(name)),
            mode="overwrite",
            writer_properties=properties_of(name),
            commit_properties=once(transaction) if transaction else None,
        )

    @persistent
    @_translated_errors
    def vacuum(self, name: str, keep: Sequence[int] = (), hours: int = 0) -> int:
        """Delete for good the files that the newest version of a table does not need.

        Nobody may be writing: what is not committed yet goes as well. Whoever still reads an
        older version finds its files gone.

        Args:
            keep: older versions whose files stay. hours: for which files stay that are not needed.
        """
        if self.version(name) < 0:
            return 0
        return len(
            self._handle(name).vacuum(
                retention_hours=hours,
                dry_run=False,
                enforce_retention_duration=False,
                full=True,
                keep_versions=list(keep) or None,
            )
        )

    @persistent
    @_translated_errors
    def checkpoint(self, name: str) -> int:
        """Write all that a table's log says into one file.

        Returns:
            The version that it is of.
        """
        table = self._handle(name)
        table.create_checkpoint()
        return table.version()

    @persistent
    @_translated_errors
    def exchange(
        self, name: str, column: str, values: Collection[str], rows: pa.Table, run_id: str
    ) -> None:
        """Put rows in the place of those whose ``column`` is one of ``values``, in one commit.

        Args:
            run_id: of whoever holds the lake, so that what a kill leaves behind is swept away.

        Raises:
            Retry: another process committed to the table in between.
        """
        stem = f"part-{run_id}-{name}-{self.version(name)}"
        parts = [write_part(self.storage, rows, name, stem)] if rows.num_rows else []
        # What takes rows out a second time is another commit than the first: no transaction of it
        once = f"{run_id}-{name}-{self.version(name)}"
        self._exchange(self._handle(name), name, parts, set(values), column, [once])

    @persistent
    @_translated_errors
    def mark(self, name: str, transaction: str) -> None:
        """Say of a table, as it stands, what it was made of: a commit that changes no row."""
        self._written(self._handle(name), name, [], [transaction])
