"""Volumes of MINC 2 and of ITK in HDF5: as bright as they are, with their spacing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import read
from echoatlas.simulate.pictures.scans import make_cine

CINE = make_cine(2, frames=6, size=(160, 120), burned_in=()).pictures
COLOR = make_cine(1, frames=5, size=(160, 120), color=True, mode="color_doppler").pictures
GAIN = np.array([1, 0.8, 0.6, 0.4, 0.9, 0.5])
STEPS = {"xspace": 0.2, "yspace": -0.3, "zspace": 1.0, "time": 0.04}


def minc(
    values: NDArray[Any],
    order: Sequence[str] = ("zspace", "yspace", "xspace"),
    ends: tuple[NDArray[Any], NDArray[Any]] | None = None,
    valid: tuple[float, float] | None = None,
    kind: bytes = b"real___",
) -> bytes:
    """As libminc lays it out, with a smaller copy of the volume."""
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        root = file.create_group("minc-2.0")
        root.attrs["class"] = np.bytes_(kind)
        for name in order:
            one = root.create_dataset(f"dimensions/{name}", data=0.0)
            one.attrs["step"], one.attrs["spacing"] = STEPS.get(name, 1.0), np.bytes_("regular__")
            one.attrs["units"] = np.bytes_("s" if name == "time" else "mm")
        image = root.create_dataset("image/0/image", data=values, compression="gzip")
        image.attrs["dimorder"] = np.bytes_(",".join(order))
        if valid is not None:
            image.attrs["valid_range"] = np.array(valid, float)
        if ends is not None:
            root["image/0/image-min"], root["image/0/image-max"] = ends
        root["image/1/image"] = values[..., ::2, ::2]
    return out.getvalue()


def itk(values: NDArray[Any], spacing: Sequence[float]) -> bytes:
    """As ITK's HDF5ImageIO writes it."""
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        image = file.create_group("ITKImage/0")
        image["VoxelData"], image["Spacing"] = values, np.array(spacing, float)
        image["Origin"], image["Directions"] = np.zeros(len(spacing)), np.eye(len(spacing))
    return out.getvalue()


def shown(data: bytes) -> NDArray[np.uint8]:
    return np.stack(list(read(data).frames()))


@pytest.mark.parametrize("kind", ["u1", "i2", "u2"])
def test_each_slice_is_as_bright_as_its_range_says(kind):
    """Stored values of each slice fill the whole type; nibabel 5.4.2 and SimpleITK 2.5.7 say so."""
    info = np.iinfo(kind)
    meant = CINE * GAIN[:, None, None]
    tops = meant.max(axis=(1, 2))
    stored = info.min + meant / tops[:, None, None] * (info.max - info.min)

    data = minc(np.rint(stored).astype(kind), ends=(np.zeros(6), tops))

    assert np.abs(shown(data) - meant).max() <= 1


def test_a_range_that_all_slices_share_changes_nothing():
    whole = np.array(0.0), np.array(255.0)

    assert np.array_equal(CINE, shown(minc(CINE, ends=whole, valid=(0, 255))))
    assert np.array_equal(CINE, shown(minc(CINE)))


def test_spacing_and_times_are_those_of_the_dimensions():
    volume = read(minc(CINE))
    cine = read(minc(CINE, ("time", "yspace", "xspace")))
    color = read(minc(COLOR, ("time", "yspace", "xspace", "vector_dimension")))

    assert (volume.spacing, volume.times) == ((0.2, 0.3), None)
    assert (cine.spacing, cine.times) == ((0.2, 0.3), (0.0, 40.0, 80.0, 120.0, 160.0, 200.0))
    assert np.array_equal(COLOR, np.stack(list(color.frames())))


@pytest.mark.parametrize("step", [-0.3, 0.3])
def test_a_volume_lies_as_its_values_do_whichever_way_its_axes_are_said_to_run(step, monkeypatch):
    """``findings/lesion_of_a_minc_volume.sh``: programs do not agree on what they say."""
    monkeypatch.setitem(STEPS, "yspace", step)

    assert np.array_equal(CINE, shown(minc(CINE)))


def test_labels_are_not_scaled():
    labels = minc(CINE, ends=(np.zeros(6), GAIN), kind=b"label__")

    assert np.array_equal(CINE, shown(labels))


def test_ranges_of_other_slices_are_refused():
    with pytest.raises(Reject) as caught:
        read(minc(CINE, ends=(np.zeros(5), np.ones(5))))

    assert caught.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize("values", [CINE, COLOR], ids=["gray", "color"])
def test_a_volume_of_itk_has_its_spacing(values):
    scan = read(itk(values, (0.2, 0.3, 1.0)))

    assert scan.spacing == (0.2, 0.3)
    assert np.array_equal(values, np.stack(list(scan.frames())))
