"""Which array of a file is the picture: never numbers, never a mask, never one of several."""

from __future__ import annotations

import io
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
import scipy.io
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.simulate import make_cine

CINE = make_cine(21, frames=5, size=(120, 100)).pictures
STILL = CINE[0]
NOISE = np.random.default_rng(7)
MASK = np.zeros(STILL.shape, np.uint8)
MASK[30:60, 40:80] = 1
OFF = 1 + 255 - int(CINE.max())  # gray levels, for the brightest becomes white
DECIBELS = (CINE / 255 * 60 - 60).astype(np.float32)


def hdf5(
    arrays: dict[str, Any], attrs: dict[str, dict[str, Any]] | None = None, **options: Any
) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for name, values in arrays.items():
            large = options if np.ndim(values) > 1 else {}
            file.create_dataset(name, data=values, **large)
        for name, told in (attrs or {}).items():
            file.require_group(name).attrs.update(told)
    return out.getvalue()


def mat(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    scipy.io.savemat(out, arrays)
    return out.getvalue()


def npy(values: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def cells(pictures: NDArray[Any]) -> bytes:
    """MATLAB 7.3: a cell array is references into a group of MATLAB's own."""
    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=512) as file:
        places = []
        for index, picture in enumerate(pictures):
            made = file.create_dataset(f"#refs#/{'zyxwv'[index]}", data=picture.T)
            made.attrs["MATLAB_class"] = np.bytes_("uint8")
            places.append(made.ref)
        cell = file.create_dataset("frames", (len(places), 1), h5py.ref_dtype)
        cell[:, 0] = places
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
    return b"MATLAB 7.3 MAT-file".ljust(512) + out.getvalue()[512:]


def shown(data: bytes) -> NDArray[np.uint8]:
    return np.stack(list(read(data).frames()))


def refused(data: bytes) -> Reject:
    with pytest.raises(Reject) as caught:
        read(data)
    return caught.value


def waves(shape: tuple[int, ...]) -> NDArray[np.int16]:
    """Radio-frequency samples: a carrier under speckle, alike from line to line."""
    depth = np.arange(shape[-1])
    envelope = NOISE.rayleigh(300, (*shape[:-1], shape[-1] // 4)).repeat(4, axis=-1)
    return (envelope * np.cos(depth * np.pi / 4)).astype(np.int16)


NUMBERS = {
    "embeddings": NOISE.normal(size=(400, 512)),
    "noise": NOISE.integers(0, 256, (300, 300), dtype=np.uint8),
    "features": np.abs(NOISE.normal(size=(256, 512))) * NOISE.lognormal(0, 2, 512),
    "weights": NOISE.normal(0, 0.02, (64, 32, 5, 5)).reshape(64 * 5, 32 * 5).astype(np.float32),
    "rf": waves((64, 1024)),
    "rf of plane waves": waves((3, 64, 1024)),
    "demodulated": gaussian_filter(NOISE.normal(size=(512, 128)), (4, 3)).astype(np.float32),
    "mask": MASK,
    "logical mask": MASK.astype(bool),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("pack", [npy, lambda one: hdf5({"x": one}), lambda one: mat({"x": one.T})])
def test_numbers_are_no_picture(name, pack):
    assert Reason.NOT_AN_IMAGE is refused(pack(NUMBERS[name])).reason


@pytest.mark.parametrize(
    "values",
    [
        CINE,
        STILL,
        CINE.astype(np.float32) / 255,
        CINE.astype(np.float64) / 127.5 - 1,
        (CINE - CINE.mean()) / CINE.std(),
        CINE.astype(np.uint16) << 8,
        DECIBELS,
    ],
)
def test_a_picture_is_one_on_whatever_scale_it_is_written(values):
    assert STILL.shape == shown(npy(values))[0].shape


def grid(across: NDArray[Any], down: NDArray[Any]) -> NDArray[np.float32]:
    """Where pixels lie, meters, as zea has it: (H, W, 3)."""
    return np.stack([across, 0 * across, down], axis=-1).astype(np.float32)


X, Z = np.meshgrid(np.arange(120) * 4e-4, np.arange(100) * 3e-4)
ANGLE, DEPTH = np.meshgrid(np.linspace(-0.6, 0.6, 120), np.linspace(2e-3, 0.1, 100))
GRID = grid(X, Z)
BEAMS = grid(DEPTH * np.sin(ANGLE), DEPTH * np.cos(ANGLE))
LAYOUTS = {
    "UFF": hdf5(
        {"channel_data/data/real": waves((4, 64, 256)), "channel_data/data/imag": DECIBELS},
        {"channel_data": {"class": "uff.channel_data"}},
    ),
    "PICMUS": hdf5({"US/US_DATASET0000/data/real": np.abs(waves((3, 64, 512)))}),
    "zea": hdf5({"data/raw_data": np.abs(waves((2, 64, 512))), "scan/n_el": 64}),
    "zea, along beams": hdf5({"data/image": DECIBELS, "scan/n_el": 64}),
    "zea, along beams, of 0.1": hdf5({"tracks/track_0/data/image/values": DECIBELS}),
    "zea, along beams with coordinates": hdf5(
        {"data/image/values": DECIBELS, "data/image/coordinates": BEAMS}
    ),
    "Verasonics": mat({"RcvData": waves((256, 64)), "Trans": 1.0, "TX": 2.0, "Receive": 3.0}),
    "Verasonics 7.3": hdf5({"RcvData": np.abs(waves((256, 64))), "Trans/x": 1, "Resource/x": 1}),
    "by its name": hdf5({"acquisition/rf_data": np.abs(waves((2, 64, 512)))}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_channel_data_are_told_by_name(layout):
    found = refused(LAYOUTS[layout])

    assert Reason.NOT_AN_IMAGE is found.reason
    assert layout.partition(" ")[0].strip(",") in found.detail or "by their names" in found.detail


@pytest.mark.parametrize(
    "arrays",
    [
        {"data/image_sc": DECIBELS, "data/raw_data": waves((4, 64, 512)), "scan/n_el": 64},
        {
            "tracks/track_0/data/image/values": DECIBELS,
            "tracks/track_0/data/image/coordinates": GRID,
            "tracks/track_0/data/raw_data": waves((4, 64, 512)),
        },
    ],
)
@pytest.mark.parametrize("packed", [{}, hdf5plugin.Blosc(), hdf5plugin.Zstd()])
def test_decibels_on_a_grid_are_read_with_their_range(arrays, packed):
    found = shown(hdf5(arrays, **packed))

    assert np.abs(CINE.astype(int) - found).max() <= OFF


@pytest.mark.parametrize("grids", [GRID, np.stack([GRID] * len(DECIBELS))])
def test_coordinates_say_how_large_pixels_are(grids):
    scan = read(hdf5({"data/image/values": DECIBELS, "data/image/coordinates": grids}))

    assert scan.spacing == pytest.approx((0.4, 0.3), rel=1e-4)


def test_three_volumes_of_zea_are_no_colors():
    """Its axes are frames, z, x and y, whatever their lengths."""
    volumes = np.stack([np.moveaxis(DECIBELS[:4], 0, -1)] * 3)

    found = shown(hdf5({"data/image/values": volumes, "data/image/coordinates": GRID}))

    assert found.shape == (12, *STILL.shape)


def test_decibels_that_go_on_below_what_is_shown_do_not_make_all_else_bright():
    deep = DECIBELS.copy()
    deep[:, 0, 0], deep[:, 0, 1] = -np.inf, -180

    found = shown(npy(deep))

    assert np.abs(CINE.astype(int) - found)[:, 1:].max() <= OFF


@pytest.mark.parametrize("turned", [False, True])
def test_beamformed_decibels_of_uff_are_their_picture(turned):
    pixels = DECIBELS.transpose(0, 2, 1).reshape(len(CINE), -1)  # depth by depth, along x
    values = pixels[:, None, None, :] if turned else pixels.T[:, None, None, :]
    arrays = {
        "b/data": values,
        "b/scan/x_axis": np.linspace(-0.02, 0.02, 120),
        "b/scan/z_axis": np.linspace(0.0, 0.0495, 100),
    }
    told = {"b": {"class": "uff.beamformed_data"}, "b/scan": {"class": "uff.linear_scan"}}

    scan = read(hdf5(arrays, told))

    assert np.abs(CINE.astype(int) - np.stack(list(scan.frames()))).max() <= 1 + 255 - int(
        CINE.max()
    )
    assert scan.spacing == pytest.approx((40 / 119, 0.5))


@pytest.mark.parametrize("pack", [hdf5, mat])
@pytest.mark.parametrize("name", ["gt", "annotation", "ground_truth", "Seg", "liver_mask", "label"])
def test_the_picture_is_stored_and_not_its_mask(pack, name):
    for other in ("image", "x", "bmode_frame"):
        found = shown(pack({name: np.repeat(MASK, 2, axis=0), other: STILL}))

        assert np.array_equal(STILL, found[0])


def test_a_mask_by_another_name_is_told_by_its_values():
    assert np.array_equal(STILL, shown(hdf5({"a": STILL, "b": MASK}))[0])


def test_masks_alone_are_no_picture_but_where_a_mask_is_wanted():
    data = hdf5({"mask": MASK})

    assert Reason.NOT_AN_IMAGE is refused(data).reason
    assert np.array_equal(MASK, next(read(data, ReadConfig(masks=True)).frames()))


@pytest.mark.parametrize(
    "data",
    [
        hdf5({f"img_{index}": one for index, one in enumerate(CINE)}),
        mat({f"img{index}": one for index, one in enumerate(CINE)}),
        mat({"cell": np.array([[*CINE, None]], dtype=object)[:, :-1]}),
        hdf5({f"scan/{index + 8}": one for index, one in enumerate(CINE)}),
        cells(CINE),
        cells(CINE[:4]),
        cells(CINE[:3]),
    ],
)
def test_equal_siblings_are_frames_in_the_order_of_their_numbers(data):
    found = shown(data)

    assert np.array_equal(CINE[: len(found)], found)
    assert len(found) >= 3


@pytest.mark.parametrize(
    "data",
    [
        hdf5({"before": STILL, "after": CINE[1]}),
        mat({"image_left": STILL, "image_right": CINE[1]}),
        hdf5({"a": STILL, "b": CINE[1][:50]}),
        hdf5({"image_0": CINE, "image_1": CINE[::-1]}),
    ],
)
def test_what_cannot_be_decided_is_refused_and_says_the_shapes(data):
    found = refused(data)

    assert Reason.AMBIGUOUS is found.reason
    assert "100 x 120" in found.detail
    assert "left" not in found.detail
