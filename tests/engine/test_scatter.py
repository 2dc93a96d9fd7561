"""Work over a real Ray: objects that kill their worker are found and cost nobody else."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import pytest

from echoatlas.pipeline.errors import Retry
from echoatlas.pipeline.run import connected
from echoatlas.schemas.config import Engine


@dataclass(frozen=True)
class Numbers:
    values: tuple[int, ...]

    def split(self) -> tuple[Numbers, ...]:
        half = len(self.values) // 2
        return (Numbers(self.values[:half]), Numbers(self.values[half:])) if half else ()


def doubled(task: Numbers) -> list[int]:
    if 13 in task.values:
        os._exit(70)
    if 99 in task.values:
        raise Retry("the storage is away")
    if 7 in task.values:
        raise MemoryError
    return [2 * value for value in task.values]


@pytest.fixture(scope="module")
def cluster():  # type: ignore[no-untyped-def]
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with connected(Engine(workers=2)) as found:
        yield found


def test_a_poison_object_is_found_by_halving(cluster) -> None:  # type: ignore[no-untyped-def]
    tasks = [Numbers(tuple(range(start, start + 8))) for start in (0, 8, 16)]

    done = list(cluster.scatter(doubled, tasks))

    assert {(7,), (13,)} == {one.task.values for one in done if one.answer is None}
    answers = sorted(value for one in done for value in one.answer or ())
    assert [2 * n for n in range(24) if n not in (7, 13)] == answers


def test_a_failing_world_ends_the_run_with_its_own_words(cluster) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Retry, match="the storage is away"):
        list(cluster.scatter(doubled, [Numbers((99,))]))


def test_who_is_in_a_cluster_stays_in_it_after_a_run_within(cluster) -> None:  # type: ignore[no-untyped-def]
    with connected(Engine(workers=1)) as within:
        (first,) = within.scatter(doubled, [Numbers((1,))])

    (then,) = cluster.scatter(doubled, [Numbers((2,))])

    assert (first.answer, then.answer) == ([2], [4])
