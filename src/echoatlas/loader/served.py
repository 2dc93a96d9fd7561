"""What samples by position offer besides: batches in an order, and a loader of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from echoatlas.loader.batches import Batches
from echoatlas.loader.order import Order
from echoatlas.loader.stage import Ordered, Stage
from echoatlas.pipeline.errors import UsageError

if TYPE_CHECKING:
    from echoatlas.loader.torch_data import Loader


class Served:
    """A base of whatever has samples by position."""

    __slots__ = ()

    def batches(
        self: Ordered,
        batch: int,
        *,
        seed: int = 0,
        stages: Sequence[Stage] = (),
        where: str = "",
        weight: str = "",
        balance: str | Sequence[str] = (),
        samples: int | None = None,
        shuffle: bool = True,
        rank: int = 0,
        world: int = 1,
        drop_last: bool = True,
    ) -> Batches:
        """Batches of positions in a seeded order: a ``batch_sampler`` for PyTorch's DataLoader.

        Args:
            stages: of a curriculum; or, of a training that has but one, what a ``Stage`` takes:
            where, weight, balance, samples: see ``Stage``.
            rank, world: which of how many processes this one is.
            drop_last: leave out what does not fill a batch on every rank. If not, each sample is
                seen, and the last batches may be smaller or missing on some ranks.

        Raises:
            UsageError: an expression or column is wrong, or no sample is left.
        """
        own = (balance,) if isinstance(balance, str) else tuple(balance)
        if stages and (where or weight or own or samples):
            raise UsageError("say where, weight, balance and samples of each stage, or have none")
        told = tuple(stages) or (Stage(None, where, weight, own, samples),)
        order = Order(self, seed, told, shuffle)
        return Batches(order, batch, rank=rank, world=world, drop_last=drop_last)

    def loader(
        self,
        batch: int,
        *,
        workers: int = 0,
        also: Sequence[str] = (),
        channels: int | None = None,
        context: str | None = None,
        rank: int | None = None,
        world: int | None = None,
        **order: Any,
    ) -> Loader:
        """Batches of tensors, with PyTorch's workers, resumable at each of them.

        Args:
            workers: processes that read; 0 reads in this one.
            also, channels: what ``collate`` takes.
            context: "fork", "spawn" or "forkserver"; the platform's own if not given.
            rank, world: of ``torch.distributed`` if that is in use and they are not given.
            order: what ``batches`` takes.

        Raises:
            UsageError: PyTorch is missing, or see ``batches``.
        """
        try:
            from echoatlas.loader.torch_data import Loader, rank_and_world
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise UsageError("a loader needs PyTorch (`pip install torch`)") from None
        if workers < 0:
            raise UsageError("workers: 0 reads in this process")
        own, of = rank_and_world(rank, world)
        batches = self.batches(batch, rank=own, world=of, **order)  # type: ignore[misc]
        return Loader(self, batches, workers=workers, also=also, channels=channels, context=context)
