"""Split by patient, and by whatever ties patients together, so that nothing leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from echoatlas.pipeline.release.kin import GROUP, TIES


def groups(index: pa.Table) -> list[str]:
    """Name of the group of each row: rows that share a patient, study or picture share it.

    The name is the smallest patient of the group, so that it stays when other data are added;
    patients whom only copies outside of ``index`` tie to it (``kin``) count as well.
    """
    own = index.column("patient")
    kin = index.column(GROUP if GROUP in index.column_names else "patient")
    patients = pc.unique(pa.chunked_array([*own.chunks, *kin.chunks], own.type))
    patients = patients.take(pc.sort_indices(patients))  # a number is a place in order of names
    start = _numbers(own, patients)
    ends, nodes = [_numbers(kin, patients)], len(patients)
    starts = [start]
    for tie in TIES[1:]:
        values = index.column(tie)
        stated = pc.fill_null(pc.not_equal(values, ""), False).to_numpy()
        known = pc.unique(values)
        starts.append(start[stated])
        ends.append(nodes + _numbers(values, known)[stated])
        nodes += len(known)
    edges = np.concatenate(starts), np.concatenate(ends)
    graph = coo_array((np.ones(len(edges[0]), bool), edges), shape=(nodes, nodes))
    group = connected_components(graph, directed=False)[1]
    _, smallest = np.unique(group[: len(patients)], return_index=True)
    # Each group holds a patient, so groups of patients are all the groups there are
    names = patients.take(pa.array(smallest)).to_pylist()
    return [names[number] for number in group[start]]


def _numbers(values: pa.ChunkedArray, known: pa.Array) -> NDArray[np.int64]:
    """The place of each value among those that are known."""
    return np.asarray(pc.index_in(values, known).to_numpy(), np.int64)


def assigned(names: Sequence[str], shares: Mapping[str, float], seed: int) -> list[str]:
    """The split of each group: the same name always goes to the same split.

    Args:
        shares: split to share; scaled to add up to 1.
    """
    total = sum(shares.values())
    known = {name: _drawn(name, shares, total, seed) for name in set(names)}
    return [known[name] for name in names]


def _drawn(name: str, shares: Mapping[str, float], total: float, seed: int) -> str:
    digest = hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest()
    point = int.from_bytes(digest, "big") / 2**64 * total
    for split, share in shares.items():
        if point < share:
            return split
        point -= share
    return list(shares)[-1]
