"""Names are found where they stand, whatever order both come in, and mostly without sorting any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from echoatlas.pipeline.lake import in_step
from echoatlas.pipeline.lake.ids import Ids, SortedIds
from echoatlas.pipeline.lake.in_step import KnownIds, places

SMALL = {"AT_ONCE": 4, "NEAR": 3, "PATIENCE": 20, "LOOK": 2, "SCAN": 0.05}
Numbers = Sequence[int] | NDArray[np.int64]
some = st.lists(st.integers(0, 30), max_size=40)


def named(numbers: Numbers, *, alike: bool = False) -> Ids:
    """Names, one a number; some of them share their first word."""
    chosen = np.asarray(numbers, np.uint64)
    high = chosen * np.uint64(0x9E3779B97F4A7C15)
    high[chosen % 7 == 1] = 5 if alike else high[chosen % 7 == 1]
    return Ids(np.stack([high, chosen], axis=1), np.zeros(len(chosen), np.bool_))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few names that each way is taken by a few."""
    for name, value in SMALL.items():
        monkeypatch.setattr(in_step, name, value)


@pytest.fixture
def sorted_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many names were put in order, time by time."""
    real, seen = SortedIds.of, []

    def counted(ids: Ids) -> SortedIds:
        seen.append(len(ids))
        return real(ids)

    monkeypatch.setattr(SortedIds, "of", staticmethod(counted))
    yield seen


@pytest.mark.usefixtures("small")
@settings(deadline=None, max_examples=400)
@given(some, st.lists(some, max_size=4), st.booleans(), st.booleans())
def test_each_name_is_found_where_it_stands_first(
    known: list[int], asked: list[list[int]], alike: bool, once: bool
) -> None:
    known = list(dict.fromkeys(known)) if once else known
    where = KnownIds(named(known, alike=alike))

    for numbers in [known, *asked, known[5:], known[::-1]]:
        wanted = [known.index(one) if one in known else -1 for one in numbers]
        assert where.places(named(numbers, alike=alike)).tolist() == wanted


def test_what_comes_in_the_same_order_is_not_sorted(sorted_names: list[int]) -> None:
    """Each object has rows one after the other; a few are on one side alone, and files change."""
    drawn = np.random.default_rng(2)
    every = drawn.permutation(100_000)
    known = every[drawn.random(len(every)) > 0.001]
    rows = np.repeat(every, drawn.integers(1, 4, len(every)))
    files = [rows[120_000:], rows[:60_000], rows[60_000:120_000]]
    at = np.full(len(every), -1)
    at[known] = np.arange(len(known))

    where = KnownIds(named(known))

    for file in files:
        assert (where.places(named(file)) == at[file]).all()
    assert sum(sorted_names) < 1_000


def test_what_comes_in_another_order_is_sorted_once(sorted_names: list[int]) -> None:
    drawn = np.random.default_rng(3)
    known, asked = drawn.permutation(50_000), drawn.permutation(60_000)
    at = np.full(60_000, -1)
    at[known] = np.arange(len(known))

    where = KnownIds(named(known))

    for part in np.array_split(asked, 3):
        assert (where.places(named(part)) == at[part]).all()
    assert sorted_names == [50_000]


def test_nothing_is_nowhere() -> None:
    assert places(named([]), named([1])).tolist() == []
    assert places(named([1, 1, 2]), named([])).tolist() == [-1, -1, -1]
