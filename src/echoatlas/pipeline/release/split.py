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
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.lake.join import coded, distinct_pairs
from echoatlas.pipeline.release.groups import GroupedPatients, groups
from echoatlas.pipeline.release.kin import GROUP, KIN, TIES

STRICTEST = ("test", "val")  # of a group with pictures of several: what is evaluated on stays so
STRATA = (("site",), ("region",), ("region", "organ"))
SPLIT_BY = ("patient", KIN, GROUP, *TIES[1:], "site", "region", "organ", "native_split")


@dataclass(frozen=True, slots=True)
class Dealt:
    """Where each row goes.

    Attributes:
        groups, splits: of each row, text.
        told: what a manifest says of it: counts, no ids.
    """

    groups: pa.Array
    splits: pa.Array
    told: dict[str, Any]


def dealt(
    index: pa.Table,
    shares: Mapping[str, float],
    seed: int,
    earlier: pa.Table | None = None,
    *,
    native: bool = True,
) -> Dealt:
    """Deal the rows of an index to splits.

    Args:
        index: those of ``SPLIT_BY`` that there are; text may be dictionaries.
        shares: split to share; scaled to add up to 1.
        seed: the key of the hash.
        earlier: ``patient`` and ``split``, each patient once, where earlier releases of the same
            shares and seed had them.
        native: whether the splits of collections are honored.
    """
    found, rows = groups(index)
    patients = GroupedPatients.of(index, rows, earlier)
    strata, numbers = _strata(index)
    members = _members(rows, numbers)
    sizes = np.bincount(patients.group, minlength=len(found))
    names = list(shares)
    wanted = _wanted(index, rows, len(found), names)
    before, first = patients.before(len(found), names)
    decided = np.full(len(found), -1, np.int64)
    had = _most(before, first, names)
    decided[had >= 0] = had[had >= 0]
    asked_for = _strictest(wanted, names)
    if native:
        decided[asked_for >= 0] = asked_for[asked_for >= 0]
    as_before = (before > 0).sum(axis=1) == 1
    as_before &= (before > 0).argmax(axis=1) == decided
    honored = (wanted.sum(axis=1) == 1) & native
    _deal(found, decided, members, sizes, shares, seed)
    splits = pa.array(names, pa.string()).take(pa.array(decided[rows]))
    told = {
        "groups": len(found),
        "patients_of_largest": int(sizes.max(initial=0)),
        "as_before": int(as_before.sum()),
        "native_honored": int(honored.sum()),
        "native_conflicts": int((wanted.sum(axis=1) > 1).sum()),
        **_evenness(decided, members, sizes, strata, shares),
    }
    return Dealt(found.take(pa.array(rows)), splits, told)


def _strata(index: pa.Table) -> tuple[list[str], list[NDArray[np.int64]]]:
    """Names of the strata, the whole first, and of each kind the number of each row's."""
    names, numbers = ["all"], []
    for columns in STRATA:
        some = [one for one in columns if one in index.column_names]
        if len(some) < len(columns):
            continue
        texts = [pc.cast(index.column(one), pa.string()) for one in some]
        joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "/")
        codes, known = coded(joined)
        numbers.append(codes + len(names))
        names += [f"{columns[-1]} {one}" for one in known.to_pylist()]
    return names, numbers


def _members(
    rows: NDArray[np.int64], numbers: list[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a group and a stratum of it, in order of groups; all groups are in the whole."""
    pairs = [distinct_pairs(rows, one) for one in (np.zeros_like(rows), *numbers)]
    group, stratum = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return distinct_pairs(group, stratum)


def _wanted(
    index: pa.Table, rows: NDArray[np.int64], number: int, names: list[str]
) -> NDArray[np.bool_]:
    """(groups, splits) which splits the collections have a group's pictures in; folds are
    nobody's."""
    found = np.zeros((number, len(names)), np.bool_)
    if "native_split" in index.column_names:
        codes, known = coded(index.column("native_split"))
        for code, name in enumerate(known.to_pylist()):
            if name in names:
                found[rows[codes == code], names.index(name)] = True
    return found


def _strictest(wanted: NDArray[np.bool_], names: list[str]) -> NDArray[np.int64]:
    """(groups,) the strictest of the splits that are wanted; -1 for none."""
    found = np.full(len(wanted), -1, np.int64)
    for name in sorted(names, key=_strictness, reverse=True):
        found[wanted[:, names.index(name)]] = names.index(name)
    return found


def _strictness(split: str) -> tuple[int, str]:
    return (STRICTEST.index(split) if split in STRICTEST else len(STRICTEST)), split


def _most(
    before: NDArray[np.int64], first: NDArray[np.int64], names: list[str]
) -> NDArray[np.int64]:
    """(groups,) the split that most of a group's patients were in; of several the one that its
    first patient was in, then the first by name; -1 for none."""
    found = np.full(len(before), -1, np.int64)
    best = np.zeros(len(before), np.int64)
    for name in sorted(names, reverse=True):
        at = names.index(name)
        value = 2 * before[:, at] + (first == at)
        better = (before[:, at] > 0) & (value >= best)
        found[better], best[better] = at, value[better]
    return found


def _deal(
    names: pa.Array,
    decided: NDArray[np.int64],
    members: tuple[NDArray[np.int64], NDArray[np.int64]],
    sizes: NDArray[np.int64],
    shares: Mapping[str, float],
    seed: int,
) -> None:
    """Deal the groups that nothing decided, those of rare strata first, in the order of hashes."""
    group, stratum = members
    share = np.array(list(shares.values()))
    share = share / share.sum()
    total = np.bincount(stratum, weights=sizes[group], minlength=1)
    have = np.zeros((len(total), len(share)))
    done = decided[group] >= 0
    np.add.at(have, (stratum[done], decided[group[done]]), sizes[group[done]])
    rarity = np.full(len(names), np.inf)
    np.minimum.at(rarity, group, total[stratum])
    open_groups = np.flatnonzero(decided < 0)
    points = np.array(
        [point_of(one, seed) for one in names.take(pa.array(open_groups)).to_pylist()]
    )
    # Each group's strata, the rarest first
    order = np.lexsort((stratum, total[stratum], group))
    strata, bounds = stratum[order], np.searchsorted(group, np.arange(len(names) + 1))
    deck = _Deck((np.outer(total, share)).tolist(), have.tolist(), share.tolist())
    for place in np.lexsort((open_groups, points, rarity[open_groups])).tolist():
        one = int(open_groups[place])
        mine = strata[bounds[one] : bounds[one + 1]].tolist()
        decided[one] = deck.drawn(mine, float(points[place]), int(sizes[one]))


@dataclass(slots=True)
class _Deck:
    """What strata want and have of each split, as plain numbers: groups are many, splits are few.

    Attributes:
        want, have: patients by stratum and split. share: of each split.
        left: what strata still want, as shares of what they want at all.
    """

    want: list[list[float]]
    have: list[list[float]]
    share: list[float]
    left: list[list[float]] = field(init=False)

    def __post_init__(self) -> None:
        pairs = zip(self.want, self.have, strict=True)
        self.left = [list(map(_open, want, have)) for want, have in pairs]

    def drawn(self, strata: list[int], point: float, size: int) -> int:
        """The split at which a point of 0 to 1 lies, which then has a group more."""
        odds = self._odds(strata)
        sums = list(accumulate(odds))
        at = bisect_right(sums, point * sums[-1])
        at = min(at, max(place for place, one in enumerate(odds) if one))
        for stratum in strata:
            have = self.have[stratum]
            have[at] += size
            self.left[stratum][at] = _open(self.want[stratum][at], have[at])
        return at

    def _odds(self, strata: list[int]) -> list[float]:
        """Shares times what strata still want, the rarest first; the commonest give way."""
        left = [self.left[one] for one in strata]
        for kept in range(len(left), 0, -1):
            product = left[0]
            for one in left[1:kept]:
                product = list(map(mul, product, one))
            odds = list(map(mul, self.share, product))
            if sum(odds) > 1e-12:
                return odds
        return self.share


def _open(want: float, have: float) -> float:
    """What is still wanted, as a share of all that is."""
    return max(want - have, 0.0) / max(want, 1e-12)


def point_of(name: str, seed: int) -> float:
    """The keyed hash of a group's name, 0 to 1."""
    digest = hashlib.blake2b(name.encode(), key=str(seed).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _evenness(
    decided: NDArray[np.int64],
    members: tuple[NDArray[np.int64], NDArray[np.int64]],
    sizes: NDArray[np.int64],
    strata: Sequence[str],
    shares: Mapping[str, float],
) -> dict[str, Any]:
    """By how much strata depart from the shares, in patients, and which lack a split.

    Only a stratum with enough groups for each split to get one can be even.
    """
    group, stratum = members
    total = sum(shares.values())
    count = np.zeros((len(strata), len(shares)), np.int64)
    np.add.at(count, (stratum, decided[group]), sizes[group])
    number = np.bincount(stratum, minlength=len(strata))
    enough = [one for one, n in enumerate(number.tolist()) if n * min(shares.values()) >= total]
    worst, lacking = 0.0, []
    for one in enough:
        for (split, share), got in zip(shares.items(), count[one].tolist(), strict=True):
            worst = max(worst, abs(got / int(count[one].sum()) - share / total))
            lacking += [f"{strata[one]}: no {split}"] if not got else []
    return {"strata": len(enough), "largest_departure": round(worst, 4), "lacking": lacking}
