"""Columns of tables compared with each other as columns: no row becomes a Python object."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Column: TypeAlias = "pa.Array | pa.ChunkedArray"


def coded(values: Column) -> tuple[NDArray[np.int64], pa.Array]:
    """Values as numbers: (n,) of each the place of its first like among the distinct, and these."""
    # Chunks that are joined first have one dictionary, else each its own
    found = values.combine_chunks() if _chunked(values) else values
    if not pa.types.is_dictionary(found.type):
        found = found.dictionary_encode()
    return found.indices.to_numpy(zero_copy_only=False).astype(np.int64), found.dictionary


def distinct_pairs(
    first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct pairs of two columns of numbers from 0, ascending, as two columns (k,)."""
    wide = int(second.max(initial=0)) + 1
    pairs = np.unique(first * wide + second)
    return pairs // wide, pairs % wide


def places(values: Column, known: Column) -> NDArray[np.int64]:
    """Where each of ``values`` stands first in ``known``, (n,); -1 where it does not."""
    found = pc.index_in(values, value_set=known)
    return _flat(pc.fill_null(found, -1)).astype(np.int64)


def among(values: Column, known: Column) -> NDArray[np.bool_]:
    """Whether each of ``values`` stands in ``known``, (n,)."""
    return _flat(pc.is_in(values, value_set=known)).astype(np.bool_)


def flags(values: Column) -> NDArray[np.bool_]:
    """A column of truth values, (n,); false where there is none."""
    return _flat(pc.fill_null(values, False)).astype(np.bool_)


def integers(values: Column) -> NDArray[np.int64]:
    """A column of whole numbers, (n,)."""
    return _flat(values).astype(np.int64)


def counts(values: Column) -> Mapping[str, int]:
    """Distinct values to how often they stand, in order."""
    found = pc.value_counts(values)
    pairs = zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)
    return dict(sorted(pairs))


def _flat(values: Column) -> NDArray[np.generic]:
    found: NDArray[np.generic] = (
        values.to_numpy() if _chunked(values) else values.to_numpy(zero_copy_only=False)
    )
    return found


def _chunked(values: Column) -> bool:
    return isinstance(values, pa.ChunkedArray)
