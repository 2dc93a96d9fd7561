"""In which order samples are shown: stages of a curriculum, weights, balance, and chance by seed.

An order is told by a few words and computed anew wherever it is wanted: every rank and worker, and
whoever resumes, comes to the same samples by the same numbers, whatever was read before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.loader.pool import Pool, pool_of
from echoatlas.loader.stage import Stage
from echoatlas.pipeline.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.loader.stage import Ordered


DRAWING = 2  # the way of drawing: raised when other samples come of the same words


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
    _pools: dict[int, Pool] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError("a seed is 0 or more")
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
            self._pools = {
                number: pool_of(self.data, self.stages[number])
            }  # of one stage at a time
        pool = self._pools[number]
        wanted = self.stages[number].samples
        chance = np.random.Generator(np.random.PCG64([self.seed, epoch]))
        if pool.ends is not None or pool.groups is not None:
            order = pool.drawn(wanted or len(pool.positions), chance)
        else:
            order = np.arange(len(pool.positions), dtype=np.int32)
            if self.shuffle:
                chance.shuffle(order)
            if wanted is not None:
                order = np.resize(order, wanted)
        return pool.positions[order]

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
        if any(stage.weight or stage.balance for stage in self.stages):
            told["drawing"] = DRAWING
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
