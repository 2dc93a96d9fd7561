"""Splits never leak: whatever ties two frames together keeps them on one side."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.release.kin import TIES
from echoatlas.pipeline.release.split import assigned, groups

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
few = st.integers(0, 12)
rows = st.lists(st.tuples(few, few, few, few), min_size=1, max_size=40)


def index_of(found: list[tuple[int, int, int, int]]) -> pa.Table:
    """Patients always have a name; studies, clusters and hashes may be empty (0)."""
    columns = dict(zip(TIES, zip(*found, strict=True), strict=True))
    return pa.table(
        {
            name: [f"{name[0]}{n}" if n or name == "patient" else "" for n in values]
            for name, values in columns.items()
        }
    )


@given(rows, st.integers(0, 3))
def test_no_patient_study_cluster_or_picture_is_in_two_splits(found, seed):
    index = index_of(found)

    splits = assigned(groups(index), SHARES, seed)

    for tie in TIES:
        sides: dict[str, set[str]] = {}
        for value, split in zip(index.column(tie).to_pylist(), splits, strict=True):
            if value:
                sides.setdefault(value, set()).add(split)
        assert all(len(one) == 1 for one in sides.values()), tie


@given(rows, st.randoms())
def test_the_order_of_rows_decides_nothing(found, chance):
    index = index_of(found)
    order = list(range(len(found)))
    chance.shuffle(order)

    names = groups(index)

    assert [names[place] for place in order] == groups(index.take(order))


def test_a_patient_stays_where_it_was_when_others_join():
    before = index_of([(1, 1, 1, 1), (2, 2, 2, 2)])
    after = index_of([(1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, 3), (4, 3, 0, 0)])

    assert assigned(groups(before), SHARES, 0) == assigned(groups(after), SHARES, 0)[:2]


def test_shares_are_kept_over_many_patients_and_a_seed_deals_anew():
    names = [f"p{number}" for number in range(20_000)]

    dealt = assigned(names, SHARES, 0)
    other = assigned(names, SHARES, 1)

    for split, share in SHARES.items():
        assert abs(dealt.count(split) / len(names) - share) < 0.01
    assert dealt != other
    assert dealt == assigned(names, {name: 10 * share for name, share in SHARES.items()}, 0)
