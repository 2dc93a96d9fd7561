"""Cropping, blacking out, letterboxing: what leaves, at what scale."""

from __future__ import annotations

import numpy as np
import pytest

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.frames.normalize import NormalizeConfig, normalize, plan_frames
from echoatlas.schemas.fan import Fan, Shape
from echoatlas.schemas.records import Redaction
from echoatlas.simulate.pictures.scans import make_cine


def rectangle(x0, y0, x1, y1, **more) -> Fan:
    return Fan(Shape.LINEAR, corners=((x0, y0), (x1, y0), (x1, y1), (x0, y1)), **more)


def keeping(fan: Fan, picture) -> Redaction:
    return Redaction(fan.mask(*picture.shape[:2]))


def test_nothing_outside_the_fan_leaves_not_even_by_interpolation():
    scan = make_cine(1, frames=1, fan="convex")
    picture = scan.pictures[0]
    flooded = picture.copy()
    flooded[~scan.fans[0].mask(*picture.shape)] = 255

    frames = [
        normalize(p, plan_frames(scan.fans[0], keeping(scan.fans[0], p)))
        for p in (picture, flooded)
    ]

    assert frames[0].pixels.tobytes() == frames[1].pixels.tobytes()
    assert frames[0].pixels[~frames[0].valid].max() == 0


def test_text_that_was_redacted_inside_the_fan_is_black_and_counts_as_overlay():
    picture = np.full((200, 200), 90, np.uint8)
    fan = rectangle(20, 20, 179, 179)
    keep = fan.mask(200, 200)
    keep[60:90, 40:160] = False
    picture[60:90, 40:160] = 255

    frame = normalize(picture, plan_frames(fan, Redaction(keep)))

    assert frame.pixels.max() <= 90
    assert frame.overlay.any()
    assert not (frame.overlay & frame.valid).any()


def test_the_picture_is_letterboxed_and_never_stretched():
    picture = np.full((300, 500), 100, np.uint8)

    frame = normalize(
        picture,
        plan_frames(rectangle(50, 100, 449, 199), keeping(rectangle(50, 100, 449, 199), picture)),
    )

    assert frame.native == (400, 100)
    assert frame.scale == 0.64
    rows = np.flatnonzero(frame.valid.any(axis=1))
    assert len(rows) == 64
    assert (rows[0], 0) == (
        round(100 * frame.scale + frame.offset[1]), round(50 * frame.scale + frame.offset[0])
    )  # fmt: skip


def test_millimeters_follow_the_scale():
    picture = np.full((512, 512), 100, np.uint8)
    fan = rectangle(0, 0, 511, 511, mm_per_px=(0.1, 0.2))

    assert normalize(picture, plan_frames(fan, keeping(fan, picture))).mm_per_px == (0.2, 0.4)


def test_physical_spacing_gives_every_scan_the_same_millimeters():
    picture = np.full((300, 300), 100, np.uint8)
    config = NormalizeConfig(mm_per_px=0.5)

    for native in (0.1, 0.4, 0.8):
        fan = rectangle(10, 10, 209, 209, mm_per_px=(native, native))
        frame = normalize(picture, plan_frames(fan, keeping(fan, picture), config))

        assert pytest.approx(frame.mm_per_px) == (0.5, 0.5)


def test_physical_spacing_without_spacing_is_letterboxed_and_says_so():
    picture = np.full((300, 300), 100, np.uint8)
    fan = rectangle(10, 10, 209, 209)

    frame = normalize(
        picture, plan_frames(fan, keeping(fan, picture), NormalizeConfig(mm_per_px=0.5))
    )

    assert "no_spacing" in frame.flags
    assert frame.scale == 256 / 200


def test_gray_scans_are_stored_gray_and_flow_is_stored_in_color():
    gray = np.full((200, 200, 3), 90, np.uint8)
    flow = gray.copy()
    flow[80:120, 80:120] = (230, 40, 20)
    fan = rectangle(10, 10, 189, 189)

    shapes = [normalize(p, plan_frames(fan, keeping(fan, p))).pixels.shape for p in (gray, flow)]

    assert shapes == [(256, 256), (256, 256, 3)]


def test_a_fan_of_a_few_pixels_is_of_no_use():
    picture = np.full((200, 200), 90, np.uint8)
    fan = rectangle(10, 10, 30, 100)

    with pytest.raises(Reject) as caught:
        normalize(picture, plan_frames(fan, keeping(fan, picture)))

    assert Reason.FAN_TOO_SMALL is caught.value.reason


def test_a_mask_stays_its_owners_and_a_plan_what_it_was():
    picture = np.full((200, 200), 90, np.uint8)
    fan = rectangle(10, 10, 189, 189)
    redaction = keeping(fan, picture)
    plan = plan_frames(fan, redaction)
    before = normalize(picture, plan)

    redaction.keep[:] = False

    assert redaction.keep.flags.writeable
    assert (normalize(picture, plan).pixels == before.pixels).all()
    assert before.pixels.max() == 90


def test_the_frames_of_a_pane_share_what_does_not_depend_on_them():
    picture = np.full((200, 200), 90, np.uint8)
    fan = rectangle(10, 10, 189, 189)
    plan = plan_frames(fan, keeping(fan, picture))

    one, two = normalize(picture, plan), normalize(picture // 2, plan)

    assert one.valid is two.valid is plan.valid
    with pytest.raises(ValueError, match="read-only"):
        one.valid[50, 50] = False


def test_another_mask_for_the_same_fan_gets_its_own_plan():
    picture = np.full((200, 200), 90, np.uint8)
    fan = rectangle(10, 10, 189, 189)
    less = fan.mask(200, 200)
    less[100:] = False

    whole = normalize(picture, plan_frames(fan, keeping(fan, picture)))
    half = normalize(picture, plan_frames(fan, Redaction(less)))

    assert half.valid.sum() < 0.6 * whole.valid.sum()
