"""The pictures of an array are found along whichever axes they lie, and stated axes are obeyed."""

from __future__ import annotations

import struct
from functools import cache
from itertools import permutations

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.simulate import make_cine
from tests.helpers.arrays import (
    hdf5,
    mat,
    mha,
    nifti,
    nifti_of_dcm2niix,
    nifti_turned,
    npy,
    nrrd_of,
    rotation,
    six,
    slicer_sequence,
)

SIZE = (240, 180)
Frames = NDArray[np.uint8]


@cache
def clip(frames: int = 24, fan: str = "convex", color: bool = False) -> Frames:
    mode = "color_doppler" if color else "b_mode"
    return make_cine(5, frames=frames, fan=fan, size=SIZE, color=color, mode=mode).pictures


def pictures(data: bytes) -> Frames:
    return np.stack(list(read(data).frames()))


@pytest.mark.parametrize("name", six(clip()))
def test_frames_that_are_not_the_first_axis_are_found(name):
    found = pictures(six(clip())[name])

    assert np.array_equal(clip(), found)


@settings(max_examples=25, deadline=None)
@given(
    order=st.sampled_from(list(permutations(range(3)))),
    fan=st.sampled_from(["convex", "phased", "trapezoid"]),
    frames=st.integers(16, 40),
    write=st.sampled_from([npy, hdf5, mat, mha, nifti, nrrd_of]),
)
def test_a_clip_in_any_order_of_axes_comes_out_upright(order, fan, frames, write):
    made = make_cine(3, frames=frames, fan=fan, size=SIZE).pictures

    found = pictures(write(np.ascontiguousarray(made.transpose(order))))

    assert np.array_equal(made, found)


def in_order(frames: NDArray[np.uint16], order: str) -> dict[str, bytes]:
    """A clip of 16 bits in files whose samples have their high byte first (">") or last ("<")."""
    ordered = frames.astype(f"{order}u2")
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(np.uint16)
    volume = nibabel.Nifti1Image(frames.transpose(2, 1, 0), np.eye(4), header)
    return {
        "clip.npy": npy(ordered), "clip.h5": hdf5(ordered), "clip.nii": volume.to_bytes(),
        "clip.nrrd": nrrd_of(ordered.transpose(2, 1, 0)),
    }  # fmt: skip


@pytest.mark.parametrize("name", in_order(np.zeros((1, 1, 1), np.uint16), "<"))
def test_samples_are_the_same_in_either_order_of_their_bytes(name):
    wide = clip(16).astype(np.uint16) * 257

    first, last = (pictures(in_order(wide, order)[name]) for order in "><")

    assert np.array_equal(first, last)
    assert np.array_equal(clip(16), first)


@pytest.mark.parametrize("frames", [2, 3, 4, 5])
def test_a_sequence_of_few_frames_is_no_color(frames):
    made = clip(frames)

    scan = read(slicer_sequence(made))

    assert (frames, "gray") == (scan.declared_frames, scan.color)
    assert np.array_equal(made, np.stack(list(scan.frames())))


@pytest.mark.parametrize("frames", [3, 4])
@pytest.mark.parametrize("write", [mat, npy, mha, nrrd_of])
def test_a_gray_clip_of_as_many_frames_as_colors_stays_gray(frames, write):
    made = clip(frames)

    scan = read(write(made.transpose(1, 2, 0)))

    assert (frames, "gray") == (scan.declared_frames, scan.color)


@pytest.mark.parametrize("place", range(4))
def test_colors_are_found_on_any_axis(place):
    made = clip(color=True)

    found = pictures(npy(np.ascontiguousarray(np.moveaxis(made, 3, place))))

    assert np.array_equal(made, found)


@pytest.mark.parametrize("frames", [2, 4, 5, 9])
def test_a_color_clip_of_few_frames_has_its_colors_in_the_order_of_matlab(frames):
    """Rows, columns, colors, frames: as VideoReader reads and VideoWriter wants them."""
    made = clip(frames, color=True)

    scan = read(mat(made.transpose(1, 2, 3, 0)))

    assert (scan.declared_frames, scan.color) == (frames, "rgb:stated")
    assert np.array_equal(made, np.stack(list(scan.frames())))


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("kind", ["RGB-color", "vector", "3-color"])
def test_colors_that_are_stated_are_obeyed_on_any_axis(place, kind):
    made = clip(color=True)
    values = np.moveaxis(made.transpose(2, 1, 0, 3), 3, place)
    kinds = ["domain"] * 3
    kinds.insert(place, kind)

    found = pictures(nrrd_of(values, " ".join(kinds)))

    assert np.array_equal(made, found)


def test_a_picture_with_alpha_is_in_color_and_four_frames_are_not():
    shown = clip(color=True)[0]
    with_alpha = np.dstack([shown, np.full(shown.shape[:2], 255, np.uint8)])

    one, four = read(npy(with_alpha)), read(npy(clip(4).transpose(1, 2, 0)))

    assert (one.declared_frames, one.color) == (1, "rgb:stated")
    assert (four.declared_frames, four.color) == (4, "gray")


@pytest.mark.parametrize("intent", [1007, 2003, 2004])
def test_the_vectors_of_a_nifti_are_colors(intent):
    """SimpleITK writes color as a fifth dimension of three."""
    made = clip(4, color=True)

    scan = read(nifti(made.transpose(2, 1, 0, 3)[:, :, :, None], intent_code=intent))

    assert (scan.declared_frames, scan.color) == (4, "rgb:stated")
    assert np.array_equal(made, np.stack(list(scan.frames())))


@pytest.mark.parametrize("frames", [1, 4])
def test_the_colors_of_a_nifti_that_lost_its_intent_are_found(frames):
    """As after nibabel (``findings/simpleitk_color_nifti.sh``)."""
    made = clip(frames, color=True)

    scan = read(nifti(made.transpose(2, 1, 0, 3)[:, :, :, None], intent_code=0))

    assert np.array_equal(made, np.stack(list(scan.frames())))


def test_three_times_in_the_place_of_vectors_stay_three_pictures():
    made = clip(3)

    scan = read(nifti(made.transpose(2, 1, 0)[:, :, None, None], intent_code=0))

    assert np.array_equal(made, np.stack(list(scan.frames())))


@pytest.mark.parametrize("kind", [np.int16, np.uint16])
def test_a_picture_of_real_numbers_under_a_header_of_whole_ones_is_not_stretched(kind):
    made = clip(4)[:, :, :] // 2 + 40
    header = nibabel.Nifti1Image(made.T.astype(kind), np.eye(4)).header

    scan = read(nibabel.Nifti1Image(made.T.astype(float), np.eye(4), header).to_bytes())

    assert np.array_equal(made, np.stack(list(scan.frames())))


def test_decibels_that_were_scaled_stay_real_numbers():
    decibels = -60.0 + 60.0 * clip(4)[0] / 255
    header = nibabel.Nifti1Image(decibels.T.astype(np.int16), np.eye(4)).header

    scan = read(nibabel.Nifti1Image(decibels.T[:, :, None], np.eye(4), header).to_bytes())

    (shown,) = scan.frames()
    assert np.array_equal(clip(4)[0], shown)


def test_the_slice_dimension_of_a_nifti_is_obeyed():
    made = clip(24, "linear")
    values = np.ascontiguousarray(made.transpose(0, 2, 1))

    scan = read(nifti(values, dim_info=1 << 4))

    assert np.array_equal(made, np.stack(list(scan.frames())))


@pytest.mark.parametrize("labels", ["ytx", "htw", "-t-"])
def test_the_scales_of_an_hdf5_dataset_are_obeyed(labels):
    made = clip(24, "linear")

    found = pictures(hdf5(np.ascontiguousarray(made.transpose(1, 0, 2)), labels))

    assert np.array_equal(made, found)


@pytest.mark.parametrize(
    ("mode", "order"),
    [("INTERLACE_PIXEL", (0, 1, 2)), ("INTERLACE_LINE", (0, 2, 1)), ("INTERLACE_PLANE", (2, 0, 1))],
)
def test_an_hdf5_image_has_its_colors_where_it_says(mode, order):
    made = clip(color=True)[0]

    found = pictures(hdf5(made.transpose(order), INTERLACE_MODE=np.bytes_(mode)))

    assert np.array_equal(made, found[0])


def test_values_that_are_no_gray_and_no_color_are_refused():
    tensors = np.zeros((2, 64, 64), np.uint8)

    with pytest.raises(Reject) as caught:
        read(nrrd_of(tensors, "complex domain domain"))

    assert Reason.NO_PIXELS is caught.value.reason


def test_a_plane_that_cannot_be_told_is_refused():
    """Noise has no outline that stands still; and no picture is 300 x 20."""
    noise = np.random.default_rng(1).integers(0, 255, (200, 300, 20), np.uint8)

    with pytest.raises(Reject) as caught:
        read(npy(noise))

    assert Reason.AXES_UNCLEAR is caught.value.reason


def test_a_nifti_of_dcm2niix_comes_out_upright():
    for fan in ("convex", "linear"):
        made = clip(12, fan)

        scan = read(nifti_of_dcm2niix(made))

        assert "turned" in scan.flags
        assert np.array_equal(made, np.stack(list(scan.frames())))


def test_a_nifti_whose_rows_run_down_is_left_as_it_is():
    """A probe that looks up is shown so."""
    made = make_cine(5, frames=12, fan="phased", size=SIZE, up=True).pictures

    scan = read(nifti(made.transpose(2, 1, 0), signs=(-1, -1)))

    assert scan.flags == ()
    assert np.array_equal(made, np.stack(list(scan.frames())))


# Where the columns, rows and slices of a picture run on DICOM's screens, as +x right, +y front, +z
# head; the slices so that the three are right-handed.
SCREENS = {
    "axial": [(-1, 0, 0), (0, -1, 0), (0, 0, 1)],
    "coronal": [(-1, 0, 0), (0, 0, -1), (0, -1, 0)],
    "sagittal": [(0, -1, 0), (0, 0, -1), (1, 0, 0)],
}
SPACING = (0.3, 0.4, 0.7)


@pytest.mark.parametrize("degrees", [0, 0.5, 20, 40])
@pytest.mark.parametrize("about", range(3))
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("by", ["sform", "qform"])
def test_a_volume_that_lies_askew_has_its_spacing_and_is_shown_the_right_way_up(
    degrees, about, screen, by
):
    """Pictures whose rows are stored from the bottom up, and run there, are turned back."""
    made = clip(12, "linear")  # which looks the same either way up, so that the header decides
    turn = rotation(about, degrees) @ np.array(SCREENS[screen], float).T
    upwards = turn * [1, -1, -1]

    scan = read(nifti_turned(made, turn, SPACING, by=by))
    turned = read(nifti_turned(made[:, ::-1], upwards, SPACING, by=by))

    assert scan.spacing == pytest.approx(SPACING[:2], rel=1e-5)
    assert scan.flags == (("oblique",) if degrees > 1 else ())
    assert np.array_equal(made, np.stack(list(scan.frames())))
    assert turned.spacing == pytest.approx(SPACING[:2], rel=1e-5)
    assert turned.signs == scan.signs == (-1, -1)
    assert np.array_equal(made, np.stack(list(turned.frames())))


def test_the_sform_says_how_far_apart_values_lie_and_a_sheared_one_says_nothing():
    made = clip(12)
    turn = np.array(SCREENS["axial"], float).T
    sheared = turn.copy()
    sheared[:, 1] = (turn[:, 1] + 0.3 * turn[:, 0]) / np.hypot(1, 0.3)

    data = bytearray(nifti_turned(made, turn, SPACING))
    struct.pack_into("<3f", data, 80, 1.0, 1.0, 1.0)  # pixdim that nobody set

    assert read(bytes(data)).spacing == pytest.approx(SPACING[:2], rel=1e-5)
    scan = read(nifti_turned(made, sheared, SPACING))
    assert (scan.spacing, scan.flags) == (None, ("oblique",))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_mask_is_laid_out_as_its_picture_is(order):
    """A mask shows no fan by which it could be turned."""
    made = clip(24)
    marked = np.zeros_like(made)
    marked[3:9, 20:50, 100:130] = 1
    scan = read(npy(made.transpose(order)))

    mask = read(npy(marked.transpose(order)), ReadConfig(like=scan.lay))

    assert np.array_equal(marked, np.stack(list(mask.frames())))


def test_a_spacing_that_nobody_set_is_unknown():
    """dcm2niix and ITK write 1 x 1 where they know of none."""
    made = clip(12)

    unset = [read(nifti_of_dcm2niix(made)), read(mha(made, ElementSpacing="1 1 1"))]
    known = [read(nifti_of_dcm2niix(made, 0.4)), read(mha(made, ElementSpacing="0.4 0.3 1"))]

    assert [scan.spacing for scan in unset] == [None, None]
    assert [pytest.approx(scan.spacing) for scan in known] == [(0.4, 0.4), (0.4, 0.3)]


@pytest.mark.parametrize(
    ("unit", "scale"), [("mm", 1), ("cm", 0.1), ("um", 1000), ("µm", 1000), ("", 1), ("???", 1)]
)
def test_a_spacing_is_of_its_unit(unit, scale):
    """SimpleITK takes all of these for millimeters, those of NIfTI excepted."""
    sizes = (0.4 * scale, 0.3 * scale)
    pictures, ascii_ = clip(12).transpose(2, 1, 0), unit.replace("µ", "u")
    directions = np.diag([*sizes, 1.0])
    files = [
        nrrd_of(pictures, spacings=[*sizes, np.nan], units=[ascii_, ascii_, ""]),
        nrrd_of(
            pictures,
            **{"space dimension": 3, "space directions": directions, "space units": [ascii_] * 3},
        ),
        mha(clip(12), ElementSpacing=f"{sizes[0]} {sizes[1]} 1", DistanceUnits=unit or "?"),
    ]
    files = [one.replace(f'"{ascii_}"'.encode(), f'"{unit}"'.encode()) for one in files]

    assert [read(one).spacing for one in files] == [pytest.approx((0.4, 0.3))] * 3


def test_a_spacing_of_no_length_is_unknown_and_of_no_unit_is_told():
    made, seconds = clip(12), ["s", "s", ""]
    nrrd = nrrd_of(made.transpose(2, 1, 0), spacings=[0.4, 0.3, np.nan], units=seconds)
    unsaid = nifti_turned(made, np.eye(3), (0.4, 0.3, 1.0), unit="unknown")

    assert read(nrrd).spacing is None
    assert (read(unsaid).spacing, read(unsaid).flags) == (None, ("unit_unknown",))
    assert "unit_unknown" not in read(nifti(made)).flags, "an affine that nobody set has no unit"


def test_the_frames_of_an_nrrd_have_the_times_of_its_axis():
    made = clip(12).transpose(2, 1, 0)

    timed = nrrd_of(made, "domain domain time", spacings=[1, 1, 0.04], units=["", "", "s"])
    untold = nrrd_of(made, "domain domain time", spacings=[1, 1, 0.04])

    assert read(timed).times[:3] == (0.0, 40.0, 80.0)
    assert read(untold).times is None


def test_spacing_follows_the_axes_of_the_picture():
    made = clip(24)

    scan = read(mha(made.transpose(1, 2, 0), ElementSpacing="9 0.4 0.3"))

    assert scan.spacing == (0.4, 0.3)
