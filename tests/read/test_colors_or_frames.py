"""Three planes that no format calls anything: colors, three frames, or not to be told.

The figures of ``colors`` and of ADR 11 are of all samples; here a part of them is held to.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.arrays.colors import are_colors
from echoatlas.simulate import make_cine
from tests.helpers.arrays import hdf5, mat, npy

Pictures = NDArray[np.uint8]
COLORED = [
    "dicom/ge_logiq700_lymphnode_rgb_evle.dcm",
    "dicom/philips_cx50_ob_palette_evle.dcm",
    "dicom/sonosite_turbo_plax_30f_jpegbaseline_ybr422.dcm",
    "dicom/aloka_ssd4000_pelvis_palette16.dcm",
    "images/kidney_stone/10118.png",
    "images/breast_usg/10013.png",
    "images/aul_liver/10013.png",
    "images/muscle_timtrack/d4A_SampleA_GM_T_1.png",
    "pocus/sonosite-anon-eye1.jpg",
]
GRAY = [
    "derived/us_lung_xyt.nii.gz",
    "dicom/acme_echo_10f_palette_jpegls.dcm",
    "dicom/acuson_echo_8f_rgb_implicitle.dcm",
    "dicom/sonosite_turbo_plax_30f_jpegbaseline_ybr422.dcm",
    "video/lung/Reg_Image_181602_trimmed_crop.mp4",
    "video/lung/Reg_Image_181206_crop.mp4",
    "video/lung/Reg_pat4Image_140024.mpeg",
    "video/lung/Reg_pat4Image_140705.mpeg",
    "video/lung/Reg_Image_181432_crop.mp4",  # hardly moves
    "video/lung/Reg_recommendations_alines_mov1.mov",
]
SLOW = 0.6  # gray levels that frames differ by on average, if they are taken for colors


def frames(path: Path, most: int) -> list[Pictures]:
    return list(islice(read(path.read_bytes()).frames(), most))


def coded(picture: Pictures, quality: int) -> Pictures:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)


def changed(picture: Pictures) -> Iterator[Pictures]:
    yield picture
    yield coded(picture, 75)
    yield np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def test_real_pictures_in_color_are_taken_for_no_frames(samples: Path) -> None:
    verdicts = [
        are_colors(np.ascontiguousarray(picture), usual=True)
        for name in COLORED
        for picture in changed(frames(samples / name, 1)[0])
    ]

    assert False not in verdicts
    assert verdicts.count(True) >= 26, "of 27"


def test_real_frames_are_taken_for_colors_only_where_they_stand_still(samples: Path) -> None:
    verdicts, still = [], []
    for name in GRAY:
        clip = [one if one.ndim == 2 else one.max(axis=2) for one in frames(samples / name, 9)]
        for first in range(0, len(clip) - 2, 3):
            for way in zip(*(changed(one) for one in clip[first : first + 3]), strict=True):
                three = np.stack(way, axis=-1)
                verdicts.append(are_colors(three, usual=True))
                if verdicts[-1]:
                    still.append(np.abs(np.diff(three.astype(int), axis=-1)).mean())

    assert len(verdicts) >= 75
    assert max(still) <= SLOW
    assert verdicts.count(True) <= 0.2 * len(verdicts)
    assert verdicts.count(False) >= 0.7 * len(verdicts)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("usual", [True, False])
def test_simulated_ones_are_told_apart(seed: int, usual: bool) -> None:
    clip = make_cine(seed, frames=3, fan="convex", size=(320, 240)).pictures
    shown = make_cine(
        seed, frames=1, fan="convex", size=(320, 240), color=True, mode="color_doppler"
    ).pictures[0]

    assert are_colors(np.moveaxis(clip, 0, -1), usual) is False
    assert are_colors(shown, usual) is True
    assert are_colors(coded(shown, 75), usual) is True


def slow() -> Pictures:
    """Three frames of a clip that is averaged over so long a time that little changes."""
    clip = make_cine(5, frames=3, fan="convex", size=(320, 240), screen="none").pictures
    mixed = clip[1] + 0.42 * (clip.astype(np.float32) - clip[1])
    return np.rint(mixed).astype(np.uint8)


def flickering(deviation: float) -> Pictures:
    """One picture three times, each with the noise of its own moment."""
    one = make_cine(5, frames=1, fan="convex", size=(320, 240)).pictures[0][..., None]
    noise = np.random.default_rng(1).normal(0, deviation, (*one.shape[:2], 3))
    return np.rint(np.clip(one + noise * (one > 8), 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("usual", [True, False])
def test_moments_that_differ_by_noise_alone_are_refused_rather_than_tinted(usual: bool) -> None:
    three = flickering(2)

    assert np.abs(np.diff(three.astype(int), axis=-1)).mean() < 1
    assert are_colors(three, usual) is None


def test_a_tint_and_a_palette_are_still_colors() -> None:
    gray = flickering(0)[..., 0]
    few = gray // 4  # a palette of 64 colors, which jump from one to the next
    jumps = np.random.default_rng(2).integers(-4, 5, (64, 3))
    palette = np.clip(np.arange(64)[:, None] * 4 + jumps, 0, 255).astype(np.uint8)

    tinted = np.stack([gray, gray * 0.8, gray * 0.5], axis=-1).astype(np.uint8)

    assert are_colors(coded(tinted, 75), usual=True) is True
    assert are_colors(palette[few], usual=True) is True


@pytest.mark.parametrize("write", [npy, hdf5, mat])
def test_what_can_not_be_told_is_refused_and_says_how_to_state_it(write) -> None:
    three = slow()

    with pytest.raises(Reject) as caught:
        read(write(np.moveaxis(three, 0, -1)))

    assert caught.value.reason is Reason.AXES_UNCLEAR
    assert "state it" in caught.value.detail


def test_what_is_stated_is_not_asked() -> None:
    three = slow()

    as_frames = read(hdf5(three, labels="tyx"))
    as_colors = read(hdf5(np.moveaxis(three, 0, -1), labels="yxc"))

    assert (as_frames.declared_frames, as_frames.color) == (3, "gray")
    assert (as_colors.declared_frames, as_colors.color) == (1, "rgb:stated")


@pytest.mark.parametrize("kind", [np.float32, np.uint16])
def test_numbers_of_other_kinds_are_told_the_same_way(kind: type) -> None:
    clip = make_cine(2, frames=3, fan="convex", size=(320, 240)).pictures
    shown = make_cine(2, frames=1, fan="convex", size=(320, 240), color=True).pictures[0]

    assert are_colors(np.moveaxis(clip, 0, -1).astype(kind) * kind(3), usual=True) is False
    assert are_colors(shown.astype(kind) * kind(3), usual=True) is True
