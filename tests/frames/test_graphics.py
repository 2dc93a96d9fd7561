"""Graphics inside the fan: found by form and color, kept as a mask, named, and left standing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from echoatlas.pipeline.frames import graphics
from echoatlas.pipeline.frames.codec import decode, encode_mask
from echoatlas.pipeline.frames.normalize import NormalizeConfig, normalize, plan_frames
from echoatlas.schemas.fan import Box, Fan, Shape
from echoatlas.schemas.records import Redaction
from echoatlas.simulate.pictures.scans import make_cine

WHITE = (235, 235, 235)


def tissue(color: bool = True) -> np.ndarray:
    gray = np.random.default_rng(4).integers(20, 70, (300, 300), np.uint8)
    gray = cv2.GaussianBlur(gray, (0, 0), 1)
    return np.repeat(gray[..., None], 3, axis=2) if color else gray


def stored(picture, boxes=(), **settings):
    fan = Fan(Shape.LINEAR, corners=((10, 10), (289, 10), (289, 289), (10, 289)))
    redaction = Redaction(fan.mask(300, 300), text_boxes=tuple(boxes))
    return normalize(picture, plan_frames(fan, redaction, NormalizeConfig(**settings)))


def cross(picture, kind=cv2.MARKER_CROSS, color=WHITE):
    cv2.drawMarker(picture, (120, 150), color, kind, 11, 1)
    return picture


@pytest.mark.parametrize("kind", [cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS])
@pytest.mark.parametrize("color", [True, False])
def test_a_calipers_cross_is_named(kind, color):
    frame = stored(cross(tissue(color), kind))

    assert "calipers" in frame.flags
    assert 4 <= frame.overlay.sum() < 120


@pytest.mark.parametrize("fan", ["convex", "linear", "phased", "trapezoid"])
def test_yellow_calipers_stand_out_of_bright_speckle(fan):
    for extras in ((), ("calipers",)):
        scan = make_cine(3, frames=1, fan=fan, color=True, burned_in=(), extras=extras)
        cut = Redaction(scan.fans[0].mask(scan.height, scan.width))

        frame = normalize(scan.pictures[0], plan_frames(scan.fans[0], cut))

        assert ("calipers" in frame.flags) == bool(extras)


def test_a_body_mark_and_a_color_bar_are_named():
    picture = tissue()
    outline = np.array([(40, 200), (90, 200), (98, 230), (90, 270), (40, 270), (32, 230)])
    cv2.polylines(picture, [outline], True, WHITE, 1)
    picture[60:180, 250:262] = (200, 40, 30)

    frame = stored(picture)

    assert {"body_mark", "color_bar"} <= set(frame.flags)


def test_flow_is_no_graphic():
    picture = tissue()
    picture[100:160, 100:180] = (210, 60, 30)

    frame = stored(picture)

    assert "color" in frame.flags
    assert not frame.overlay.any()


def test_clean_tissue_has_no_overlay_and_no_mask_is_stored():
    frame = stored(tissue())

    assert frame.flags == ()
    assert encode_mask(frame.overlay) == b""


def test_the_mask_is_stored_as_the_image_is():
    frame = stored(cross(tissue()))

    kept = decode(encode_mask(frame.overlay))

    assert np.array_equal(frame.overlay, kept.astype(bool))


def test_graphics_stay_unless_the_site_has_them_filled_and_then_the_frame_says_so():
    picture = cross(tissue())

    plain, filled = stored(picture), stored(picture, inpaint=True)

    assert plain.pixels.max() > 180
    assert filled.pixels.max() < 100
    assert "inpainted" in filled.flags
    assert np.array_equal(plain.overlay, filled.overlay)


def test_filling_brings_nothing_back_from_outside_the_fan():
    picture = tissue(color=False)
    picture[:10], picture[290:], picture[:, :10], picture[:, 290:] = 255, 255, 255, 255
    cv2.drawMarker(picture, (14, 150), 235, cv2.MARKER_CROSS, 9, 1)

    frame = stored(picture, inpaint=True)

    assert frame.pixels.max() < 110


def test_redacted_text_is_flagged():
    assert "text_redacted" in stored(tissue(), boxes=[Box(0, 0, 5, 5)]).flags


def test_specks_are_echoes():
    picture = tissue(color=False)
    picture[50, 50] = picture[80, 90] = 255

    assert graphics.drawn(picture) is None
