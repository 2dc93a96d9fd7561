"""Annotations go the way their picture goes: through the crop and the resize."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.frames.annotate import annotate, carry, carry_mask
from echoatlas.pipeline.frames.normalize import NormalizeConfig, normalize, plan_frames
from echoatlas.schemas.records import Normalized, Redaction, SourceAnnotation
from echoatlas.simulate import make_still


def cropped(box=(100, 50, 500, 350), size=256):
    """A picture cropped to a box and letterboxed into a square, as ``normalize`` does it."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = size / max(width, height)
    pad = ((size - width * scale) / 2, (size - height * scale) / 2)
    offset = (pad[0] - box[0] * scale, pad[1] - box[1] * scale)
    empty = np.zeros((size, size), np.uint8)
    valid = np.ones((size, size), bool)
    return Normalized(empty, valid, ~valid, scale, offset, (width, height))


def of(given, frame=None):
    return annotate(given, frame or cropped(), "f", "o")


def test_a_point_at_the_crops_corner_lies_at_the_letterboxs_corner():
    (first, last) = carry([(100, 50), (500, 350)], cropped())

    assert first == pytest.approx((0, 32))
    assert last == pytest.approx((256, 224))


def test_a_box_and_its_mask_agree_after_the_journey():
    mask = np.zeros((480, 640), np.uint8)
    mask[150:250, 200:400] = 1

    box = of(SourceAnnotation("box", "lesion", "test", points=((200, 150), (400, 250))))
    drawn = of(SourceAnnotation("mask", "lesion", "test", mask=mask))

    stored = cv2.imdecode(np.frombuffer(drawn.mask, np.uint8), cv2.IMREAD_UNCHANGED)
    rows, columns = np.nonzero(stored)
    around = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert stored.shape == (256, 256)
    assert box.points == pytest.approx(around, abs=1)


def test_a_mask_keeps_its_values_and_invents_none():
    mask = np.zeros((480, 640), np.uint8)
    mask[100:200, 150:300], mask[200:300, 150:300] = 3, 7

    drawn, share = carry_mask(mask, cropped())

    assert set(np.unique(drawn)) == {0, 3, 7}
    assert share == pytest.approx(1, abs=0.02)


def test_what_the_crop_cut_away_is_not_annotated():
    outside = SourceAnnotation("box", "lesion", "test", points=((0, 0), (90, 40)))
    mostly_outside = SourceAnnotation("box", "lesion", "test", points=((0, 60), (120, 80)))

    assert of(outside) is None
    assert of(mostly_outside) is None


def test_a_box_that_sticks_out_a_little_is_cut_at_the_edge():
    row = of(SourceAnnotation("box", "lesion", "test", points=((400, 60), (520, 100))))

    assert row.points[2] == 256


def test_lengths_in_pixels_are_scaled_and_millimeters_stay():
    pixels = of(SourceAnnotation("scalar", "head_circumference", "test", number=100.0, unit="px"))
    millimeters = of(
        SourceAnnotation("scalar", "head_circumference", "test", number=100.0, unit="mm")
    )

    assert pixels.number == pytest.approx(64)
    assert millimeters.number == 100.0


def test_an_empty_mask_still_says_that_nothing_is_there():
    row = of(SourceAnnotation("mask", "lesion", "test", mask=np.zeros((480, 640), np.uint8)))

    assert row is not None


def test_a_mask_of_another_picture_is_rejected():
    with pytest.raises(Reject, match="frame_mismatch"):
        of(SourceAnnotation("mask", "lesion", "test", mask=np.ones((100, 100), np.uint8)))


def test_the_same_annotation_has_the_same_id_and_another_frame_another():
    given = SourceAnnotation("class", "finding", "test", value="benign")

    here, again = of(given), of(given)
    there = annotate(given, cropped(), "g", "o")

    assert here == again
    assert here.annotation_id != there.annotation_id


@pytest.fixture(scope="module")
def along_beams():
    """A convex fan and its frame in beam space, where scale and offset carry nothing over."""
    scan = make_still(3, fan="convex", screen="none", size=(640, 480))
    fan = scan.fans[0]
    keep = fan.mask(scan.height, scan.width)
    cut = Redaction(keep, (), 0.0, 0.0, "", "", ())
    return fan, normalize(scan.pictures[0], plan_frames(fan, cut, NormalizeConfig(space="beam")))


def between(fan, depth, beam):
    """The point of a picture at a share of a fan's depth and of its opening."""
    radius = fan.radii[0] + (fan.radii[1] - fan.radii[0]) * depth
    angle = fan.angles[0] + (fan.angles[1] - fan.angles[0]) * beam
    return (
        float(fan.apex[0] + radius * np.sin(angle)) + 0.5,
        float(fan.apex[1] + radius * np.cos(angle)) + 0.5,
    )


def test_in_beam_space_a_point_lies_at_its_depth_on_its_beam(along_beams):
    fan, frame = along_beams
    given = SourceAnnotation("keypoints", "tip", "test", points=(between(fan, 0.25, 0.75),))

    row = of(given, frame)

    assert row.points == pytest.approx([0.75 * 256, 0.25 * 256], abs=1)


def test_in_beam_space_a_box_is_the_box_around_its_mask(along_beams):
    fan, frame = along_beams
    x, y = (int(value) for value in between(fan, 0.5, 0.4))
    mask = np.zeros((480, 640), np.uint8)
    mask[y : y + 60, x : x + 40] = 2

    box = of(SourceAnnotation("box", "lesion", "test", points=((x, y), (x + 40, y + 60))), frame)
    drawn = of(SourceAnnotation("mask", "lesion", "test", mask=mask), frame)

    stored = cv2.imdecode(np.frombuffer(drawn.mask, np.uint8), cv2.IMREAD_UNCHANGED)
    rows, columns = np.nonzero(stored)
    assert {0, 2} == set(np.unique(stored))
    assert box.points == pytest.approx(
        [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], abs=1.1
    )


def test_in_beam_space_what_lies_off_the_fan_or_has_a_direction_is_left_out(along_beams):
    _, frame = along_beams
    corner = ((0, 0), (30, 30))

    assert of(SourceAnnotation("keypoints", "tip", "test", points=corner), frame) is None
    assert of(SourceAnnotation("box", "lesion", "test", points=corner), frame) is None
    assert of(SourceAnnotation("scalar", "length", "test", number=12.0, unit="px"), frame) is None
    assert (
        of(SourceAnnotation("scalar", "length", "test", number=12.0, unit="mm"), frame).number
        == 12.0
    )
