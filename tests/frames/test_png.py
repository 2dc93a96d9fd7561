"""A picture that can't be written is not passed over."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from echoatlas.pipeline.deidentify_tool.containers import stills
from echoatlas.pipeline.frames.png import data_url, encode_png, small_png

TOO_WIDE = np.zeros((1, 1_000_001), np.uint8)


@pytest.mark.parametrize("write", [encode_png, data_url, stills.png])
def test_a_picture_that_png_cannot_hold_is_an_error(write):
    with pytest.raises(ValueError, match="cannot be written"):
        write(TOO_WIDE)


def test_colors_keep_their_order():
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255

    shown = cv2.imdecode(np.frombuffer(encode_png(red), np.uint8), cv2.IMREAD_COLOR_RGB)

    assert (red == shown).all()


@pytest.mark.parametrize("bits", [1, 8])
def test_a_picture_of_few_levels_comes_back_and_is_small(bits: int):
    """A mask may say what it covers by 1 or by 255."""
    y, x = np.mgrid[:480, :640]
    levels = (((np.hypot(y, x - 320) < 470) & (abs(x - 320) < 0.8 * y)) * 3).astype(np.uint8)

    packed = small_png(levels, bits)

    back = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_UNCHANGED)
    assert back.shape == levels.shape
    assert (back == (levels if bits == 8 else np.where(levels, 255, 0))).all()
    assert len(packed) < 0.8 * len(encode_png(levels))
