"""What a simulated scan says of itself is what its pictures show."""

from __future__ import annotations

import numpy as np
import pytest

from echoatlas.schemas.fan import Shape
from echoatlas.simulate import BurnedIn, make_cine, make_still
from echoatlas.simulate.pictures.layouts import LAYOUTS

SHAPES = [shape for shape in Shape if shape is not Shape.CROPPED]


def masks(scan):
    return [fan.mask(scan.height, scan.width) for fan in scan.fans]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_fan_of_every_shape_is_lit_inside_and_dark_outside(shape):
    scan = make_still(3, fan=shape, screen="none", anatomy="back/paraspinal_muscle")
    (inside,) = masks(scan)
    picture = scan.pictures[0]

    assert inside.mean() > 0.15
    assert (picture[inside] > 5).mean() > 0.9
    assert picture[~inside].max() == 0


@pytest.mark.parametrize(
    ("options", "count"),
    [({"panes": 2}, 2), ({"panes": 4}, 4), ({"fan": "endocavity", "up": True}, 1),
     ({"clipped": True}, 1)],
)  # fmt: skip
def test_panes_and_turned_and_clipped_fans_stay_apart_and_tell_where_they_are(options, count):
    scan = make_still(4, screen="none", **options)
    found = masks(scan)

    assert len(found) == count
    assert np.sum(found, axis=0).max() == 1
    assert scan.pictures[0][~np.logical_or.reduce(found)].max() == 0
    assert list(range(count)) == [fan.pane for fan in scan.fans]


def test_an_endocavity_fan_opens_over_120_degrees_and_may_point_up():
    fan = make_still(5, fan="endocavity", up=True).fans[0]
    box = fan.bounding_box(768, 1024)

    assert np.degrees(fan.angles[1] - fan.angles[0]) > 120
    assert fan.apex[1] > box.y0 + box.height / 2


def test_millimeters_per_pixel_make_the_depth_that_was_asked_for():
    fan = make_still(6, fan="convex", depth_mm=120).fans[0]

    assert (fan.radii[1] - fan.radii[0]) * fan.mm_per_px[1] == pytest.approx(120, rel=0.01)


@pytest.mark.parametrize("screen", sorted(LAYOUTS))
def test_the_ink_of_every_text_lies_in_its_box(screen):
    named = make_still(7, screen=screen, color=True)
    texts = [text for text in named.texts if text.identifying]
    nameless = make_still(7, screen=screen, color=True, burned_in=())
    differing = (named.pictures != nameless.pictures).any(axis=(0, 3))

    for text in texts:
        box = text.box
        assert differing[box.y0 : box.y1, box.x0 : box.x1].any(), text.kind
        differing[box.y0 : box.y1, box.x0 : box.x1] = False

    assert not differing.any()
    assert (screen != "none") == bool(texts)


@pytest.mark.parametrize(
    "text",
    [
        BurnedIn("DOE, JANE", "fan"),
        BurnedIn("DOE, JANE", "fan", rotation=40),
        BurnedIn("12/04/1962", "fan", height=8, font="freetype"),
        BurnedIn("王小明", "fan", height=18),
        BurnedIn("MÜLLER", "banner", color=(0, 0, 0), plate=(230, 230, 230)),
    ],
    ids=["plain", "rotated", "8 px", "ideographs", "dark on light"],
)
def test_burned_in_text_changes_its_box_and_nothing_else(text):
    plain = make_still(8, screen="none", color=True, burned_in=())
    burned = make_still(8, screen="none", color=True, burned_in=[text])
    (truth,) = burned.texts
    margin = 3 if text.plate else 0
    box = truth.box
    changed = (plain.pictures != burned.pictures).any(axis=(0, 3))

    assert changed.sum() > 20
    assert (text.place == "fan") == truth.inside
    rows, columns = (
        slice(max(box.y0 - margin, 0), box.y1 + margin),
        slice(max(box.x0 - margin, 0), box.x1 + margin),
    )
    changed[rows, columns] = False
    assert not changed.any()


@pytest.mark.parametrize("moment", ["moving", "late", "one_frame", "fading"])
def test_text_that_comes_and_goes_is_on_the_frames_that_the_truth_names(moment):
    text = BurnedIn("QUIMBLETON", "fan", moment=moment)
    plain = make_cine(9, frames=8, screen="none", size=(320, 240), color=True, burned_in=())
    burned = make_cine(9, frames=8, screen="none", size=(320, 240), color=True, burned_in=[text])

    shown = {n for truth in burned.texts for n in range(truth.first, truth.last + 1)}
    changed = (plain.pictures != burned.pictures).any(axis=(1, 2, 3))

    assert shown == set(np.flatnonzero(changed))


def test_a_cine_moves_a_little_from_frame_to_frame():
    scan = make_cine(10, frames=12, screen="none", size=(320, 240))
    (inside,) = masks(scan)
    clip = scan.pictures[:, inside].astype(float)

    step = np.corrcoef(clip[0], clip[1])[0, 1]
    long = np.corrcoef(clip[0], clip[11])[0, 1]

    assert 0.5 < step < 0.999
    assert long < step


@pytest.mark.parametrize("mode", ["color_doppler", "m_mode", "spectral_doppler"])
def test_modes_leave_the_truth_of_the_fan_and_name_their_panels(mode):
    scan = make_still(11, mode=mode, extras=("ecg", "calipers", "body_mark", "cursor"), color=True)
    (inside,) = masks(scan)

    assert mode == scan.mode
    kinds = {panel.kind for panel in scan.panels}
    assert kinds == {"ecg"} | {
        "color_doppler": set(), "m_mode": {"m_mode"}, "spectral_doppler": {"spectral"}
    }[mode]  # fmt: skip
    for panel in scan.panels:
        box = panel.box
        assert scan.pictures[0][box.y0 : box.y1, box.x0 : box.x1].any()
        assert not inside[box.y0 : box.y1, box.x0 : box.x1].any()
    colored = np.ptp(scan.pictures[0].astype(int), axis=2) > 60
    assert (mode == "color_doppler") == (colored[inside].mean() > 0.02)


def test_the_same_seed_gives_the_same_scan_and_another_seed_another():
    same, again, other = (make_still(seed, screen="acuson") for seed in (12, 12, 13))

    assert (same.pictures == again.pictures).all()
    assert (same.identity, same.fans, same.texts) == (again.identity, again.fans, again.texts)
    assert same.identity != other.identity
    assert not (same.pictures == other.pictures).all()


def test_a_name_given_is_the_name_on_the_screen_and_in_the_header():
    scan = make_still(0, name="DOE^JANE")

    assert scan.identity.name == "DOE^JANE"
    assert "DOE, JANE" in {text.text for text in scan.texts}
