"""In which order samples are shown: stages of a curriculum, weights, balance, and chance by seed.

An order is told by a few words and computed anew wherever it is wanted: every rank and worker, and
whoever resumes, comes to the same samples by the same numbers, whatever was read before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from echoatlas.pipeline.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.loader.index import Index


MOST_GROUPS = 1 << 16  # that are counted as they are numbered, with gaps


class Ordered(Protocol):
    """What can be brought into an order: samples by position, each with its row of the index."""

    @property
    def samples(self) -> Index: ...

    @property
    def rows(self) -> NDArray[np.int32] | None: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a training: which samples, how often each, for how many epochs.

    Attributes:
        epochs: how long it lasts; for ever if None, as the last of them must.
        where: SQL expression over the index's columns; all samples if empty.
        weight: SQL expression over them, from 0: how often a sample is drawn; 0 is never.
        balance: columns whose combinations of values shall be drawn equally often.
        samples: drawn in an epoch; as many as there are if None.
        name: for whoever reads ``Batches.stage``.
    """

    epochs: int | None = None
    where: str = ""
    weight: str = ""
    balance: tuple[str, ...] = ()
    samples: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.balance, str):
            object.__setattr__(self, "balance", (self.balance,))
        for told, value in (("epochs", self.epochs), ("samples", self.samples)):
            if value is not None and value < 1:
                raise UsageError(f"a stage's {told} must be 1 or more, or None")


@dataclass
class Order:
    """The order of every epoch.

    Attributes:
        data: what is brought into order, by position.
        seed: of all that is left to chance.
        stages: one after the other.
        shuffle: False keeps samples in the order of ``data``.

    Raises:
        UsageError: stages never begin, or a column that they name is not there.
    """

    data: Ordered
    seed: int = 0
    stages: Sequence[Stage] = (Stage(),)
    shuffle: bool = True
    _pools: dict[int, tuple[NDArray[np.int32], NDArray[np.float64] | None]] = field(
        init=False, default_factory=dict, repr=False
    )

    def __post_init__(self) -> None:
        if not self.stages or any(one.epochs is None for one in self.stages[:-1]):
            raise UsageError("of a curriculum's stages only the last lasts for ever: name epochs")
        if not self.shuffle and any(one.weight or one.balance for one in self.stages):
            raise UsageError("what is drawn by weight has no order of its own: leave out shuffle")

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_pools": {}}

    def stage_of(self, epoch: int) -> int:
        """The number of the stage that an epoch is of; the last when all are over."""
        end = 0
        for number, stage in enumerate(self.stages):
            end += stage.epochs or 0
            if stage.epochs is None or epoch < end:
                return number
        return len(self.stages) - 1

    def positions(self, epoch: int) -> NDArray[np.int32]:
        """Which samples an epoch shows, in order, by position in ``data``.

        Without weights and balance each once. With them they are drawn at even steps along the
        sum of weights: a sample comes as often as its share says, rounded down or up.
        """
        number = self.stage_of(epoch)
        if number not in self._pools:
            self._pools = {number: self._pool(self.stages[number])}  # of one stage at a time
        pool, weights = self._pools[number]
        wanted = self.stages[number].samples
        chance = np.random.Generator(np.random.PCG64([self.seed, epoch]))
        if weights is not None:
            return pool[_drawn(weights, wanted or len(pool), chance)]
        order = np.arange(len(pool), dtype=np.int32)
        if self.shuffle:
            chance.shuffle(order)
        if wanted is not None:
            order = np.resize(order, wanted)
        return pool[order]

    @property
    def fingerprint(self) -> str:
        """16 hex digits over all that the order depends on."""
        rows = self.data.rows
        told = {
            "index": str(self.data.samples.identity),
            "rows": None if rows is None else hashlib.sha256(rows.tobytes()).hexdigest(),
            "samples": len(self.data),
            "seed": self.seed,
            "shuffle": self.shuffle,
            "stages": [asdict(stage) for stage in self.stages],
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def _pool(self, stage: Stage) -> tuple[NDArray[np.int32], NDArray[np.float64] | None]:
        """Positions that a stage has, and their weights if they are not alike."""
        index, rows = self.data.samples, self.data.rows
        pool = np.arange(len(self.data), dtype=np.int32)
        if stage.where.strip():
            chosen = np.zeros(len(index), bool)
            chosen[index.where_true(stage.where)] = True
            pool = np.flatnonzero(chosen if rows is None else chosen[rows]).astype(np.int32)
        if not len(pool):
            raise UsageError(f"no sample is of stage '{stage.name or stage.where}'")
        own = pool if rows is None else rows[pool]
        weights: NDArray[np.float64] | None = None
        if stage.weight.strip():
            weights = _scored(index, own, stage.weight)
        if stage.balance:
            codes = _groups(index, own, stage.balance)
            even = 1.0 / np.bincount(codes)[codes]
            weights = even if weights is None else even * weights
            # What is drawn at even steps then comes to each group as often, up to one
            order = np.argsort(codes, kind="stable")
            pool, weights = pool[order], weights[order]
        if weights is not None and not weights.sum() > 0:
            raise UsageError(f"weight '{stage.weight}' is 0 for all samples")
        return pool, weights


def _scored(index: Index, rows: NDArray[np.int32], expression: str) -> NDArray[np.float64]:
    """(n,) what an expression is for these rows, among themselves."""
    from echoatlas.pipeline.release.selection import with_score

    with_score(index.schema.empty_table(), "weight", expression)  # what is wrong, among all columns
    found = with_score(index.mentioned(expression).take(rows), "weight", expression)
    values: NDArray[np.float64] = found.column(found.num_columns - 1).to_numpy()
    return values


def _groups(index: Index, rows: NDArray[np.int32], columns: Sequence[str]) -> NDArray[np.int64]:
    """(n,) a number for each combination of the columns' values."""
    codes, most = np.zeros(len(rows), np.int64), 1
    for name in columns:
        index.demand(name)
        # Without taking the texts of millions of rows: their numbers alone are taken
        coded = index.column(name).dictionary_encode(null_encoding="encode").combine_chunks()
        values = len(coded.dictionary) + 1
        codes = codes * values + np.asarray(coded.indices)[rows]
        most *= values
        if most > len(rows) + MOST_GROUPS:
            codes = np.unique(codes, return_inverse=True)[1].reshape(-1)
            most = len(rows)
    return codes


def _drawn(
    weights: NDArray[np.float64], count: int, chance: np.random.Generator
) -> NDArray[np.int64]:
    """(count,) which are drawn, shuffled."""
    ends = np.cumsum(weights)
    ticks = (np.arange(count) + chance.random()) * (ends[-1] / count)
    # What is drawn at the very end is the last that has a weight
    last = np.flatnonzero(weights)[-1]
    found: NDArray[np.int64] = np.minimum(np.searchsorted(ends, ticks, "right"), last)
    chance.shuffle(found)
    return found
