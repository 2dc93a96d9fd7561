"""Splits never leak, come out even as far as groups allow, and stay when other data come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import count

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.release.groups import groups
from echoatlas.pipeline.release.kin import TIES
from echoatlas.pipeline.release.split import Dealt, point_of
from echoatlas.pipeline.release.split import dealt as dealt_rows

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
few = st.integers(0, 12)
rows = st.lists(st.tuples(few, few, few, few), min_size=1, max_size=40)
words = st.sampled_from(["", "train", "val", "test", "fold-3"])
natives = st.lists(words, min_size=40, max_size=40)


def index_of(found: list[tuple[int, int, int, int]], native: list[str] | None = None) -> pa.Table:
    """Patients always have a name; studies, clusters and hashes may be empty (0)."""
    columns = dict(zip(TIES, zip(*found, strict=True), strict=False))
    told = {
        name: [f"{name[0]}{n}" if n or name == "patient" else "" for n in values]
        for name, values in columns.items()
    }
    told |= {"site": [f"s{one[0] % 3}" for one in found]}
    return pa.table(told | ({"native_split": native[: len(found)]} if native else {}))


def dealt(
    index: pa.Table,
    shares: Mapping[str, float],
    seed: int,
    earlier: Mapping[str, str] | None = None,
    *,
    native: bool = True,
) -> Dealt:
    """``dealt`` as a release has it, of where an earlier one had each patient."""
    before = earlier or {}
    told = pa.table(
        {
            "patient": pa.array(list(before), pa.string()),
            "split": pa.array(list(before.values()), pa.string()),
        }
    )
    return dealt_rows(index, shares, seed, told, native=native)


def group_names(index: pa.Table) -> list[str]:
    """The name of each row's group."""
    names, rows = groups(index)
    found: list[str] = names.take(pa.array(rows)).to_pylist()
    return found


def patients_at(site: str, number: int, organ: str = "liver", start: int = 0) -> pa.Table:
    return pa.table(
        {
            "patient": [f"{site}-{n:05d}" for n in range(start, start + number)],
            "site": [site] * number,
            "region": ["abdomen"] * number,
            "organ": [organ] * number,
        }
    )


def placed(index: pa.Table) -> dict[str, str]:
    """Where a release has each patient, as a later one would read it."""
    sides = dealt(index, SHARES, 0)
    pairs = zip(index.column("patient").to_pylist(), sides.splits.to_pylist(), strict=True)
    return dict(pairs)


@given(rows, st.integers(0, 3), natives, st.booleans())
def test_no_patient_study_cluster_or_picture_is_in_two_splits(found, seed, native, honored):
    index = index_of(found, native)
    before = {f"p{n}": split for n, split in zip(count(0, 2), SHARES, strict=False)}

    splits = dealt(index, SHARES, seed, before, native=honored).splits.to_pylist()

    for tie in TIES:
        if tie not in index.column_names:
            continue
        sides: dict[str, set[str]] = {}
        for value, split in zip(index.column(tie).to_pylist(), splits, strict=True):
            if value:
                sides.setdefault(value, set()).add(split)
        assert all(len(one) == 1 for one in sides.values()), tie


@given(rows, natives, st.randoms())
def test_the_order_of_rows_decides_nothing(found, native, chance):
    index = index_of(found, native)
    order = list(range(len(found)))
    chance.shuffle(order)

    names = group_names(index)
    splits = dealt(index, SHARES, 0).splits.to_pylist()

    assert [names[place] for place in order] == group_names(index.take(order))
    assert [splits[place] for place in order] == dealt(
        index.take(order), SHARES, 0
    ).splits.to_pylist()


@given(rows, st.lists(st.tuples(st.integers(13, 20), st.integers(13, 20)), max_size=12))
def test_nobody_moves_because_others_join(found, more):
    """New patients with studies of their own: all that was there stays."""
    index = index_of(found)
    after = index_of([*found, *((patient, study, 0, 0) for patient, study in more)])
    before = placed(index)

    later = dealt(after, SHARES, 0, before)

    patients = after.column("patient").to_pylist()
    for patient, split in zip(patients, later.splits.to_pylist(), strict=True):
        assert split == before.get(patient, split)
    assert later.told["as_before"] == dealt(index, SHARES, 0).told["groups"]


def test_groups_that_merge_go_where_most_were_and_the_others_move():
    before = {f"p{n}": "train" if n < 3 else "test" for n in range(1, 5)}
    before["p5"] = "val"
    index = index_of([(1, 7, 0, 0), (2, 7, 0, 0), (3, 7, 0, 0), (4, 7, 0, 0), (5, 5, 0, 0)])
    tied = dict(before) | {"p3": "train"}

    sides = dealt(index, SHARES, 0, tied)

    assert sides.splits.to_pylist() == ["train"] * 4 + ["val"]
    assert sides.told["as_before"] == 1


def test_shares_are_kept_and_a_seed_deals_anew():
    index = patients_at("a", 2000)

    one, other = dealt(index, SHARES, 0), dealt(index, SHARES, 1)

    assert Counter(one.splits.to_pylist()) == {"train": 1600, "val": 200, "test": 200}
    assert one.splits.to_pylist() != other.splits.to_pylist()
    assert (
        one.splits.to_pylist()
        == dealt(index, {name: 10 * s for name, s in SHARES.items()}, 0).splits.to_pylist()
    )


def test_the_hash_of_a_group_is_keyed():
    assert point_of("p1", 0) != point_of("p1", 1)
    assert 0 <= point_of("p1", 0) < 1


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_site_region_and_organ_has_its_share_of_each_split(seed):
    """Hashes alone leave one site in ten of 20 patients without any in test."""
    parts = [
        patients_at(f"s{site}", 20, organ, start)
        for site in range(15)
        for start, organ in ((0, "liver"), (20, "kidney"))
    ]
    index = pa.concat_tables(parts)

    sides = dealt(index, SHARES, seed)

    for column in ("site", "organ"):
        found: dict[str, Counter[str]] = {}
        for value, split in zip(
            index.column(column).to_pylist(), sides.splits.to_pylist(), strict=True
        ):
            found.setdefault(value, Counter())[split] += 1
        for counts in found.values():
            number = counts.total()
            for split, share in SHARES.items():
                assert abs(counts[split] - share * number) <= 2 + 0.01 * number
    assert sides.told["lacking"] == []
    assert sides.told["largest_departure"] <= 0.05


def test_a_collections_own_split_is_honored_or_overridden():
    index = patients_at("a", 200)
    native = ["test"] * 100 + ["train"] * 50 + ["fold-3"] * 50
    index = index.append_column("native_split", pa.array(native))

    honored = dealt(index, SHARES, 0)
    overridden = dealt(index, SHARES, 0, native=False)

    assert set(honored.splits.to_pylist()[:100]) == {"test"}
    assert set(honored.splits.to_pylist()[100:150]) == {"train"}
    assert honored.told["native_honored"] == 150
    assert Counter(overridden.splits.to_pylist()) == {"train": 160, "val": 20, "test": 20}
    assert overridden.told["native_honored"] == 0


def test_a_group_that_collections_put_in_several_splits_goes_to_the_strictest():
    """What is evaluated on stays unseen; the conflict is counted, whoever wins."""
    index = index_of([(1, 1, 0, 0), (1, 2, 0, 0), (2, 2, 0, 0)], ["train", "val", "test"])

    honored = dealt(index, SHARES, 0)
    moved = dealt(index, SHARES, 0, {"p1": "train"})

    assert honored.splits.to_pylist() == ["test"] * 3
    assert honored.told["native_conflicts"] == 1
    assert moved.splits.to_pylist() == ["test"] * 3
