"""Where a batch's pictures are decoded to."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def room(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An empty array of uint8.

    In a worker of PyTorch's DataLoader it lies in memory that the trainer's process maps, so that
    a batch is not copied on its way: ``tensor_of`` has the tensor.
    """
    data = sys.modules.get("torch.utils.data")
    if data is None or data.get_worker_info() is None:
        return np.empty(shape, np.uint8)
    empty = sys.modules["torch"].empty(0, dtype=sys.modules["torch"].uint8)
    shared = empty.new(empty._typed_storage()._new_shared(math.prod(shape), device="cpu"))
    found: NDArray[np.uint8] = shared.resize_(*shape).numpy()
    return found


def tensor_of(pictures: Any) -> Any:
    """The tensor that an array of ``room`` is a view of, or None."""
    base = getattr(pictures, "base", None)
    return base if type(base).__module__.startswith("torch") else None
