"""What is made once for an array is never given for another one."""

from __future__ import annotations

import numpy as np
import pytest

from echoatlas.pipeline.frames.memo import HELD, OncePerArray


def test_the_same_array_is_worked_on_once():
    made = []
    total = OncePerArray(lambda array, factor: made.append(1) or int(array.sum()) * factor)
    array = np.arange(5)

    assert (total(array, 2), total(array, 2), total(array, 3)) == (20, 20, 30)
    assert len(made) == 2


def test_an_equal_array_and_a_new_one_in_its_place_are_others():
    total = OncePerArray(lambda array: int(array.sum()))

    sums = [total(np.full(4, number)) for number in range(3 * HELD)]

    assert sums == [4 * number for number in range(3 * HELD)]


def test_what_something_was_made_of_can_no_longer_change():
    array = np.zeros(3)
    OncePerArray(np.sum)(array)

    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
