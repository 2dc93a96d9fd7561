"""Animated PNG whose frames are parts: each is seen as it is to be, whatever was drawn before."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from echoatlas.pipeline.read import read

SIDE = 64
NONE, BACKGROUND, PREVIOUS = range(3)
SOURCE, OVER = range(2)
Part = tuple[int, int, NDArray[Any], int, int]  # x, y, samples, dispose, blend
TYPES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # samples of a pixel by color type
PALETTE = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)


def chunk(name: bytes, body: bytes) -> bytes:
    end = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + end


def apng(parts: list[Part], color: int, depth: int = 8, poster: bool = False) -> bytes:
    """Frames, the first of which is whole; ``poster``: behind one that only stands for them."""

    def coded(samples: NDArray[Any]) -> bytes:
        rows = samples.astype(">u2" if depth == 16 else "u1")
        return zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))

    made = b"\x89PNG\r\n\x1a\n"
    made += chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, color, 0, 0, 0))
    made += chunk(b"acTL", struct.pack(">II", len(parts), 0)) + chunk(b"tEXt", b"Title\0clip")
    made += chunk(b"PLTE", PALETTE.tobytes()) if color == 3 else b""
    made += chunk(b"IDAT", coded(parts[0][2][::-1])) if poster else b""
    number = 0
    for at, (x, y, samples, dispose, blend) in enumerate(parts):
        height, width = samples.shape[:2]
        told = (number, width, height, x, y, 40, 1000, dispose, blend)
        made += chunk(b"fcTL", struct.pack(">5I2H2B", *told))
        number += 1
        if at or poster:
            made += chunk(b"fdAT", struct.pack(">I", number) + coded(samples))
            number += 1
        else:
            made += chunk(b"IDAT", coded(samples))
    return made + chunk(b"IEND", b"")


def parts(seed: int, color: int, depth: int = 8) -> list[Part]:
    dice = np.random.default_rng(seed)
    found: list[Part] = []
    for at in range(5):
        height, width = dice.integers(8, 40, 2) if at else (SIDE, SIDE)
        x, y = (int(dice.integers(0, SIDE - side + 1)) for side in (width, height))
        samples = dice.integers(0, 1 << depth, (height, width, TYPES[color]))
        if color in (4, 6):
            samples[..., -1] = dice.choice([0, 128, 255], (height, width)) if at else 255
        found.append((x, y, samples, int(dice.integers(0, 3)), int(dice.integers(0, 2))))
    return found


def seen(made: list[Part], color: int, depth: int = 8) -> list[NDArray[np.uint8]]:
    """As PNG, 3rd ed., 11.3.6.2 and 12.8 have it, transparent parts black."""
    canvas = np.zeros((SIDE, SIDE, 4))
    shown = []
    for at, (x, y, samples, dispose, blend) in enumerate(made):
        values = samples >> (depth - 8)
        alpha = values[..., -1:] if color in (4, 6) else np.full_like(values[..., :1], 255)
        colors = (
            PALETTE[values[..., 0]] if color == 3 else values[..., : 3 if color in (2, 6) else 1]
        )
        colors = np.broadcast_to(colors, (*values.shape[:2], 3))
        there = canvas[y : y + len(samples), x : x + samples.shape[1]]
        before = there.copy()
        upper = alpha / 255 if blend == OVER else np.ones_like(alpha, float)
        lower = before[..., 3:] / 255 * (1 - upper)
        both = np.maximum(upper + lower, 1e-12)
        if blend == OVER:
            there[..., :3] = (colors * upper + before[..., :3] * lower) / both
            there[..., 3:] = (upper + lower) * 255
        else:
            there[:] = np.concatenate([colors, alpha], axis=-1)
        shown.append(np.rint(canvas[..., :3] * canvas[..., 3:] / 255).astype(np.uint8))
        if dispose == BACKGROUND or (dispose == PREVIOUS and not at):
            there[:] = 0
        elif dispose == PREVIOUS:
            there[:] = before
    return shown


@pytest.mark.parametrize("poster", [False, True])
@pytest.mark.parametrize("color", sorted(TYPES))
@pytest.mark.parametrize("seed", range(8))
def test_parts_of_pictures_lie_over_what_is_to_be_there(seed, color, poster):
    """``findings/part_of_an_animation.sh``: Pillow keeps a part that is to be taken away again."""
    made = parts(seed, color)

    scan = read(apng(made, color, poster=poster))

    expected = seen(made, color)
    for picture, wanted in zip(scan.frames(), expected, strict=True):
        whole = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        assert np.abs(whole.astype(int) - wanted).max() <= 2
    assert scan.times == (0.0, 40.0, 80.0, 120.0, 160.0)
    assert scan.text["Title"] == "clip"


@pytest.mark.parametrize("color", [2, 6])
def test_parts_of_16_bits_lie_so_too(color):
    made = parts(3, color, 16)
    if color == 6:
        made = [(*part[:2], part[2] | np.array([0, 0, 0, 65535]), *part[3:]) for part in made]

    pictures = list(read(apng(made, color, 16)).frames())

    assert np.abs(np.array(pictures, int) - np.array(seen(made, color, 16), int)).max() <= 1


@pytest.mark.parametrize("cut", range(40, 4000, 131))
def test_a_damaged_animation_is_refused_or_what_is_left_of_it(cut):
    from echoatlas.pipeline.errors import Reject

    data = apng(parts(1, 6), 6)
    try:
        count = len(list(read(data[:-cut]).frames()))
    except Reject:
        count = 0

    assert count <= 5
