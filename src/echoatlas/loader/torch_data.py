"""For PyTorch: a release as its ``Dataset`` and ``IterableDataset``, and a loader that resumes.

Imports PyTorch when it is imported, as ``shared_memory`` does; nothing else of the package does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import data as torch_data

from echoatlas.loader.collate import collate
from echoatlas.loader.prefetch import Prefetch
from echoatlas.loader.samples import Batch, Sample

if TYPE_CHECKING:
    from echoatlas.loader.batches import Batches
    from echoatlas.loader.stage import Stage


class Samples(torch_data.Dataset):  # type: ignore[misc]
    """A release by position, for what asks whether it is one of PyTorch's own (map-style)."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, position: int) -> Any:
        return self.data[position]

    def __getitems__(self, positions: Sequence[int]) -> Any:
        return self.data.__getitems__(positions)


class Stream(torch_data.IterableDataset):  # type: ignore[misc]
    """What is left of an epoch, as batches of tensors: ``DataLoader(stream, batch_size=None)``.

    Workers take batches in turn, so that the loader, which asks them in turn, gives all of them
    in order. Where it begins is where ``batches`` stands when iteration starts.
    """

    def __init__(
        self,
        data: Any,
        batches: Batches,
        *,
        also: Sequence[str] = (),
        channels: int | None = None,
    ) -> None:
        self.data, self.batches = data, batches
        self._collate = partial(together, channels=channels, also=tuple(also))

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        worker = torch_data.get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for number, positions in enumerate(self.batches):
            if number % step == first:
                yield self._collate(self.data.__getitems__(positions))


class Loader:
    """Batches of tensors, as ``collate`` makes them. Iterating gives what is left of the epoch.

    What lies on S3 alone is fetched by a process of its own, ahead of the workers.

    What workers have read ahead does not count: ``state_dict`` stands behind the last batch that
    was handed out, also in the middle of an epoch::

        for batch in loader:
            train(batch)
            torch.save({"model": model.state_dict(), "data": loader.state_dict()}, path)
    """

    def __init__(
        self,
        data: Any,
        batches: Batches,
        *,
        workers: int = 0,
        also: Sequence[str] = (),
        channels: int | None = None,
        context: str | None = None,
    ) -> None:
        self.data, self.batches = data, batches
        self._read: Any = torch_data.DataLoader(
            Samples(data),
            batch_sampler=batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            multiprocessing_context=context if workers else None,
            collate_fn=partial(together, channels=channels, also=tuple(also)),
        )

    @property
    def epoch(self) -> int:
        """The epoch of the next batch, from 0."""
        return self.batches.epoch

    @property
    def stage(self) -> Stage:
        """The stage of the curriculum that the next batch is of."""
        return self.batches.stage

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        ahead, start = Prefetch(self.data, self.batches.left), self.batches.position
        try:
            for batch in self._read:
                self.batches.took()
                ahead.passed(self.batches.position - start)
                yield batch
        finally:
            ahead.close()
        self.batches.next_epoch()

    def state_dict(self) -> dict[str, Any]:
        """See ``Batches.state_dict``."""
        return self.batches.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See ``Batches.load_state_dict``."""
        self.batches.load_state_dict(state)


def together(items: Any, channels: int | None, also: Sequence[str]) -> Any:
    """Samples by ``collate``; what a transform made of them as PyTorch does by itself."""
    if isinstance(items, Batch) or all(isinstance(one, Sample) for one in items):
        return collate(items, channels, also)
    return torch_data.default_collate(items)


def rank_and_world(rank: int | None, world: int | None) -> tuple[int, int]:
    """Rank and world as given, else those of ``torch.distributed``, else alone."""
    group = torch.distributed
    if rank is None and world is None and group.is_available() and group.is_initialized():
        return int(group.get_rank()), int(group.get_world_size())
    return rank or 0, world or 1
