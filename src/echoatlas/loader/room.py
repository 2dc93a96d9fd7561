"""Where a batch is laid: in a worker of PyTorch's DataLoader, where the trainer reads it too."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


def room(shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
    """An empty array; in a worker in memory that the trainer's process maps."""
    if _is_worker():
        from echoatlas.loader.shared_memory import lent

        found = lent(shape, dtype)
        if found is not None:
            return found
    return np.empty(shape, dtype)


def laid_together(
    count: int, decoders: Iterable[Callable[[NDArray[np.uint8] | None], NDArray[np.uint8]]]
) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
    """What decoders give, as one array where all are alike, else as one each.

    Args:
        count: of decoders. Each is told where it may lay its pixels, if they are of that shape.
    """
    found: list[NDArray[np.uint8]] = []
    together: NDArray[np.uint8] | None = None
    if count == 1:
        return next(iter(decoders))(None)[None]
    for number, decode in enumerate(decoders):
        place = None if together is None else together[number]
        one = decode(place)
        if not number:
            together = room((count, *one.shape))
            place = together[0]
        if place is not None and one is not place:
            if one.shape == place.shape:
                place[...] = one
                one = place
            else:  # no two need be alike: from here on each stands alone
                together = None
        found.append(one)
    return found if together is None else together


def tensor(array: NDArray[Any]) -> Any:
    """An array as a tensor over the same memory. In a worker it leaves on the shortest way."""
    if _is_worker():
        from echoatlas.loader.shared_memory import sent

        return sent(array)
    import torch

    return torch.from_numpy(array)


def _is_worker() -> bool:
    data = sys.modules.get("torch.utils.data")
    return data is not None and data.get_worker_info() is not None
