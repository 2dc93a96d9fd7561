"""Names as bytes: joined as texts are, and texts again where they are asked for."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.lake.ids import Ids, SortedIds
from echoatlas.pipeline.lake.in_step import KnownIds

ALIKE = [f"{'0123456789abcdef'}{number:016x}" for number in range(3)]  # by their first 8 bytes
PLAIN = [hashlib.md5(bytes([number])).hexdigest() for number in range(6)]
ODD = ["", "f1", "ab" * 15, "AB" * 16, "zz" * 16, "erased-", "erased-f1", "näme" * 8, "ab" * 17]
NAMES = [*ALIKE, *PLAIN, *ODD, *(f"erased-{one}" for one in (*ALIKE, *PLAIN[:2]))]
some = st.lists(st.sampled_from(NAMES), max_size=12)


def column(names: list[str], cut: int) -> pa.ChunkedArray:
    """Names in two chunks, of which neither begins where its memory does."""
    whole = pa.array(["before", *names], pa.string())
    return pa.chunked_array([whole[1 : 1 + cut], whole[1 + cut :]])


@settings(deadline=None)
@given(some, some, st.integers(0, 12))
def test_names_are_found_where_they_stand_first(
    values: list[str], known: list[str], cut: int
) -> None:
    ids, others = (Ids.of(column(names, cut).chunks) for names in (values, known))

    for kind in (KnownIds, SortedIds.of):
        found = kind(others).places(ids)
        assert [known.index(one) if one in known else -1 for one in values] == found.tolist()


@settings(deadline=None)
@given(some, some)
def test_each_is_known_by_its_first_like_and_is_itself_again(
    names: list[str], more: list[str]
) -> None:
    ids = Ids.joined([Ids.of(column(names, 3).chunks), Ids.of(column(more, 3).chunks)])
    both = [*names, *more]

    assert both == ids.texts()
    assert [both.index(one) for one in both] == ids.firsts().tolist()
    assert list(dict.fromkeys(both)) == ids.distinct().texts()
    assert both[::2] == ids.take(np.arange(0, len(both), 2)).texts()
