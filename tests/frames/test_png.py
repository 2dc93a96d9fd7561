"""A picture that can't be written is not passed over."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from echoatlas.pipeline.deidentify_tool.containers import stills
from echoatlas.pipeline.frames.png import FOREIGN_ZLIB, data_url, encode_png, small_png
from tests.read.test_animated_png import SIDE, apng

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


def by_way_of(program: str) -> str:
    """What a process of its own prints."""
    pytest.importorskip("decord")  # 0.6 brings a zlib that others then take for theirs
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_where_opencv_reads_no_png_it_is_not_said_that_a_picture_is_damaged():
    """Whoever imports a reader of videos, and then us, is told what to import first."""
    load = "from echoatlas.pipeline.release.shard import unpacked_image"
    tell = f"""
from echoatlas.pipeline.errors import UsageError
try:
    print(unpacked_image(bytes.fromhex("{encode_png(np.full((8, 8), 7, np.uint8)).hex()}"), "png"))
except UsageError as told:
    print(told)
"""
    assert by_way_of(f"import decord\n{load}\n{tell}") == FOREIGN_ZLIB
    assert by_way_of(f"{load}\nimport decord\n{tell}").startswith("[[7 7")


def deep_color() -> tuple[bytes, int]:
    return cv2.imencode(".png", np.full((8, 8, 3), 7, np.uint16))[1].tobytes(), 7


def deep_parts() -> tuple[bytes, int]:
    whole, part = np.full((SIDE, SIDE, 1), 2 << 8), np.full((8, 8, 1), 65535)
    return apng([(0, 0, whole, 0, 0), (4, 4, part, 0, 1)], color=0, depth=16), 2


@pytest.mark.parametrize("made", [deep_color, deep_parts])
def test_samples_of_16_bits_that_libpng_cannot_read_are_refused_and_not_those_of_pillow(made):
    """Else a mask of three labels came as one that is empty."""
    png, brightest = made()
    load = "from echoatlas.pipeline.read import read"
    tell = f"""
from echoatlas.pipeline.errors import Reject
try:
    print(next(iter(read(bytes.fromhex("{png.hex()}")).frames())).max())
except Reject as told:
    print(told)
"""
    assert "cannot be decoded (PngError)" in by_way_of(f"import decord\n{load}\n{tell}")
    assert by_way_of(f"{load}\nimport decord\n{tell}") == f"{brightest}"
