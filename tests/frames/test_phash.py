"""Perceptual hashes: the bits that imagehash gives, and the mirror's for free."""

from __future__ import annotations

import io

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from echoatlas.pipeline.frames import phash
from echoatlas.pipeline.read import read
from echoatlas.simulate.pictures.scans import make_cine

LANCZOS = Image.Resampling.LANCZOS


def distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


@pytest.mark.parametrize("side", [8, 16])
@pytest.mark.parametrize("size", [(256, 256), (640, 480), (300, 180), (41, 57)])
def test_bits_are_those_of_imagehash(side, size):
    for seed in range(4):
        gray = cv2.resize(make_cine(seed, frames=1, size=(640, 480)).pictures[0], size)

        theirs = imagehash.phash(Image.fromarray(gray), hash_size=side)

        assert np.packbits(theirs.hash).tobytes() == phash.phash(gray, side)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_a_scan_of_sixteen_bits_has_the_hash_of_its_eight(bits):
    gray = make_cine(3, frames=1, size=(640, 480)).pictures[0]
    deep = io.BytesIO()
    Image.fromarray(gray.astype(np.uint16) << (bits - 8)).save(deep, "PNG")

    (shown,) = read(deep.getvalue()).frames()

    assert distance(phash.phash(gray), phash.phash(shown)) <= 1


def test_bits_are_those_of_imagehash_on_real_scans(samples):
    paths = sorted((samples / "images").glob("*/*.png"))[::5]

    for path in paths:
        gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        theirs = imagehash.phash(Image.fromarray(gray), hash_size=16)
        assert np.packbits(theirs.hash).tobytes() == phash.phash(gray, 16)

    assert len(paths) > 10


def test_the_mirrors_hash_is_the_hash_of_the_mirror():
    gray = cv2.resize(make_cine(5, frames=1).pictures[0], (256, 256))

    low = phash.coefficients(phash.shrink(gray, 64), 16)
    mirrored = phash.bits(phash.mirrored(low))

    assert distance(mirrored, phash.phash(np.ascontiguousarray(gray[:, ::-1]), 16)) <= 4
    assert distance(mirrored, phash.bits(low)) > 60


@pytest.mark.parametrize(("height", "width"), [(172, 256), (256, 140), (90, 60), (256, 256)])
def test_a_frame_and_its_fan_shrunk_together_are_as_shrunk_alone(height, width):
    top, left = (256 - height) // 2, (256 - width) // 2
    fan = np.random.default_rng(height).integers(0, 256, (height, width), np.uint8)
    frame = np.zeros((256, 256), np.uint8)
    frame[top : top + height, left : left + width] = fan

    small = phash.shrunk(fan, (256, 256), (top, left))

    for ours, size in ((small.frame32, 32), (small.frame64, 64)):
        assert np.array_equal(phash.shrink(frame, size), ours)
        assert np.array_equal(Image.fromarray(frame).resize((size, size), LANCZOS), ours)
    for ours, size in ((small.fan32, 32), (small.fan64, 64)):
        assert np.array_equal(phash.shrink(fan, size), ours)


@pytest.mark.parametrize("side", [8, 16])
def test_half_of_the_bits_are_set_whatever_the_picture(side):
    low = np.random.default_rng(side).normal(size=(side, side))

    packed = np.frombuffer(phash.bits(low), np.uint8)

    assert np.unpackbits(packed).sum() == side * side // 2
    assert np.array_equal(np.unpackbits(packed).reshape(side, side), low > np.median(low))
