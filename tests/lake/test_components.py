"""Components of graphs, held against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from echoatlas.pipeline.lake.components import smallest_tied


def by_scipy(number: int, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(number, number))
    _, first, of = np.unique(
        connected_components(graph, directed=False)[1], return_index=True, return_inverse=True
    )
    return first[of]


@pytest.mark.parametrize("edges", [0, 1, 30, 90, 100, 150, 400])
def test_each_node_is_told_the_smallest_that_edges_lead_to(edges: int) -> None:
    random = np.random.default_rng(edges)
    one, other = random.integers(0, 200, (2, edges))

    found = smallest_tied(200, one, other)

    assert np.array_equal(found, by_scipy(200, one, other))


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("reach", ["chain", "star", "ring"])
def test_long_ways_and_many_ends_are_one(reach: str, shuffled: bool) -> None:
    number = 100_000
    names = np.random.default_rng(0).permutation(number) if shuffled else np.arange(number)
    one, other = {
        "chain": (names[:-1], names[1:]),
        "star": (np.full(number, names[-1]), names),
        "ring": (names, np.roll(names, 1)),
    }[reach]

    assert not smallest_tied(number, one, other).any()
