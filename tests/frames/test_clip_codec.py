"""Clips by differences in time come back as they were, whole and frame by frame, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from echoatlas.pipeline.frames.clip_codec import HEADER, clip_shape, decode_clip, encode_clip
from echoatlas.simulate import make_cine


def clip(
    frames: int, height: int, width: int, channels: int, still: bool, seed: int
) -> NDArray[np.uint8]:
    shape = (height, width) if channels == 1 else (height, width, channels)
    drawn = np.random.default_rng(seed)
    first = drawn.integers(0, 256, shape, dtype=np.uint8)
    if still:
        return np.stack([first] * frames)
    return drawn.integers(0, 256, (frames, *shape), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 20), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]),
    st.booleans(), st.integers(1, 16), st.integers(0, 9),
)  # fmt: skip
def test_a_clip_comes_back_whole_and_frame_by_frame(
    frames: int, height: int, width: int, channels: int, still: bool, group: int, seed: int
) -> None:
    pictures = clip(frames, height, width, channels, still, seed)

    data = encode_clip(pictures, group)
    some = np.random.default_rng(seed).integers(0, frames, 5).tolist()

    assert clip_shape(data) == pictures.shape
    assert np.array_equal(pictures, decode_clip(data))
    assert np.array_equal(pictures[some], decode_clip(data, some))
    assert np.array_equal(pictures, decode_clip(np.frombuffer(data, np.uint8)))


def test_a_cine_takes_less_than_its_frames_alone() -> None:
    pictures = [one if one.ndim == 2 else one[..., 0] for one in make_cine(1, frames=16).pictures]

    assert len(encode_clip(pictures, 8)) < len(encode_clip(pictures, 1))


def test_gray_frames_of_a_color_clip_come_back_in_color() -> None:
    gray, color = clip(1, 4, 5, 1, False, 0)[0], clip(1, 4, 5, 3, False, 1)[0]

    found = decode_clip(encode_clip([gray, color]))

    assert np.array_equal(found[0], np.repeat(gray[..., None], 3, axis=2))
    assert np.array_equal(found[1], color)


@pytest.mark.parametrize("change", [1, 2, 64, 255])
def test_a_damaged_clip_is_refused_or_whole(change: int) -> None:
    pictures = clip(10, 4, 6, 1, False, 3)
    whole = encode_clip(pictures, 4)

    for place in range(HEADER.size, len(whole)):
        data = bytearray(whole)
        data[place] ^= change
        try:
            found = decode_clip(bytes(data))
        except ValueError:
            continue
        assert np.array_equal(found, pictures), f"byte {place} of {len(whole)}"


@pytest.mark.parametrize("place", range(HEADER.size))
def test_a_damaged_head_does_not_pass_for_the_clip(place: int) -> None:
    pictures = clip(10, 4, 6, 1, False, 3)
    data = bytearray(encode_clip(pictures, 4))
    data[place] ^= 1

    try:
        found = decode_clip(bytes(data))
    except ValueError:
        return
    assert found.shape != pictures.shape  # the head alone says how the pixels lie


def test_what_is_no_clip_is_refused() -> None:
    data = encode_clip(clip(10, 4, 6, 1, False, 3))

    for broken in (b"", data[:10], data[:20], b"EAz1" + data[4:], data[:-5]):
        with pytest.raises(ValueError, match="clip"):
            decode_clip(broken)
    with pytest.raises(IndexError, match="10 frames"):
        decode_clip(data, [10])
    with pytest.raises(ValueError, match="one size"):
        encode_clip([np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)])
    with pytest.raises(ValueError, match="one size"):
        encode_clip([])
