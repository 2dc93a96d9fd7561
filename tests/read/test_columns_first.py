"""HDF5 of programs that store columns first: their pictures are not mirrored about the diagonal."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.simulate.pictures.scans import make_cine

CINE = make_cine(2, frames=5, size=(160, 120)).pictures
COLOR = make_cine(1, frames=1, size=(160, 120), color=True, mode="color_doppler").pictures
STRIPES = np.linspace(0, 200, 96)[:, None] + 40 * np.sin(np.arange(64) / 3)  # no fan tells its lie


def octave(values: NDArray[Any]) -> bytes:
    """As ``save -hdf5`` writes it."""
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        group = file.create_group("cine")
        group.attrs["OCTAVE_NEW_FORMAT"] = np.uint8(1)
        group["type"] = np.bytes_("uint8 matrix")
        group["value"] = values.T
    return out.getvalue()


def julia(values: NDArray[Any]) -> bytes:
    """As JLD2 writes it: a block of text before HDF5's own."""
    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=512) as file:
        file["cine"] = values.T
    whole = bytearray(out.getvalue())
    head = b"Julia data file (HDF5), version 0.2.0"
    whole[: len(head)] = head
    return bytes(whole)


WRITERS = [octave, julia]


def shown(data: bytes, **config: Any) -> NDArray[np.uint8]:
    return np.stack(list(read(data, ReadConfig(**config)).frames()))


@pytest.mark.parametrize("write", WRITERS)
def test_a_cine_of_rows_columns_and_frames_is_as_it_was(write: Callable[..., bytes]) -> None:
    assert np.array_equal(CINE, shown(write(np.moveaxis(CINE, 0, -1))))


@pytest.mark.parametrize("write", WRITERS)
def test_a_still_that_nothing_tells_the_lie_of_is_as_it_was(write: Callable[..., bytes]) -> None:
    still = STRIPES.astype(np.uint8)

    assert np.array_equal(still[None], shown(write(still)))


@pytest.mark.parametrize("write", WRITERS)
def test_colors_are_as_they_were(write: Callable[..., bytes]) -> None:
    assert np.array_equal(COLOR, shown(write(COLOR[0])))


@pytest.mark.parametrize("write", WRITERS)
def test_a_mask_lies_as_its_picture_does(write: Callable[..., bytes]) -> None:
    drawn = np.zeros((96, 64), np.uint8)
    drawn[10:30, 5:20] = 1

    assert np.array_equal(drawn[None], shown(write(drawn), masks=True))
