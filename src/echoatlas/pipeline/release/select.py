"""Select what goes into a release, or out of one: SQL expressions over an index table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.database import WRONG_SQL, database
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.join import coded
from echoatlas.pipeline.release.wrong_expression import (
    CONDITION,
    demand_repeatable,
    kind_of,
    shown,
    wrong_expression,
)
from echoatlas.pipeline.scratch import Allowance

if TYPE_CHECKING:
    from echoatlas.pipeline.database import Connection

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


def rows_where(
    index: pa.Table,
    expression: str,
    allowance: Allowance | None = None,
    option: str = "--where",
) -> pa.Array:
    """The numbers of those rows, int64 and ascending; see ``filter_rows``.

    Args:
        option: what the expression was given by, for messages.
    """
    numbered = without_nan(index).append_column("_row", pa.array(np.arange(index.num_rows)))
    with database(allowance, closed=True) as asked:
        asked.register("t", numbered)
        try:
            _demand_condition(asked, expression, option)
            demand_repeatable(asked, expression, option, index.column_names)
            kept = asked.sql(f"SELECT _row FROM t WHERE ({expression}\n) ORDER BY _row")
            return kept.to_arrow_table().column("_row").combine_chunks()
        except WRONG_SQL as error:
            raise wrong_expression(option, expression, numbered.schema, error) from None


def _demand_condition(asked: Connection, expression: str, option: str) -> None:
    """Refuse what is true of all rows, or of none, since it asks nothing: a number, a text."""
    kinds = [str(one) for one in asked.sql(f"SELECT ({expression}\n) FROM t LIMIT 0").types]
    if kinds != ["BOOLEAN"]:
        what = kind_of(kinds[0]) if len(kinds) == 1 else "several columns"
        raise UsageError(
            f"{option}: {shown(expression)}: no condition, but {what}; say one such as {CONDITION}"
        )


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
