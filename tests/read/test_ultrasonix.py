"""Ultrasonix research files are told by their numbers, which explain every byte."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import read
from echoatlas.simulate import make_cine

CINE = make_cine(41, frames=3, size=(90, 70)).pictures


def file(kind: int, bits: int, body: bytes, rate: int = 25) -> bytes:
    head = struct.pack("<19i", kind, 3, 90, 70, bits, *[0] * 8, 2, 5, 20, rate, 0, 0)
    return head + body


def refused(data: bytes) -> Reject:
    with pytest.raises(Reject) as caught:
        read(data)
    return caught.value


def test_b8_is_gray_with_its_times():
    scan = read(file(4, 8, CINE.tobytes()))

    assert np.array_equal(CINE, np.stack(list(scan.frames())))
    assert scan.times == (0.0, 40.0, 80.0)


def test_b32_is_color_blue_first():
    color = np.stack([CINE, CINE // 2, CINE // 3, CINE * 0], axis=-1)

    scan = read(file(8, 32, color.tobytes(), rate=0))

    assert np.array_equal(color[..., 2::-1], np.stack(list(scan.frames())))
    assert scan.times is None


@pytest.mark.parametrize(("kind", "bits", "name"), [(2, 8, ".bpr"), (16, 16, ".rf")])
def test_what_is_not_scan_converted_says_what_to_send(kind, bits, name):
    found = refused(file(kind, bits, bytes(3 * 90 * 70 * bits // 8)))

    assert Reason.NOT_AN_IMAGE is found.reason
    assert name in found.detail and ".b8" in found.detail


def test_a_byte_too_many_is_none_of_them():
    assert refused(file(4, 8, CINE.tobytes() + b"A")).reason is Reason.UNSUPPORTED_FORMAT
