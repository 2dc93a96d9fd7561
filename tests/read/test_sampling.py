"""Which frames of a clip are kept."""

from __future__ import annotations

import numpy as np
import pytest

from echoatlas.pipeline.read.sampling import kept, without_repeats
from echoatlas.schemas.config import Sampling

TIMES = tuple(index * 40.0 for index in range(10))


@pytest.mark.parametrize(
    ("times", "sampling", "expected"),
    [
        (TIMES, Sampling(), list(range(10))),
        (TIMES, Sampling(every=3), [0, 3, 6, 9]),
        (TIMES, Sampling(every_ms=100), [0, 3, 5, 8]),
        (TIMES, Sampling(every_ms=80), [0, 2, 4, 6, 8]),
        (TIMES, Sampling(every_ms=1), list(range(10))),
        (None, Sampling(every_ms=100), list(range(10))),
        (TIMES, Sampling(most=4), [0, 3, 6, 9]),
        (TIMES, Sampling(most=1), [5]),
        (TIMES, Sampling(every_ms=100, most=2), [0, 8]),
    ],
)
def test_a_sampling_keeps_what_it_says(times, sampling, expected):
    assert expected == kept(times, 10, sampling)


def test_a_still_is_always_kept():
    assert kept(None, 1, Sampling(every_ms=500, every=10, most=1)) == [0]


def test_a_pause_in_the_clip_does_not_make_frames_bunch():
    times = (0.0, 10.0, 500.0, 510.0, 520.0, 600.0)

    assert kept(times, 6, Sampling(every_ms=100)) == [0, 2, 5]


def test_repeated_frames_are_left_out():
    a, b = np.zeros((4, 4), np.uint8), np.full((4, 4), 9, np.uint8)

    found = without_repeats(enumerate([a, a.copy(), b, b, a]))

    assert [index for index, _ in found] == [0, 2, 4]


def test_a_coders_noise_counts_as_equal_if_told():
    a = np.full((4, 4), 100, np.uint8)

    assert len(list(without_repeats(enumerate([a, a + 2]), tolerance=2))) == 1
    assert len(list(without_repeats(enumerate([a, a + 3]), tolerance=2))) == 2
