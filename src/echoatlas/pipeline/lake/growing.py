"""Arrays put together bit by bit: never are all parts and the whole in memory at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)
LEAST = 1 << 14  # rows that there is room for at first, where nobody knows how many come
MORE = 1.5  # times the room when it is full; what is not filled yet takes no memory


def grown(parts: Iterable[NDArray[Any]], kind: type[Number], *row: int) -> NDArray[Number]:
    """Parts, one after the other.

    Args:
        parts: (m, \\*row) each, of any numbers that ``kind`` holds.
        row: shape of one row; a number if not given.

    Returns:
        (n, \\*row) of ``kind``.
    """
    known = sum(map(len, parts)) if isinstance(parts, Sequence) else LEAST
    room: NDArray[Number] = np.empty((known, *row), kind)
    filled = 0
    for part in parts:
        end = filled + len(part)
        if end > len(room):
            # In place, by moving pages; nobody else sees this array before it is done
            room.resize((max(int(len(room) * MORE), end), *row), refcheck=False)
        room[filled:end] = part
        filled = end
    room.resize((filled, *row), refcheck=False)
    return room
