"""What a picture shows along a boundary: a step, the dark, or echoes that go on."""

from __future__ import annotations

import numpy as np
import pytest

from echoatlas.pipeline.geometry.boundary import boundary, outside
from echoatlas.pipeline.geometry.edges import moved
from echoatlas.pipeline.geometry.signal import signal_of
from echoatlas.schemas.fan import Box, Fan, Shape

SIZE = 300, 400


def speckle(fan, level=60, seed=0):
    noise = np.random.default_rng(seed).rayleigh(level, SIZE).clip(8, 255).astype(np.uint8)
    noise[~fan.mask(*SIZE)] = 0
    return noise


def evidence(picture):
    return signal_of([picture]).evidence()


def rectangle(x0, y0, x1, y1):
    return Fan(Shape.LINEAR, corners=((x0, y0), (x1, y0), (x1, y1), (x0, y1)))


CONVEX = Fan(Shape.CONVEX, (200.0, -40.0), (80.0, 300.0), (-0.55, 0.55))


@pytest.mark.parametrize("off", [-6, -2, 3, 6])
def test_a_rectangle_moves_to_the_last_pixel_of_the_echoes(off):
    truth = rectangle(90, 40, 310, 250)
    guess = rectangle(90 - off, 40 + off, 310 + off, 250 - off)

    fan, support = moved(moved(guess, evidence(speckle(truth)), 12)[0], evidence(speckle(truth)), 7)

    assert np.abs(np.array(fan.corners) - truth.corners).max() <= 1
    assert (support.borne_out, support.contradicted) == (pytest.approx(1.0, abs=0.01), 0.0)


def test_a_sector_finds_apex_radii_and_angles():
    looked = evidence(speckle(CONVEX))
    guess = Fan(Shape.CONVEX, (203.0, -36.0), (83.0, 294.0), (-0.53, 0.57))

    fan, support = moved(moved(guess, looked, 12)[0], looked, 7)

    assert np.abs(np.subtract(fan.apex, CONVEX.apex)).max() < 2
    assert np.abs(np.subtract(fan.radii, CONVEX.radii)).max() < 2
    assert np.abs(np.subtract(fan.angles, CONVEX.angles)).max() < 0.01
    assert support.borne_out > 0.97


def test_in_the_dark_nothing_is_borne_out_and_nothing_contradicted():
    looked = evidence(np.zeros(SIZE, np.uint8))

    _, support = moved(rectangle(90, 40, 310, 250), looked, 7)

    assert (support.borne_out, support.contradicted, support.dark) == (0.0, 0.0, 1.0)


def test_a_fan_that_leaves_echoes_out_is_contradicted():
    looked = evidence(speckle(rectangle(60, 20, 340, 280)))

    _, support = moved(rectangle(120, 80, 280, 200), looked, 7)

    assert support.contradicted > 0.9


def test_the_edge_of_a_stated_region_excuses_echoes_beyond_it():
    looked = evidence(speckle(rectangle(40, 40, 360, 250)))
    half = rectangle(40, 40, 199, 250)

    _, alone = moved(half, looked, 7)
    _, stated = moved(half, looked, 7, Box(40, 40, 200, 251))

    assert alone.contradicted > 0.2
    assert (stated.contradicted, stated.borne_out) == (0.0, pytest.approx(1.0, abs=0.01))


@pytest.mark.parametrize("fan", [CONVEX, rectangle(90, 40, 310, 250)])
def test_a_boundary_lies_on_the_fan_and_its_normals_lead_out(fan):
    around = boundary(fan, *SIZE, 3.0)

    on = outside(fan, around.points).max(axis=0)
    out = outside(fan, around.points + 2 * around.normals).max(axis=0)

    assert np.abs(on).max() < 0.02
    assert out.min() > 1.5
    assert np.allclose(np.hypot(*around.normals.T), 1)
