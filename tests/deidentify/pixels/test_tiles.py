"""However large a picture is, a network sees no more of it at once than of any other."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.deidentify.pixels.detector import drawn
from echoatlas.pipeline.deidentify.pixels.own_network import TrainedDetector
from echoatlas.pipeline.deidentify.pixels.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.pixels.tiles import OVERLAP, SIDE, in_tiles
from echoatlas.simulate.pictures.lettering import ink

STRIDE, HALF = 16, 2
SIDES = st.one_of(st.integers(1, 2 * SIDE), st.sampled_from([SIDE - 1, SIDE, SIDE + 1, 3000]))


def halved(part):
    """A network that sees each 2 x 2 pixels' upper left one."""
    return part[::HALF, ::HALF].astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(height=SIDES, width=SIDES)
def test_the_parts_of_a_picture_make_the_map_of_the_whole(height, width):
    rows, columns = np.indices((height, width), np.uint16)
    picture = (rows * 7 + columns * 13).astype(np.uint8)
    shapes = set()

    def network(part):
        shapes.add(part.shape)
        return halved(part)

    found = in_tiles(picture, network, STRIDE, HALF)

    assert np.array_equal(halved(picture), found)
    assert all(side <= SIDE and side % STRIDE == 0 for shape in shapes for side in shape)


def test_words_are_found_wherever_parts_meet():
    letters = ink("GARCIA", 14)
    picture = np.full((SIDE + 200, SIDE + 340), 40, np.uint8)
    edge = SIDE - OVERLAP  # up to where the first part is used, or near it
    for y in (60, edge - 7, SIDE + 120):
        for x in (30, edge - 40, SIDE + 150):
            spot = picture[y : y + letters.shape[0], x : x + letters.shape[1]]
            np.maximum(spot, (letters * 0.9).astype(np.uint8), out=spot)

    for detector in (TrainedDetector(scale=1.0), PaddleDetector()):
        (lines,) = detector.find([picture])
        covered = drawn([line.grown(3) for line in lines], *picture.shape)

        assert (covered & (picture > 150)).sum() >= 0.95 * (picture > 150).sum()
