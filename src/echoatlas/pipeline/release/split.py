"""Split by groups of patients, so that nothing leaks, and strata come out even as far as they can.

A group is all that anything ties: patients, studies, pictures that show the same or can't be told
apart. Where a group goes is decided, in this order, by

1. the split that its pictures have in the collections they are of, where that is honored;
2. the split that an earlier release of the same seed and shares gave it: nothing moves because
   other data came. Groups that merge go where most of their patients were, and the rest move;
3. the keyed hash of its name, over odds: the shares, times what each of its strata (site, region,
   organ) still wants of each split. Rare strata choose first. So a stratum has each split's share,
   give or take a group, and the same input is dealt in the same way.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from echoatlas.pipeline.release.kin import GROUP, KIN, TIES

STRICTEST = ("test", "val")  # of a group with pictures of several: what is evaluated on stays so
STRATA = (("site",), ("region",), ("region", "organ"))


@dataclass(frozen=True, slots=True)
class Before:
    """Where an earlier release had a patient."""

    split: str
    release: str


@dataclass(frozen=True, slots=True)
class Dealt:
    """Where each row goes.

    Attributes:
        groups, splits: of each row.
        moved_from: of each row, the split that its patient was in before; empty if it stayed.
        told: what a manifest says of it: counts, no ids.
    """

    groups: list[str]
    splits: list[str]
    moved_from: list[str]
    told: dict[str, Any]


@dataclass(slots=True)
class _Group:
    """A group as it is dealt."""

    name: str
    patients: set[str] = field(default_factory=set)
    strata: set[int] = field(default_factory=set)
    native: set[str] = field(default_factory=set)


def dealt(
    index: pa.Table,
    shares: Mapping[str, float],
    seed: int,
    earlier: Mapping[str, Before] | None = None,
    *,
    native: bool = True,
) -> Dealt:
    """Deal the rows of an index to splits.

    Args:
        shares: split to share; scaled to add up to 1.
        seed: the key of the hash.
        earlier: patient to where earlier releases of the same shares and seed had them.
        native: whether the splits of collections are honored.
    """
    names = groups(index)
    strata, numbers = _strata(index)
    found = _gathered(index, names, numbers)
    decided, kept, conflicts, honored = _decided(found, shares, earlier or {}, native=native)
    _deal(found, decided, len(strata), shares, seed)
    splits = [decided[name] for name in names]
    own = index.column("patient").to_pylist()
    before = [earlier[one].split if earlier and one in earlier else "" for one in own]
    moved = [was if was != now else "" for was, now in zip(before, splits, strict=True)]
    told = {
        "groups": len(found),
        "patients_of_largest": max((len(one.patients) for one in found.values()), default=0),
        "as_before": kept,
        "moved": len({one for one, was in zip(own, moved, strict=True) if was}),
        "native_honored": honored,
        "native_conflicts": conflicts,
        **_evenness(found, decided, strata, shares),
    }
    return Dealt(names, splits, moved, told)


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
        if tie not in index.column_names:
            continue
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


def _strata(index: pa.Table) -> tuple[list[str], list[NDArray[np.int64]]]:
    """Names of the strata, the whole first, and of each kind the number of each row's."""
    known: dict[str, int] = {"all": 0}
    numbers = []
    for columns in STRATA:
        some = [one for one in columns if one in index.column_names]
        if len(some) < len(columns):
            continue
        parts = zip(*(index.column(one).to_pylist() for one in some), strict=True)
        said = [f"{columns[-1]} {'/'.join(part)}" for part in parts]
        numbers.append(np.array([known.setdefault(one, len(known)) for one in said], np.int64))
    return list(known), numbers


def _gathered(
    index: pa.Table, names: Sequence[str], numbers: Iterable[NDArray[np.int64]]
) -> dict[str, _Group]:
    """The groups by their names, in order."""
    found = {name: _Group(name) for name in sorted(set(names))}
    columns = [one for one in ("patient", KIN, "native_split") if one in index.column_names]
    values = [index.column(one).to_pylist() for one in columns]
    for name, *said in zip(names, *values, strict=True):
        told = dict(zip(columns, said, strict=True))
        found[name].patients.update((told["patient"], *(told.get(KIN) or "").split()))
        found[name].native.add(told.get("native_split") or "")
    for one in numbers:
        for name, stratum in zip(names, one.tolist(), strict=True):
            found[name].strata.add(stratum)
    for group in found.values():
        group.strata.add(0)
    return found


def _decided(
    found: Mapping[str, _Group],
    shares: Mapping[str, float],
    earlier: Mapping[str, Before],
    *,
    native: bool,
) -> tuple[dict[str, str], int, int, int]:
    """Where groups have to go; how many were there before, had conflicts, and are as collections
    have them."""
    decided: dict[str, str] = {}
    kept = conflicts = honored = 0
    for name, group in found.items():
        wanted = group.native & set(shares)  # folds are nobody's
        before = Counter(
            earlier[one].split for one in group.patients
            if one in earlier and earlier[one].split in shares
        )  # fmt: skip
        first = next((earlier[one].split for one in sorted(group.patients) if one in earlier), "")
        if native and wanted:
            decided[name] = min(wanted, key=_strictness)
            honored += len(wanted) == 1
        elif before:
            decided[name] = min(before, key=lambda one: (-before[one], one != first, one))
        chosen = decided.get(name)
        conflicts += len(wanted) > 1
        kept += bool(before) and set(before) == {chosen}
    return decided, kept, conflicts, honored


def _strictness(split: str) -> tuple[int, str]:
    return (STRICTEST.index(split) if split in STRICTEST else len(STRICTEST)), split


def _deal(
    found: Mapping[str, _Group],
    decided: dict[str, str],
    count: int,
    shares: Mapping[str, float],
    seed: int,
) -> None:
    """Deal the groups that nothing decided, those of rare strata first, in the order of hashes."""
    names = list(shares)
    share = np.array([shares[one] for one in names])
    share = share / share.sum()
    total = np.zeros(count)
    for group in found.values():
        total[list(group.strata)] += len(group.patients)
    want = np.outer(total, share)
    have = np.zeros_like(want)
    for name, split in decided.items():
        have[list(found[name].strata), names.index(split)] += len(found[name].patients)
    points = {name: point_of(name, seed) for name in found if name not in decided}
    rarity = {name: min(total[stratum] for stratum in found[name].strata) for name in points}
    for name in sorted(points, key=lambda one: (rarity[one], points[one], one)):
        group = found[name]
        strata = np.array(sorted(group.strata, key=lambda one: (total[one], one)))
        at = _drawn(_odds(share, want[strata], have[strata]), points[name])
        decided[name] = names[at]
        have[strata, at] += len(group.patients)


def _odds(
    share: NDArray[np.float64], want: NDArray[np.float64], have: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Shares times what strata still want, the rarest first; the commonest give way."""
    left = np.clip(want - have, 0, None) / np.maximum(want, 1e-12)
    for kept in range(len(left), 0, -1):
        odds: NDArray[np.float64] = share * np.prod(left[:kept], axis=0)
        if odds.sum() > 1e-12:
            return odds
    return share


def _drawn(odds: NDArray[np.float64], point: float) -> int:
    """The place at which a point of 0 to 1 lies."""
    at = int(np.searchsorted(np.cumsum(odds), point * odds.sum(), side="right"))
    return min(at, int(np.flatnonzero(odds)[-1]))


def point_of(name: str, seed: int) -> float:
    """The keyed hash of a group's name, 0 to 1."""
    digest = hashlib.blake2b(name.encode(), key=str(seed).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _evenness(
    found: Mapping[str, _Group],
    decided: Mapping[str, str],
    strata: Sequence[str],
    shares: Mapping[str, float],
) -> dict[str, Any]:
    """By how much strata depart from the shares, in patients, and which lack a split.

    Only a stratum with enough groups for each split to get one can be even.
    """
    total = sum(shares.values())
    count: dict[int, Counter[str]] = defaultdict(Counter)
    members: Counter[int] = Counter()
    for name, group in found.items():
        for stratum in group.strata:
            count[stratum][decided[name]] += len(group.patients)
            members[stratum] += 1
    enough = sorted(s for s in members if members[s] * min(shares.values()) >= total)
    worst, lacking = 0.0, []
    for stratum in enough:
        patients = sum(count[stratum].values())
        for split, share in shares.items():
            got = count[stratum][split]
            worst = max(worst, abs(got / patients - share / total))
            lacking += [f"{strata[stratum]}: no {split}"] if not got else []
    return {"strata": len(enough), "largest_departure": round(worst, 4), "lacking": lacking}
