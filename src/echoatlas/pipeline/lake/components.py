"""What edges tie together, however indirectly: of numbers, and without a sparse matrix.

SciPy's components do the same, but importing it takes as long as all else of a small release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def smallest_tied(
    number: int, one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(number,) of each node the smallest one that edges lead to from it; itself if none does.

    Each turn ties what is the smallest of its own to something smaller where an edge leads there,
    so that at least half of those that an edge still leads away from are gone after two turns.

    Args:
        one, other: (m,) both nodes of each edge.
    """
    least = np.arange(number)
    while len(one):
        low, high = least[one], least[other]
        apart = low != high
        low, high = low[apart], high[apart]
        one, other = np.minimum(low, high), np.maximum(low, high)
        np.minimum.at(least, other, one)
        while not np.array_equal(further := least[least], least):
            least = further
    return least
