"""Batches of an order, shared out among ranks, and the place at which a training stands.

Needs no PyTorch: it is what PyTorch's ``DataLoader`` takes as ``batch_sampler``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.errors import UsageError
from echoatlas.wording import number_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from echoatlas.loader.order import Order
    from echoatlas.loader.stage import Stage


class Batches:
    """The batches of one rank: lists of positions, epoch after epoch.

    The ranks' batches together are the next ``batch * world`` samples of the one order; so whoever
    resumes with another number of ranks, or other batches, sees what was not seen yet, once each.
    Iterating yields what is left of the epoch and moves nothing, since readers look ahead:
    ``took`` is told when a batch was trained on.

    Attributes:
        epoch: from 0. position: samples of the epoch that all ranks together have seen.
    """

    def __init__(
        self,
        order: Order,
        batch: int,
        *,
        rank: int = 0,
        world: int = 1,
        drop_last: bool = True,
    ) -> None:
        if batch < 1 or not 0 <= rank < world:
            raise UsageError("batches need a size of 1 or more, and a rank below the world's size")
        self.order, self.batch, self.drop_last = order, batch, drop_last
        self.rank, self.world = rank, world
        self.epoch = self.position = 0
        self._found: tuple[int, NDArray[np.int32]] | None = None

    @property
    def stage(self) -> Stage:
        """The stage of the curriculum that the epoch is of."""
        return self.order.stages[self.order.stage_of(self.epoch)]

    @property
    def _positions(self) -> NDArray[np.int32]:
        if self._found is None or self._found[0] != self.epoch:
            self._found = self.epoch, self.order.positions(self.epoch)
        return self._found[1]

    @property
    def left(self) -> NDArray[np.int32]:
        """Positions that all ranks together have still to see of the epoch, in order."""
        return self._positions[self.position :]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_found": None}

    def __len__(self) -> int:
        """Batches that are left of the epoch, the same for all ranks if ``drop_last``."""
        left = max(len(self._positions) - self.position, 0)
        whole, rest = divmod(left, self.batch * self.world)
        return whole + (not self.drop_last and rest > self.rank)

    def __iter__(self) -> Iterator[list[int]]:
        ordered, step = self._positions, self.batch * self.world
        if not self.position and len(ordered) and not len(self):
            some = number_of(len(ordered), "sample")
            raise UsageError(
                f"an epoch of {some} has no batch of {self.batch} for each of "
                f"{number_of(self.world, 'rank')}: make it smaller, or say drop_last=False"
            )
        for start in range(self.position, self.position + len(self) * step, step):
            yield ordered[start : start + step][self.rank :: self.world].tolist()

    def took(self, batches: int = 1) -> None:
        """Say that all ranks trained on so many more batches."""
        seen = self.position + batches * self.batch * self.world
        self.position = min(seen, len(self._positions))

    def next_epoch(self) -> None:
        """Go on to the next epoch, from its start."""
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """Where the training stands: a few numbers, the same on all ranks."""
        return {
            "order": self.order.fingerprint,
            "epoch": self.epoch,
            "position": self.position,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where another one stood; nothing is read again to come there.

        Raises:
            UsageError: its order was another one, so that its place means nothing here.
        """
        if not {"order", "epoch", "position"} <= state.keys():
            raise UsageError("this is no state of a loader: it has order, epoch and position")
        if state["order"] != self.order.fingerprint:
            raise UsageError(
                "the state is of another order: resume with the release, split, where, feedback, "
                "seed and stages that it was saved with"
            )
        if min(state["epoch"], state["position"]) < 0:
            raise UsageError("the state stands before the first epoch, or the first sample")
        self.epoch, self.position = int(state["epoch"]), int(state["position"])
