"""Samples that may go into a release: rows of a table on disk, of which columns are had one by one.

A lake's index is some 60 columns of millions of rows. What decides on a release looks at few of
them at a time; all of them together are read once, in the order in which they are published.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoatlas.pipeline.database import TOGETHER, Connection
from echoatlas.pipeline.scratch import Allowance

ROW = "row"  # the column that numbers a table's rows, from 0


@dataclass(slots=True)
class Candidates:
    """The rows of a table, and which of them are still in.

    Attributes:
        asked: the database that has it.
        table: its name there; it has ``row``, from 0, beside its own columns.
        schema: of its own columns, in order.
        inside: (n,) which rows are in.
    """

    asked: Connection
    allowance: Allowance
    table: str
    schema: pa.Schema
    inside: NDArray[np.bool_]
    _elsewhere: dict[str, str] = field(default_factory=dict)  # column to the table that has it
    _puts: int = 0

    @staticmethod
    def of(asked: Connection, allowance: Allowance, table: str) -> Candidates:
        """All rows of a table."""
        schema = asked.sql(f"SELECT * EXCLUDE ({ROW}) FROM {table} LIMIT 0").to_arrow_table().schema
        ((number,),) = asked.sql(f"SELECT count(*) FROM {table}").fetchall()
        return Candidates(asked, allowance, table, schema, np.ones(number, np.bool_))

    def __len__(self) -> int:
        return int(np.count_nonzero(self.inside))

    @property
    def rows(self) -> NDArray[np.int64]:
        """The numbers of those that are in, ascending."""
        return np.flatnonzero(self.inside)

    @property
    def names(self) -> list[str]:
        """Names of all columns, in order."""
        return list(self.schema.names)

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Leave those that are not chosen.

        Args:
            chosen: (k,) of those that are in.
        """
        inside = np.zeros_like(self.inside)
        inside[self.rows[chosen]] = True
        self.inside = inside

    def put(self, name: str, values: pa.Array | pa.ChunkedArray) -> None:
        """Give a column, a new one or one in another's place, to those that are in."""
        self.asked.register("given", pa.table({ROW: self.rows, name: values}))
        self.put_found(name, "SELECT * FROM given")
        self.asked.unregister("given")

    def put_found(self, name: str, question: str) -> None:
        """The same, of SQL that gives ``row`` and the column for each of those that are in."""
        table = f"put_{self.table}_{name}_{self._puts}"
        self._puts += 1
        self.asked.execute(f'CREATE TABLE "{table}" AS {question}')
        made = self.asked.sql(f'SELECT "{name}" FROM "{table}" LIMIT 0').to_arrow_table().schema
        place = self.schema.get_field_index(name)
        (field,) = made
        self.schema = self.schema.append(field) if place < 0 else self.schema.set(place, field)
        if before := self._elsewhere.get(name):
            self.asked.execute(f'DROP TABLE "{before}"')
        self._elsewhere[name] = table

    def source(self, names: Sequence[str] | None = None) -> str:
        """SQL for the rows that are in, with ``row`` and some columns; all if not given.

        Only while ``these`` is open: it knows which rows are in.
        """
        chosen = self.names if names is None else names
        moved = [one for one in chosen if one in self._elsewhere]
        own = ", ".join([f"w.{ROW}", *(self._said(one) for one in chosen)])
        # Each that is in has its row there: the side is said only so that no best order is sought
        joined = " ".join(
            f'LEFT JOIN "{self._elsewhere[one]}" ON w.{ROW} = "{self._elsewhere[one]}".{ROW}'
            for one in moved
        )
        within = f"(FROM {self.table} SEMI JOIN these USING ({ROW}))"
        return f"SELECT {own} FROM {within} w {joined}"

    def _said(self, name: str) -> str:
        return f'"{self._elsewhere[name]}"."{name}"' if name in self._elsewhere else f'w."{name}"'

    @contextmanager
    def these(self) -> Iterator[Connection]:
        """The database, in which ``these`` names the rows that are in."""
        self.asked.register("these", pa.table({ROW: self.rows}))
        yield self.asked
        self.asked.unregister("these")

    def fetched(self, names: Sequence[str]) -> pa.Table:
        """Some columns of those that are in, in the order of their rows."""
        return self._columns(names, coded=False)

    def coded(self, names: Sequence[str]) -> pa.Table:
        """The same, columns of text as dictionaries; of many rows one column is read at a time."""
        return self._columns(names, coded=True)

    def _columns(self, names: Sequence[str], *, coded: bool) -> pa.Table:
        lying: dict[str, list[str]] = {}
        for name in names:
            lying.setdefault(self._elsewhere.get(name, self.table), []).append(name)
        found: dict[str, pa.Array] = {}
        for table, there in lying.items():
            at_once = len(there) if len(self.inside) <= TOGETHER else 1
            for start in range(0, len(there), at_once):
                found |= self._read(table, there[start : start + at_once], coded=coded)
        return pa.table({name: found[name] for name in names})

    def _read(self, table: str, names: Sequence[str], *, coded: bool) -> dict[str, pa.Array]:
        """Columns of a table, of those that are in: read as they lie, and put in order as columns.
        To join and to sort in SQL what has a number already takes five times as long."""
        some = ", ".join(f'"{name}"' for name in names)
        found = self.asked.sql(f'SELECT {ROW}, {some} FROM "{table}"').to_arrow_table()
        rows, wanted = found.column(0).to_numpy(), self.rows
        place = None
        if not np.array_equal(rows, wanted):
            places = np.full(len(self.inside), -1, np.int64)
            places[rows] = np.arange(len(rows))
            place = pa.array(places[wanted])
        columns = {}
        for name, chunks in zip(names, found.columns[1:], strict=True):
            column = chunks.combine_chunks()
            if place is not None:
                column = column.take(place)
            if coded and pa.types.is_string(column.type):
                column = column.dictionary_encode()  # now: it names nobody who is not in
            columns[name] = column
        return columns

    def where(self, condition: str, **tables: pa.Table) -> NDArray[np.bool_]:
        """Of which of those that are in something is true, (k,).

        Args:
            condition: SQL over all columns, and over ``tables``. Ours: what people write is asked
                elsewhere.
        """
        for name, rows in tables.items():
            self.asked.register(name, rows)
        with self.these() as asked:
            named = mentioned(self.names, condition)
            found = asked.sql(f"SELECT {ROW} FROM ({self.source(named)}) WHERE {condition}")
            rows = found.to_arrow_table().column(0).to_numpy()
        for name in tables:
            self.asked.unregister(name)
        true = np.zeros_like(self.inside)
        true[rows] = True
        return true[self.rows]

    def counted(self, name: str) -> dict[str, int]:
        """Distinct values, as text, to how many of those that are in have them, in order."""
        return self.counted_by([name])[name]

    def counted_by(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """The same of several columns, each by itself."""
        found = {}
        for name, column in zip(names, self.coded(names).columns, strict=True):
            counts = column.value_counts().to_pylist()
            found[name] = dict(sorted((str(one["values"]), one["counts"]) for one in counts))
        return found

    def distinct(self, name: str) -> int:
        """How many values of a column those that are in have."""
        with self.these() as asked:
            found = asked.sql(f'SELECT count(DISTINCT "{name}") FROM ({self.source([name])})')
            return int(found.fetchall()[0][0])


def mentioned(names: Sequence[str], expression: str) -> list[str]:
    """The columns whose names stand in an expression."""
    words = set(re.findall(r"\w+", expression.lower()))
    return [name for name in names if name.lower() in words]
