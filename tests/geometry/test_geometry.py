"""Where the scanned area lies: on simulated screens, on real ones, and when nothing can be said."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.drawn import overlap
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.geometry import GeometryConfig, geometry
from echoatlas.schemas.fan import Box, Fan, Mode, Shape, Verdict
from echoatlas.schemas.records import Scan, UltrasoundRegion
from echoatlas.simulate.pictures.scans import make_cine


def scan_of(pictures, regions=(), header=None, spacing=None):
    height, width = pictures[0].shape[:2]
    return Scan(
        "png", "png", len(pictures), height, width, lambda: iter(pictures),
        regions=tuple(regions), header=header, spacing=spacing,
    )  # fmt: skip


def found_in(pictures, config=None, **known) -> tuple[Fan, ...]:
    return geometry(scan_of(pictures, **known), pictures, config or GeometryConfig())


def region(box, *, spatial_format=1, delta=(0.02, 0.02), units=(3, 3)):
    return UltrasoundRegion(box, spatial_format, 1, delta=delta, units=units)


@pytest.mark.parametrize("frames", [1, 6])
@pytest.mark.parametrize("screen", ["philips", "mindray"])
@pytest.mark.parametrize("shape", ["linear", "trapezoid", "convex", "phased", "endocavity"])
def test_every_shape_is_found_within_two_percent(shape, screen, frames):
    scan = make_cine(11, frames=frames, fan=shape, screen=screen)

    fans = found_in(list(scan.pictures))

    size = scan.height, scan.width
    assert len(fans) == 1
    assert overlap(scan.fans[0].mask(*size), fans[0].mask(*size)) > 0.98
    assert Verdict.ACCEPT is fans[0].verdict


def test_an_endocavity_fan_that_points_up_is_found():
    scan = make_cine(3, frames=1, fan="endocavity", up=True)

    (fan,) = found_in(list(scan.pictures))

    assert (
        overlap(scan.fans[0].mask(scan.height, scan.width), fan.mask(scan.height, scan.width))
        > 0.98
    )
    assert Shape.ENDOCAVITY is fan.shape


def test_a_circular_picture_is_found():
    scan = make_cine(3, frames=1, fan="circular")

    (fan,) = found_in(list(scan.pictures))

    assert (
        overlap(scan.fans[0].mask(scan.height, scan.width), fan.mask(scan.height, scan.width))
        > 0.95
    )
    assert Shape.CIRCULAR is fan.shape


def test_two_panes_become_two_fans_from_left_to_right():
    left = make_cine(1, frames=1, fan="linear", size=(640, 480)).pictures[0]
    right = make_cine(2, frames=1, fan="linear", size=(640, 480)).pictures[0]

    fans = found_in([np.hstack([left, right])])

    assert [fan.pane for fan in fans] == [0, 1]
    assert fans[0].corners[1][0] < 640 < fans[1].corners[0][0]


# Those of a thousand simulated scans that were found worst, each by what was wrong with it.
@pytest.mark.parametrize(
    ("seed", "screen", "what"),
    [
        pytest.param(11, "logiq-700", {"fan": "convex", "panes": 4}, id="one fan touches the next"),
        pytest.param(13, "mindray", {"fan": "phased", "mode": "m_mode"}, id="arc near a panel"),
        pytest.param(19, "atl", {"fan": "phased", "mode": "m_mode"}, id="slanting panel"),
        pytest.param(7, "siemens", {"fan": "circular"}, id="text on a circle"),
        pytest.param(33, "philips", {"fan": "trapezoid"}, id="text bar on a trapezoid"),
    ],
)
def test_what_lies_against_a_fan_is_told_from_it(seed, screen, what):
    scan = make_cine(seed, frames=1, screen=screen, **what)

    fans = found_in(list(scan.pictures))

    size = scan.height, scan.width
    drawn, truth = (
        np.logical_or.reduce([fan.mask(*size) for fan in some]) for some in (fans, scan.fans)
    )
    assert overlap(truth, drawn) > 0.98
    assert len(scan.fans) == len(fans)
    assert {Verdict.ACCEPT} == {fan.verdict for fan in fans}


@pytest.mark.parametrize("spacing", [13, 16, 24])
@pytest.mark.parametrize("quality", [None, 75])
@pytest.mark.parametrize("line", [cv2.LINE_8, cv2.LINE_AA])
def test_a_screen_full_of_text_is_never_accepted(line, quality, spacing):
    page = np.zeros((480, 640), np.uint8)
    words = "DOE JANE 12 APR 1962 ST ELSEWHERE MRN 0048213 WARD 7B GARCIA LOPEZ"
    for row in range(15, 480, spacing):
        cv2.putText(page, words, (0, row), 0, 0.45, 255, 1, line)
    if quality:
        page = cv2.imdecode(cv2.imencode(".jpg", page, [1, quality])[1], cv2.IMREAD_GRAYSCALE)

    with pytest.raises(Reject) as caught:
        found_in([page])

    assert caught.value.reason in (Reason.NO_FAN, Reason.GEOMETRY_DISAGREES)


def test_a_black_picture_has_no_fan():
    with pytest.raises(Reject) as caught:
        found_in([np.zeros((480, 640), np.uint8)])

    assert Reason.NO_FAN is caught.value.reason


def test_a_colored_photograph_has_no_fan():
    photograph = np.random.default_rng(0).integers(40, 255, (300, 400, 3), dtype=np.uint8)

    with pytest.raises(Reject) as caught:
        found_in([photograph])

    assert Reason.NO_FAN is caught.value.reason


def test_a_picture_that_is_all_speckle_is_recognized_as_cropped_but_left_to_review():
    speckle = np.random.default_rng(0).rayleigh(60, (300, 400)).clip(20, 255).astype(np.uint8)

    (fan,) = found_in([speckle])

    assert (fan.shape, fan.verdict) == (Shape.CROPPED, Verdict.REVIEW)


def test_a_site_that_says_its_pictures_are_cropped_is_believed():
    scan = make_cine(1, frames=1)

    (fan,) = found_in(list(scan.pictures), GeometryConfig(cropped=True))

    assert (fan.shape, fan.verdict) == (Shape.CROPPED, Verdict.ACCEPT)
    assert fan.mask(scan.height, scan.width).all()


@pytest.mark.parametrize("spatial_format", [2, 3, 4])
def test_a_header_of_traces_only_is_not_imaging(spatial_format):
    picture = make_cine(1, frames=1).pictures[0]
    trace = region(Box(0, 100, 600, 500), spatial_format=spatial_format, units=(4, 7))

    with pytest.raises(Reject) as caught:
        found_in([picture], regions=[trace])

    assert Reason.NOT_IMAGING is caught.value.reason


def test_an_m_mode_image_type_is_not_imaging():
    picture = make_cine(1, frames=1).pictures[0]

    with pytest.raises(Reject) as caught:
        found_in([picture], header={"ImageType": ["ORIGINAL", "PRIMARY", "ABDOMEN", "0002"]})

    assert Reason.NOT_IMAGING is caught.value.reason


def test_a_negative_delta_is_a_direction_and_not_a_size():
    scan = make_cine(1, frames=1)
    whole = Box(0, 0, scan.width, scan.height - 30)

    (fan,) = found_in(list(scan.pictures), regions=[region(whole, delta=(-0.02, 0.02))])

    assert (fan.mm_per_px, fan.spacing_source) == ((0.2, 0.2), "region")


@pytest.mark.parametrize(
    "wrong",
    [
        {"delta": (0.0, 0.0)},
        {"delta": (0.02, 0.2)},
        {"delta": (2.0, 2.0)},
        {"units": (4, 7)},
    ],
)
def test_a_spacing_that_cannot_be_true_is_not_taken(wrong):
    scan = make_cine(1, frames=1)

    (fan,) = found_in(
        list(scan.pictures), regions=[region(Box(0, 0, scan.width, scan.height - 30), **wrong)]
    )

    assert (fan.mm_per_px, fan.spacing_source) == (None, "")


def test_a_region_of_the_whole_picture_says_the_scale_and_not_the_place():
    scan = make_cine(1, frames=1)
    screen = region(Box(0, 0, scan.width, scan.height), delta=(0.03, 0.03))
    pane = region(Box(0, 0, scan.width, scan.height - 30))

    (alone,) = found_in(list(scan.pictures), regions=[screen])
    (beside,) = found_in(list(scan.pictures), regions=[screen, pane])

    assert (alone.found_by, alone.mm_per_px, alone.spacing_source) == ("fit", (0.3, 0.3), "region")
    assert beside.mm_per_px == (0.2, 0.2), "the smaller region is nearer to the fan"


@pytest.mark.parametrize("unknown", [{"units": (0, 0)}, {"delta": (0.0, 0.0)}])
def test_a_region_without_a_scale_leaves_the_headers_spacing_to_be_used(unknown):
    scan = make_cine(1, frames=1)
    pane = region(Box(0, 0, scan.width, scan.height - 30), **unknown)

    (fan,) = found_in(list(scan.pictures), regions=[pane], spacing=(0.25, 0.25))

    assert (fan.mm_per_px, fan.spacing_source) == ((0.25, 0.25), "pixel_spacing")


def test_a_region_outside_the_picture_tells_of_resampling_and_takes_the_spacing_with_it():
    scan = make_cine(1, frames=1)

    (fan,) = found_in(
        list(scan.pictures), regions=[region(Box(84, 31, 2 * scan.width, 2 * scan.height))]
    )

    assert fan.mm_per_px is None


def test_a_region_that_is_elsewhere_than_the_echoes_takes_away_acceptance():
    scan = make_cine(1, frames=1)
    corner = region(Box(0, 0, scan.width // 2, scan.height // 2))

    (fan,) = found_in(list(scan.pictures), regions=[corner])

    assert Verdict.REVIEW is fan.verdict


def test_flow_in_the_fan_makes_the_mode_color_and_a_tint_does_not():
    gray = make_cine(1, frames=1).pictures[0]
    tinted = np.dstack([gray, (gray * 0.7).astype(np.uint8), (gray * 0.4).astype(np.uint8)])
    flow = np.dstack([gray] * 3)
    middle = slice(gray.shape[0] // 2, gray.shape[0] // 2 + 80), slice(400, 600)
    flow[middle] = (0, 0, 230)  # pure blue is dark to the eye, and flow all the same

    modes = [found_in([picture])[0].mode for picture in (np.dstack([gray] * 3), tinted, flow)]

    assert modes == [Mode.B, Mode.B, Mode.COLOR]


def test_the_same_pictures_give_the_same_fan():
    pictures = list(make_cine(4, frames=4).pictures)

    assert found_in(pictures) == found_in(pictures)
