"""Whatever is shown, for however long, stands out of some summary over time."""

from __future__ import annotations

import numpy as np
import pytest

from echoatlas.pipeline.deidentify.pixels.temporal import (
    SPANS,
    blocks,
    gray_of,
    nearly_steady,
    transients,
)

FRAMES = 64
SPOT = (slice(4, 8), slice(4, 8))


def make_frames(shown, color=False):
    """Dark frames, and a bright spot in those that ``shown`` lists."""
    frames = np.full((FRAMES, 16, 16, 3) if color else (FRAMES, 16, 16), 40, np.uint8)
    for index in shown:
        frames[index][SPOT] = 200
    return list(frames)


def seen(frames):
    """The most by which the spot outshines what is around it in any view of the first block."""
    block = next(blocks(frames))
    views = [gray_of(block.steady) - np.uint8(40)]
    views += [new for span, lag in SPANS for _, new in transients(block, span, lag)]
    steady = nearly_steady(block, 8)
    views += [steady[1]] if steady else []
    return max(int(view[SPOT].min()) for view in views)


@pytest.mark.parametrize("start", [0, 3, 21, 40])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 6, 7, 9, 12, 15, 18, 24, 33, 47, 64])
def test_text_stands_out_however_long_it_is_shown(start, length):
    shown = range(start, min(start + length, FRAMES))

    assert seen(make_frames(shown)) == 160


@pytest.mark.parametrize("start", [0, 13, 30])
@pytest.mark.parametrize("length", [1, 2, 5, 8, 20])
def test_text_that_is_missing_for_a_while_stands_out_all_the_same(start, length):
    hidden = range(start, start + length)

    assert seen(make_frames(index for index in range(FRAMES) if index not in hidden)) == 160


def test_what_stands_in_every_frame_is_no_news():
    block = next(blocks(make_frames(range(FRAMES))))

    assert all(new.max() == 0 for span, lag in SPANS for _, new in transients(block, span, lag))
    assert block.steady[SPOT].min() == 200


def test_a_block_ends_after_so_many_frames_and_the_last_one_is_shorter():
    lengths = [len(block.frames) for block in blocks(make_frames(()), frames=24)]

    assert lengths == [24, 24, 16]


def test_gray_and_color_frames_may_alternate():
    mixed = [*make_frames(range(FRAMES))[:4], *make_frames(range(FRAMES), color=True)[:4]]

    (block,) = blocks(mixed)

    assert block.steady.shape == (16, 16, 3)
    assert block.steady[SPOT].min() == 200


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_clip_of_few_frames_has_views_too(length):
    frames = make_frames({0})[:length]

    (block,) = blocks(frames)

    found = [new for span, lag in SPANS for _, new in transients(block, span, lag)]
    assert (
        max([int(new[SPOT].min()) for new in found] + [int(block.steady[SPOT].min()) - 40]) == 160
    )


def test_letters_of_any_color_are_bright():
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[0, 0], picture[0, 1], picture[0, 2] = (0, 0, 255), (0, 220, 220), (9, 8, 7)

    assert gray_of(picture)[0].tolist() == [255, 220, 9]
