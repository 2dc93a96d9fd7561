"""A clip's pictures: decoded once where they fit, as gray where they are, streamed where not."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.frames.color import plain
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.schemas.records import Scan
from echoatlas.simulate import make_cine, write_dicom

JPEG = "1.2.840.10008.1.2.4.50"


class Counted:
    """A scan that counts how often a picture of it was decoded."""

    def __init__(self, scan: Scan) -> None:
        self.decoded = 0
        self.scan = replace(scan, frames=lambda: self._counted(scan), single=self._one)
        self._single = scan.single

    def _counted(self, scan: Scan) -> Iterator[np.ndarray]:
        for picture in scan.frames():
            self.decoded += 1
            yield picture

    def _one(self, index: int) -> np.ndarray | None:
        assert self._single is not None
        self.decoded += 1
        return self._single(index)


def cine(frames: int = 8, **options: object) -> Scan:
    scan = make_cine(3, frames=frames, size=(320, 240), **options)  # type: ignore[arg-type]
    return read(write_dicom(scan, JPEG))


def test_a_clip_that_fits_is_decoded_once_however_often_it_is_looked_at():
    counted = Counted(cine())
    clip = Clip(counted.scan)

    spread, first, second = clip.spread(4), list(clip), list(clip)

    assert counted.decoded == 8
    assert len(spread) == 4
    assert all(one is other for one, other in zip(first, second, strict=True))


def test_a_clip_that_does_not_fit_gives_the_same_pictures():
    scan = cine()

    held, streamed = Clip(scan), Clip(scan, held_bytes=100_000)

    assert np.array_equal(np.stack(held.spread(3)), np.stack(streamed.spread(3)))
    for _ in range(2):
        assert np.array_equal(np.stack(list(held)), np.stack(list(streamed)))


def test_no_picture_of_a_clip_that_does_not_fit_is_kept():
    clip = Clip(cine(), held_bytes=100_000)

    pictures = iter(clip)
    first = weakref.ref(next(pictures))
    rest = sum(1 for _ in pictures)

    assert rest == 7
    assert first() is None


def test_a_few_pictures_of_a_long_clip_do_not_cost_its_decoding():
    counted = Counted(cine(frames=20))

    spread = Clip(counted.scan, held_bytes=100_000).spread(4)

    assert counted.decoded == len(spread) == 4


def test_a_damaged_frame_is_left_out_of_the_few(tmp_path):
    data = bytearray(write_dicom(make_cine(3, frames=8, size=(320, 240)), JPEG))
    last = data.rfind(b"\xff\xd8\xff")
    data[last + 200 : last + 4000] = bytes(3800)
    scan = read(bytes(data), ReadConfig(partial=True))

    spread = Clip(scan, held_bytes=100_000).spread(4)

    assert len(spread) == 3
    assert scan.damage.lost == set()


def test_gray_in_three_components_is_given_as_gray_and_one_colored_pixel_is_not():
    gray = np.random.default_rng(0).integers(0, 256, (90, 70), np.uint8)
    three = np.repeat(gray[..., None], 3, axis=2)
    colored = three.copy()
    colored[47, 31, 2] ^= 1

    assert np.array_equal(gray, plain(three))
    assert plain(gray) is gray
    assert plain(colored) is colored


@pytest.mark.parametrize("held", [1, 1 << 30])
def test_a_still_is_a_clip_of_one(held):
    clip = Clip(cine(frames=1), held_bytes=held)

    assert len(clip.spread(16)) == len(list(clip)) == 1
