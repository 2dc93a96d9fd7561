"""What scanners' screens and senders' headers do to the search for a fan."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.drawn import overlap
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.geometry import geometry
from echoatlas.schemas.fan import Box, Shape, Verdict
from echoatlas.schemas.records import Scan, UltrasoundRegion
from echoatlas.simulate.pictures.scans import make_cine

TISSUE, MONO = 1, {"units": (3, 3), "delta": (0.02, 0.02)}


def found(pictures, regions=()):
    pictures = list(pictures)
    height, width = pictures[0].shape[:2]
    scan = Scan("png", "", len(pictures), height, width, lambda: iter(()), regions=tuple(regions))
    return geometry(scan, pictures)


def drawn(fans, scan):
    return np.logical_or.reduce([fan.mask(scan.height, scan.width) for fan in fans])


def region(box, spatial_format=1, data_type=TISSUE, **known):
    return UltrasoundRegion(box, spatial_format, data_type, **(MONO | known))


def around(scan, margin=6):
    box = scan.fans[0].bounding_box(scan.height, scan.width)
    return Box(
        max(box.x0 - margin, 0), max(box.y0 - margin, 0),
        min(box.x1 + margin, scan.width), min(box.y1 + margin, scan.height),
    )  # fmt: skip


def test_a_region_of_no_width_says_nothing():
    scan = make_cine(2, frames=1)

    (fan,) = found(scan.pictures, [region(Box(300, 100, 300, 500))])

    assert (fan.verdict, fan.found_by, fan.mm_per_px) == (Verdict.ACCEPT, "fit", None)


def test_a_first_region_that_spans_the_screen_and_is_no_tissue_is_passed_over():
    scan = make_cine(2, frames=1)
    screen = region(Box(0, 0, scan.width, scan.height), 0, 0, delta=(1.0, 1.0), units=(0, 0))

    (fan,) = found(scan.pictures, [screen, region(around(scan))])

    assert (fan.found_by, fan.mm_per_px) == ("region+fit", (0.2, 0.2))


def test_a_region_that_was_written_before_the_picture_was_halved_takes_its_scale_with_it():
    scan = make_cine(2, frames=1)
    half = cv2.resize(scan.pictures[0], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    (fan,) = found([half], [region(Box(20, 40, scan.width - 20, scan.height - 20))])

    assert (fan.verdict, fan.mm_per_px) == (Verdict.ACCEPT, None)


def test_bars_and_text_inside_the_region_stay_outside_the_fan():
    scan = make_cine(4, frames=1, screen="acuson", fan="linear")
    ground = make_cine(4, frames=1, screen="acuson", fan="linear").pictures[0].copy()
    ground[scan.fans[0].mask(scan.height, scan.width)] = 0

    fans = found(scan.pictures, [region(Box(0, 0, scan.width, scan.height - 12))])

    assert overlap(drawn(fans, scan), scan.fans[0].mask(scan.height, scan.width)) > 0.98
    assert ground.any()
    assert (ground[drawn(fans, scan)] > 40).mean() < 0.001


@pytest.mark.parametrize("frames", [1, 4])
def test_two_stated_panes_that_touch_are_two_fans(frames):
    left, right = (
        make_cine(seed, frames=frames, fan="convex", screen="none", size=(400, 400), clipped=True)
        for seed in (1, 2)
    )
    pictures = np.concatenate([left.pictures, right.pictures], axis=2)
    panes = [region(Box(0, 0, 400, 400)), region(Box(400, 0, 800, 400))]

    fans = found(pictures, panes)

    assert [fan.pane for fan in fans] == [0, 1]
    for fan, scan, shift in zip(fans, (left, right), (0, 400), strict=True):
        mask = fan.mask(400, 800)[:, shift : shift + 400]
        assert overlap(mask, scan.fans[0].mask(400, 400)) > 0.95


@pytest.mark.parametrize(("fan", "panes"), [("linear", 2), ("convex", 2), ("convex", 4)])
def test_panes_that_no_header_tells_of_are_told_apart(fan, panes):
    scan = make_cine(3, frames=1, fan=fan, panes=panes)

    fans = found(scan.pictures)

    assert len(fans) == panes
    assert overlap(drawn(fans, scan), drawn(scan.fans, scan)) > 0.98


@pytest.mark.parametrize("fan", ["phased", "linear"])
@pytest.mark.parametrize("mode", ["m_mode", "spectral_doppler"])
def test_the_panel_of_a_trace_is_no_fan(fan, mode):
    scan = make_cine(5, frames=1, fan=fan, mode=mode)

    fans = found(scan.pictures)

    assert overlap(drawn(fans, scan), drawn(scan.fans, scan)) > 0.97
    for panel in scan.panels:
        assert not drawn(fans, scan)[panel.box.pixels].any()


def test_an_ecg_strip_calipers_and_marks_leave_the_fan_as_it_is():
    scan = make_cine(6, frames=4, fan="phased", extras=("ecg", "calipers", "body_mark"))

    (fan,) = found(scan.pictures)

    assert Verdict.ACCEPT is fan.verdict
    assert overlap(drawn([fan], scan), drawn(scan.fans, scan)) > 0.98


@pytest.mark.parametrize("shape", ["convex", "phased", "linear"])
def test_a_still_so_dark_that_an_eye_sees_nothing_is_measured_all_the_same(shape):
    scan = make_cine(7, frames=1, fan=shape)
    dark = (scan.pictures * 0.06).astype(np.uint8)

    (fan,) = found(dark)

    assert dark[0][scan.fans[0].mask(scan.height, scan.width)].mean() < 10
    assert overlap(drawn([fan], scan), drawn(scan.fans, scan)) > 0.98


def test_a_fan_of_which_a_side_may_lie_in_the_dark_is_left_to_review():
    scan = make_cine(8, frames=1, fan="convex")
    cut, apex = scan.pictures.copy(), scan.fans[0].apex
    x = np.arange(scan.width)[None, :] - apex[0]
    y = np.arange(scan.height)[:, None] - apex[1]
    cut[:, np.arctan2(x, y) > 0.25] = 0  # as behind a rib

    (fan,) = found(cut)

    assert Verdict.REVIEW is fan.verdict
    assert not (drawn([fan], scan) & ~drawn(scan.fans, scan)).mean() > 0.002


@pytest.mark.parametrize("fade", [0.4, 0.8])
def test_a_side_that_fades_is_found_or_left_to_review(fade):
    scan = make_cine(8, frames=1, fan="convex")
    x = np.linspace(-1, 1, scan.width)[None, :]
    faded = (scan.pictures * np.clip(1 - fade * 4 * np.clip(x, 0, 1), 0, 1)).astype(np.uint8)

    (fan,) = found(faded)

    whole = overlap(drawn([fan], scan), drawn(scan.fans, scan))
    assert whole > (0.95 if fade < 0.5 else 0.7)
    assert whole > 0.95 or Verdict.REVIEW is fan.verdict


def test_a_picture_resized_to_a_square_keeps_its_fan():
    scan = make_cine(9, frames=1, fan="convex", size=(800, 560))
    square = cv2.resize(scan.pictures[0], (512, 512), interpolation=cv2.INTER_AREA)
    truth = scan.fans[0].mask(scan.height, scan.width).astype(np.uint8)
    truth = cv2.resize(truth, (512, 512), interpolation=cv2.INTER_NEAREST).astype(bool)

    (fan,) = found([square])

    assert overlap(fan.mask(512, 512), truth) > 0.97
    assert fan.stretch == pytest.approx(0.7, abs=0.04)


@pytest.mark.parametrize("quality", [60, 90])
def test_lossy_black_is_no_echo(quality):
    scan = make_cine(10, frames=1, fan="convex")
    coded = cv2.imencode(".jpg", scan.pictures[0], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]

    (fan,) = found([cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)])

    assert Verdict.ACCEPT is fan.verdict
    assert overlap(drawn([fan], scan), drawn(scan.fans, scan)) > 0.98


@pytest.mark.parametrize("side", ["left", "right", "bottom"])
def test_a_fan_cut_off_by_the_pictures_edge_ends_there(side):
    scan = make_cine(11, frames=1, fan="convex", screen="none", size=(640, 480))
    box = scan.fans[0].bounding_box(scan.height, scan.width)
    cut = {
        "left": np.s_[:, box.x0 + box.width // 6 :],
        "right": np.s_[:, : box.x1 - box.width // 6],
        "bottom": np.s_[: box.y1 - box.height // 6, :],
    }[side]
    picture = np.ascontiguousarray(scan.pictures[0][cut])

    (fan,) = found([picture])

    truth = scan.fans[0].mask(scan.height, scan.width)[cut]
    assert overlap(fan.mask(*picture.shape), truth) > 0.96


@pytest.mark.parametrize("shape", ["convex", "linear"])
@pytest.mark.parametrize("frames", [1, 4])
def test_a_probe_in_air_is_never_accepted_for_its_near_field(shape, frames):
    scan = make_cine(12, frames=frames, fan=shape)
    air = scan.pictures.copy()
    mask = scan.fans[0].mask(scan.height, scan.width)
    rows = np.flatnonzero(mask.any(axis=1))
    deep = np.arange(scan.height)[:, None] > rows[0] + 0.16 * len(rows)
    air[:, deep & mask] = 0

    try:
        fans = found(air)
    except Reject as error:
        assert error.reason in (Reason.NO_FAN, Reason.GEOMETRY_DISAGREES)
        return

    whole = overlap(drawn(fans, scan), mask)
    assert whole > 0.85 or Verdict.ACCEPT not in {fan.verdict for fan in fans}


def test_a_panel_in_a_flat_color_is_no_fan():
    screen = np.zeros((480, 640), np.uint8)
    screen[100:400, 80:560] = 70
    cv2.putText(screen, "DOE JANE 12 APR 1962", (100, 240), 0, 0.8, 255, 2)

    with pytest.raises(Reject) as caught:
        found([screen])

    assert caught.value.reason in (Reason.NO_FAN, Reason.GEOMETRY_DISAGREES)


def test_a_fan_filled_with_one_color_is_told_by_its_shape():
    scan = make_cine(13, frames=1, fan="convex", screen="none", size=(640, 480))
    flat = scan.fans[0].mask(scan.height, scan.width).astype(np.uint8) * 90

    (fan,) = found([flat])

    assert overlap(drawn([fan], scan), flat > 0) > 0.97
    assert Shape.CONVEX is fan.shape


def test_what_was_looked_at_before_changes_nothing():
    scans = [make_cine(seed, frames=2, fan=fan) for seed, fan in ((1, "linear"), (2, "phased"))]
    alone = [found(scan.pictures) for scan in scans]

    assert alone == [found(scan.pictures) for scan in scans][:2]
    assert alone[::-1] == [found(scan.pictures) for scan in scans[::-1]]
