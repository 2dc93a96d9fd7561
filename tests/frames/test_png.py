"""A picture that can't be written is not passed over."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from echoatlas.pipeline.deidentify_tool.containers import stills
from echoatlas.pipeline.frames.png import data_url, encode_png

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
