"""Select what goes into a release, or out of one: SQL expressions over an index table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.database import SqlError, database
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.join import coded
from echoatlas.pipeline.scratch import Allowance

if TYPE_CHECKING:
    from echoatlas.pipeline.database import Connection

OURS = re.compile(r', "_row"|"_row"(, )?')  # the number of a row, among columns that are offered
REPEATED = ("frame_id", "representative", "object_id", "pane")  # what ``repeated_frames`` looks at


def filter_rows(index: pa.Table, expression: str) -> pa.Table:
    """The rows for which a SQL expression over the columns is true, in the same order.

    A number that is none (NaN) counts as missing: to DuckDB it is greater than all others.

    Args:
        expression: such as ``region = 'thorax' AND blur > 50``; empty keeps all.

    Raises:
        UsageError: one line that says what is wrong, and names the nearest column.
    """
    return index.take(rows_where(index, expression)) if expression.strip() else index


def rows_where(index: pa.Table, expression: str, allowance: Allowance | None = None) -> pa.Array:
    """The numbers of those rows, int64 and ascending; see ``filter_rows``."""
    numbered = without_nan(index).append_column("_row", pa.array(np.arange(index.num_rows)))
    with database(allowance, closed=True) as asked:
        asked.register("t", numbered)
        try:
            _demand_condition(asked, expression)
            kept = asked.sql(f"SELECT _row FROM t WHERE ({expression}\n) ORDER BY _row")
            return kept.to_arrow_table().column("_row").combine_chunks()
        except SqlError as error:
            raise UsageError(told_in_one_line("--where", error)) from None


def _demand_condition(asked: Connection, expression: str) -> None:
    """Refuse what is true of all rows, or of none, since it asks nothing: a number, a text."""
    (kind,) = asked.sql(f"SELECT ({expression}\n) FROM t LIMIT 0").types
    if str(kind) != "BOOLEAN":
        raise UsageError(
            f"--where: {expression.strip()} is no condition ({str(kind).lower()}); say one such as "
            "organ = 'liver'"
        )


def told_in_one_line(option: str, error: SqlError) -> str:
    """What is wrong with an expression."""
    message = str(error).split("\n\n")[0].replace("\n", " ")
    message = OURS.sub("", message)
    return f"{option}: {message}"


def without_nan(index: pa.Table) -> pa.Table:
    """An index in which a number that is none is missing."""
    for place, field in enumerate(index.schema):
        if pa.types.is_floating(field.type):
            column = index.column(place)
            known = pc.if_else(pc.is_nan(column), pa.scalar(None, field.type), column)
            index = index.set_column(place, field.with_nullable(True), known)
    return index


def repeated_frames(index: pa.Table) -> NDArray[np.bool_]:
    """Which frames are of clips that something selected stands for, (n,): each clip whole or not.

    Where what stands for clips was not selected, the longest of them stay that show more than
    those before them, the first of equally long ones.

    Args:
        index: ``REPEATED`` of what is selected; text may be dictionaries.
    """
    heads, names = coded(index.column("representative"))
    own = pc.index_in(_plain(index.column("frame_id")), value_set=names)
    owners = pc.fill_null(own, -1).to_numpy().astype(np.int64)  # -1 stands for nobody
    here = np.zeros(len(names), np.bool_)
    here[owners[owners >= 0]] = True
    rows = np.flatnonzero(heads != owners)
    gone = np.zeros(index.num_rows, np.bool_)
    claimed: set[int] = set()
    for clip in _longest_first(index.select(["object_id", "pane"]).take(pa.array(rows))):
        mine = rows[clip]
        shown = np.unique(heads[mine])
        if here[shown].any() or claimed.issuperset(shown.tolist()):
            gone[mine] = True
        claimed.update(shown.tolist())
    return gone


def _longest_first(index: pa.Table) -> Iterator[NDArray[np.int64]]:
    """The rows of each clip; of equally long ones the first by object and pane."""
    if not index.num_rows:
        return
    objects, names = coded(index.column("object_id"))
    rank = np.empty(len(names), np.int64)
    rank[pc.sort_indices(names).to_numpy()] = np.arange(len(names))
    panes = index.column("pane").to_numpy()
    clips, number = np.unique(np.stack([rank[objects], panes], axis=1), axis=0, return_inverse=True)
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(number, minlength=len(clips)))[:-1])
    lengths = np.array([len(one) for one in parts])
    for place in np.lexsort((np.arange(len(parts)), -lengths)).tolist():
        yield parts[place]


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(values, pa.string()) if pa.types.is_dictionary(values.type) else values
