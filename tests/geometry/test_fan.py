"""A fan draws the same mask from what was stored of it, to the pixel."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.geometry import geometry
from echoatlas.schemas.fan import Box, Fan, Mode, Shape, Verdict
from echoatlas.schemas.records import Scan
from echoatlas.simulate.pictures.scans import make_cine

SIZE = 96, 128


def number(low, high):
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.integers(-20, 100), st.integers(-20, 80), st.integers(0, 120), st.integers(0, 90),
)  # fmt: skip
known = {
    "mm_per_px": st.none() | st.tuples(number(0.01, 2), number(0.01, 2)),
    "spacing_source": st.sampled_from(["", "region", "pixel_spacing"]),
    "mode": st.sampled_from(Mode),
    "verdict": st.sampled_from(Verdict),
    "score": number(0, 1),
    "pane": st.integers(0, 3),
    "clip": st.none() | boxes,
}
rings = st.builds(
    lambda middle, half, near, depth, **rest: Fan(
        angles=(middle - half, middle + half), radii=(near, near + depth), **rest
    ),
    st.sampled_from([0.0, math.pi]) | number(-1, 4), number(0.05, math.pi), number(0, 60),
    number(1, 120),
    shape=st.sampled_from([Shape.CONVEX, Shape.PHASED, Shape.ENDOCAVITY, Shape.CIRCULAR]),
    apex=st.tuples(number(-50, 170), number(-120, 200)), stretch=number(0.5, 2), **known,
)  # fmt: skip
polygons = st.builds(
    Fan,
    st.sampled_from([Shape.LINEAR, Shape.TRAPEZOID, Shape.CROPPED]),
    corners=st.tuples(*[st.tuples(number(-40, 170), number(-40, 140))] * 4),
    **known,
)


@given(rings | polygons)
@settings(max_examples=150, deadline=None)
def test_a_stored_fan_is_the_fan_and_draws_its_mask(fan):
    again = Fan.from_json(fan.to_json())

    assert fan == again
    assert np.array_equal(fan.mask(*SIZE), again.mask(*SIZE))


@given(rings)
@settings(max_examples=150, deadline=None)
def test_a_mask_holds_the_pixels_between_its_radii_angles_and_clip(fan):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float64)
    x, y = x - fan.apex[0], (y - fan.apex[1]) * fan.stretch
    radius = np.hypot(x, y)
    middle, half = sum(fan.angles) / 2, (fan.angles[1] - fan.angles[0]) / 2
    turned = np.abs((np.arctan2(x, y) - middle + np.pi) % (2 * np.pi) - np.pi)
    wanted = (radius >= fan.radii[0]) & (radius <= fan.radii[1]) & (turned <= half)
    if fan.clip is not None:
        box = np.zeros(SIZE, bool)
        box[fan.clip.clipped(SIZE[1], SIZE[0]).pixels] = True
        wanted &= box

    off = fan.mask(*SIZE) != wanted

    edge = np.minimum(np.abs(radius - fan.radii[0]), np.abs(radius - fan.radii[1]))
    edge = np.minimum(edge, np.abs(turned - half) * radius)
    assert not off[edge > 0.01].any()


def test_every_fan_that_is_found_survives_its_storage():
    for seed, shape in enumerate(one for one in Shape if one is not Shape.CROPPED):
        cine = make_cine(seed, frames=1, fan=shape)
        scan = Scan("x", "", 1, cine.height, cine.width, lambda: iter(()), spacing=(0.1, 0.1))

        (fan,) = geometry(scan, list(cine.pictures))

        stored = fan.to_json()
        again = Fan.from_json(stored)
        size = cine.height, cine.width
        assert (fan, (0.1, 0.1), "pixel_spacing") == (again, fan.mm_per_px, fan.spacing_source)
        assert np.array_equal(fan.mask(*size), again.mask(*size))
        assert json.loads(stored)["shape"] == shape == fan.shape


@pytest.mark.parametrize("text", ["[]", "{}", '{"shape": "round"}', '{"shape": "linear", "x": 1}'])
def test_what_is_no_fan_is_not_read_as_one(text):
    with pytest.raises(ValueError, match=r"not a (fan|valid)"):
        Fan.from_json(text)
