"""Arrays that hold numbers of colors, as MATLAB's dicomread and HDF5's images have them."""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.simulate.pictures.scans import make_cine

CINE = make_cine(2, frames=5, size=(160, 120)).pictures
RAMP = np.linspace(0, 1, 256)
TINTED = np.stack([RAMP, RAMP**2, 1 - RAMP], axis=1)
GRAYS = np.repeat(RAMP[::-1, None], 3, axis=1)


def shown(data: bytes, **config: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.stack(list(read(data, ReadConfig(**config)).frames()))


def mat(**variables: Any) -> bytes:
    out = io.BytesIO()
    scipy.io.savemat(out, variables)
    return out.getvalue()


def mat73(**variables: Any) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=512) as file:
        for name, values in variables.items():
            kind = values.dtype.name.replace("float64", "double")
            file.create_dataset(name, data=values.T).attrs["MATLAB_class"] = kind
    data = bytearray(out.getvalue())
    data[:20] = b"MATLAB 7.3 MAT-file "
    return bytes(data)


@pytest.mark.parametrize("write", [mat, mat73])
@pytest.mark.parametrize("name", ["map", "cmap"])
@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_x_and_its_map_are_the_colors_that_dicomread_gave(write, name, frames, kind):
    numbers = np.moveaxis(CINE[:frames], 0, -1)  # (rows, columns, frames), which for one is gone
    stored = numbers[..., 0] if frames == 1 else numbers[:, :, None]
    stored = stored.astype(kind) + (kind is np.float64)  # whose numbers begin with 1

    found = shown(write(X=stored, **{name: TINTED}))

    assert np.array_equal(np.rint(TINTED * 255).astype(np.uint8)[CINE[:frames]], found)


@pytest.mark.parametrize("write", [mat, mat73])
def test_a_map_of_grays_gives_gray(write):
    found = shown(write(X=CINE[0], map=GRAYS))

    assert np.array_equal(255 - CINE[:1], found)


@pytest.mark.parametrize("write", [mat, mat73])
def test_a_map_of_something_else_changes_nothing(write):
    """Colors that a program showed a picture in, and tables of other numbers."""
    assert np.array_equal(CINE[:1], shown(write(bmode=CINE[0], map=TINTED)))
    assert np.array_equal(CINE[:1], shown(write(X=CINE[0], map=TINTED * 255)))
    assert np.array_equal(CINE[:1], shown(write(X=CINE[0], map=TINTED[:64])))


def image(**attributes: Any) -> bytes:
    """An HDF5 file by the Image and Palette Specification 1.2."""
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        node = file.create_dataset("scan", data=CINE[0])
        colors = file.create_dataset("colors", data=np.rint(TINTED * 255).astype(np.uint8))
        colors.attrs["CLASS"] = np.bytes_("PALETTE")
        node.attrs["CLASS"] = np.bytes_("IMAGE")
        if attributes.get("IMAGE_SUBCLASS"):
            node.attrs.create("PALETTE", [colors.ref], dtype=h5py.ref_dtype)
        for name, value in attributes.items():
            node.attrs[name] = np.bytes_(value) if isinstance(value, str) else value
    return out.getvalue()


def test_an_image_of_hdf5_has_the_colors_of_its_palette():
    found = shown(image(IMAGE_SUBCLASS="IMAGE_INDEXED"))

    assert np.array_equal(np.rint(TINTED * 255).astype(np.uint8)[CINE[:1]], found)


def test_an_image_of_hdf5_whose_zero_is_white_is_no_negative():
    assert np.array_equal(CINE[:1], shown(image(IMAGE_WHITE_IS_ZERO=np.uint8(0))))
    assert np.array_equal(255 - CINE[:1], shown(image(IMAGE_WHITE_IS_ZERO=np.uint8(1))))


def test_a_mask_has_its_numbers_whatever_colors_they_are_shown_in():
    labels = (CINE[0] > 60).astype(np.uint8)

    found = shown(mat(X=labels, map=TINTED), masks=True)

    assert np.array_equal(labels[None], found)
