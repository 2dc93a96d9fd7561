"""What a stage of a training draws from; made in parts, so that millions take little memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.loader.index import Index
    from echoatlas.loader.stage import Ordered, Stage

MOST_GROUPS = 1 << 16  # that are counted as they are numbered, with gaps
MOST_CODE = 1 << 31
BLOCK = 1 << 16  # samples that are drawn or sorted together


@dataclass(frozen=True, slots=True)
class Pool:
    """The samples of a stage, and how often each is drawn.

    Attributes:
        positions: (n,) of its samples; those of a group together, if there are groups.
        ends: (n,) sums of weights up to and with each. None if all weigh the same.
        groups: (G + 1,) where each group begins, and the end; each is drawn as often.
    """

    positions: NDArray[np.int32]
    ends: NDArray[np.float64] | None = None
    groups: NDArray[np.int64] | None = None

    def drawn(self, count: int, chance: np.random.Generator) -> NDArray[np.int32]:
        """(count,) which of ``positions`` are drawn, at even steps, shuffled."""
        begin = chance.random()
        found = np.empty(count, np.int32)
        for start in range(0, count, BLOCK):
            ticks = (np.arange(start, min(start + BLOCK, count)) + begin) / count
            found[start : start + BLOCK] = self._at(ticks)
        chance.shuffle(found)
        return found

    def _at(self, shares: NDArray[np.float64]) -> NDArray[np.int64]:
        """The samples at shares, from 0 to below 1, of the sum of weights."""
        if self.ends is not None:
            # What is drawn at the very end is the last that has a weight
            last = np.searchsorted(self.ends, self.ends[-1], "left")
            found = np.searchsorted(self.ends, shares * self.ends[-1], "right")
            return np.asarray(np.minimum(found, last), np.int64)
        assert self.groups is not None
        ticks = shares * (len(self.groups) - 1)
        group = np.minimum(ticks.astype(np.int64), len(self.groups) - 2)
        first, end = self.groups[group], self.groups[group + 1]
        inside = ((ticks - group) * (end - first)).astype(np.int64)
        return np.asarray(np.minimum(first + inside, end - 1), np.int64)


def pool_of(data: Ordered, stage: Stage) -> Pool:
    """What a stage draws from.

    Raises:
        UsageError: nothing, or an expression or a column is wrong.
    """
    index, rows = data.samples, data.rows
    if stage.where.strip():
        chosen = np.zeros(len(index), bool)
        chosen[index.where_true(stage.where)] = True
        pool = np.flatnonzero(chosen if rows is None else chosen[rows]).astype(np.int32)
        own = pool if rows is None else rows[pool]
    else:
        pool = np.arange(len(data), dtype=np.int32)
        own = pool if rows is None else rows
    if not len(pool):
        of = stage.name or stage.where
        raise UsageError(
            f"no sample is of stage '{of}'" if of else "no sample is left to draw from"
        )
    weights = _weights(index, own, stage.weight) if stage.weight.strip() else None
    groups: NDArray[np.int64] | None = None
    if stage.balance:
        codes = _groups(index, own, stage.balance)
        counts = np.bincount(codes)
        if weights is not None:
            weights /= counts[codes]
        # What is drawn at even steps then comes to each group as often, up to one
        order = _by_group(codes, counts)
        pool = pool[order]
        weights = None if weights is None else weights[order]
        groups = np.concatenate([[0], np.cumsum(counts[counts > 0])])
    if weights is None:
        return Pool(pool, groups=groups)
    if not weights.sum() > 0:
        raise UsageError(f"weight '{stage.weight}' is 0 for all samples")
    return Pool(pool, ends=np.cumsum(weights, out=weights))


def _weights(index: Index, rows: NDArray[np.int32], expression: str) -> NDArray[np.float64]:
    """(n,) what an expression is for these rows, among themselves."""
    from echoatlas.pipeline.release.selection import row_scores

    row_scores(index.schema.empty_table(), "weight", expression)  # what is wrong, among all columns
    names = index.mentioned(expression)
    return row_scores(
        pa.table({one: _taken(index, one, rows) for one in names}), "weight", expression
    )


def _taken(index: Index, name: str, rows: NDArray[np.int32]) -> pa.ChunkedArray:
    """A column in some rows; if these ascend, part after part."""
    if np.any(rows[1:] < rows[:-1]):
        return index.column(name).take(rows)
    found, start = [], 0
    for part in index.parts(name):
        low, high = np.searchsorted(rows, [start, start + len(part)])
        found.append(part.take(pa.array(rows[low:high] - start)))
        start += len(part)
    return pa.chunked_array(found, index.schema.field(name).type)


def _groups(index: Index, rows: NDArray[np.int32], columns: Sequence[str]) -> NDArray[np.int32]:
    """(n,) a number for each combination of the columns' values."""
    codes, most = np.zeros(len(rows), np.int32), 1
    for name in columns:
        index.demand(name)
        if pa.types.is_nested(index.schema.field(name).type):
            raise UsageError(
                f"balance: a sample has several values of '{name}'; name another column"
            )
        coded, values = _coded(index, name)
        wide = codes.astype(np.int64) if most * values >= MOST_CODE else codes
        wide *= values
        wide += coded[rows]
        most *= values
        if most > len(rows) + MOST_GROUPS:
            wide = np.unique(wide, return_inverse=True)[1].reshape(-1)
            most = len(rows)
        codes = wide.astype(np.int32, copy=False)
    return codes


def _coded(index: Index, name: str) -> tuple[NDArray[np.int32], int]:
    """(N,) the number of each row's value, in order of appearance, and how many there are."""
    known: dict[object, int] = {}
    codes, start = np.empty(len(index), np.int32), 0
    for part in index.parts(name):
        coded = part.dictionary_encode(null_encoding="encode")
        values = coded.dictionary.to_pylist()
        numbers = np.array([known.setdefault(one, len(known)) for one in values], np.int32)
        codes[start : start + len(part)] = numbers[np.asarray(coded.indices)]
        start += len(part)
    return codes, len(known)


def _by_group(codes: NDArray[np.int32], counts: NDArray[np.int64]) -> NDArray[np.int32]:
    """(n,) places in order of their groups, by counting: a sort takes three times the memory."""
    ends = np.cumsum(counts) - counts
    order = np.empty(len(codes), np.int32)
    for start in range(0, len(codes), BLOCK):
        part = codes[start : start + BLOCK]
        places = np.argsort(part, kind="stable")
        groups, first, times = np.unique(part[places], return_index=True, return_counts=True)
        rank = np.arange(len(part)) - np.repeat(first, times)
        order[np.repeat(ends[groups], times) + rank] = start + places
        ends[groups] += times
    return order
