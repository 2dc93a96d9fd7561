"""On simulated headers with truth, labels are right when they answer, and answer often enough."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scores():
    """Scores by kind of header over 1,500 simulated headers."""
    sys.path.insert(0, str(ROOT))
    from benchmarks.labels import answered, case, score, within

    dice = random.Random(5)
    pairs = list(answered([case(dice) for _ in range(1500)]))
    sys.path.remove(str(ROOT))
    kinds = ("all", "telling", "plain", "torn")
    return {kind: score([pair for pair in pairs if within(pair[0], kind)]) for kind in kinds}


def test_headers_that_agree_with_themselves_are_labeled_right(scores):
    plain = scores["plain"]

    assert plain["region right"] >= 0.995
    assert plain["organ right"] >= 0.99
    assert plain["region answered"] >= 0.96


def test_of_all_headers_enough_are_answered_and_nearly_all_right(scores):
    everything = scores["all"]

    assert everything["region answered"] >= 0.86
    assert everything["region right"] >= 0.985
    assert everything["organ right"] >= 0.98


def test_where_a_header_states_at_all_what_is_shown_99_of_100_regions_are_right(scores):
    assert scores["telling"]["region right"] >= 0.997
    assert scores["telling"]["organ right"] >= 0.995


def test_torn_headers_are_answered_less_often(scores):
    assert scores["torn"]["region answered"] < scores["plain"]["region answered"] - 0.1


def test_confidence_means_what_it_says(scores):
    assert scores["all"]["calibration error"] <= 0.02
