"""Split by patient, and by whatever ties patients together, so that nothing leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import pyarrow as pa

from echoatlas.pipeline.release.kin import GROUP
from echoatlas.schemas.index import ROLES, Role

TIES = ROLES[Role.TIE]


def groups(index: pa.Table) -> list[str]:
    """Name of the group of each row: rows that share a patient, study or picture share it.

    The name is the smallest patient of the group, so that it stays when other data are added;
    patients whom only copies outside of ``index`` tie to it (``kin``) count as well.
    """
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    columns = [
        [f"{tie}:{value}" if value else "" for value in index.column(tie).to_pylist()]
        for tie in TIES
    ]
    tied = index.column(GROUP if GROUP in index.column_names else "patient").to_pylist()
    columns.append([f"patient:{value}" for value in tied])
    for patient, *others in zip(*columns, strict=True):
        for other in others:
            if other:
                low, high = sorted((root(patient), root(other)))
                parent[high] = low
    smallest: dict[str, str] = {}
    for patient in (*columns[0], *columns[-1]):
        top = root(patient)
        smallest[top] = min(smallest.get(top, patient), patient)
    return [smallest[root(patient)].removeprefix("patient:") for patient in columns[0]]


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
