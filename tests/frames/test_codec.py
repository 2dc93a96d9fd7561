"""The lake's codec: lossless, deterministic, and aware of damage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from echoatlas.pipeline.frames.codec import decode, encode
from echoatlas.simulate.pictures.scans import make_cine

SHAPES = st.one_of(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)),
)


@given(SHAPES.flatmap(lambda shape: arrays(np.uint8, shape)))
@settings(max_examples=100, deadline=None)
def test_any_picture_comes_back_as_it_was(pixels):
    returned = decode(encode(pixels))

    assert pixels.shape == returned.shape
    assert np.array_equal(pixels, returned)


def test_the_same_pixels_give_the_same_bytes():
    pixels = make_cine(1, frames=1).pictures[0]

    assert encode(pixels) == encode(pixels.copy(order="F"))


def test_speckle_takes_less_than_half_of_its_raw_size():
    pixels = make_cine(1, frames=1).pictures[0]

    assert len(encode(pixels)) < 0.5 * pixels.nbytes


@pytest.mark.parametrize("place", [0, 5, 8, 40, -1])
def test_a_flipped_byte_never_passes_as_a_picture(place):
    data = bytearray(encode(make_cine(1, frames=1).pictures[0]))
    data[place] ^= 0x55

    with pytest.raises(ValueError, match="image"):
        decode(bytes(data))


@pytest.mark.parametrize("left", [0, 4, 12, 500])
def test_a_truncated_image_is_damaged(left):
    data = encode(make_cine(1, frames=1).pictures[0])

    with pytest.raises(ValueError, match="image"):
        decode(data[:left])


@pytest.mark.parametrize("shape", [(4,), (4, 4, 4), (0, 4)])
def test_what_is_no_picture_is_not_encoded(shape):
    with pytest.raises(ValueError, match="not a picture"):
        encode(np.zeros(shape, np.uint8))
