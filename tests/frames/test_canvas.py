"""How a fan's box gets to the stored image: without aliasing, at a scale, or as beams."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from echoatlas.pipeline.frames.beam_space import depths, grid
from echoatlas.pipeline.frames.canvas import resized
from echoatlas.pipeline.frames.normalize import NormalizeConfig, normalize, plan_frames
from echoatlas.schemas.records import Redaction
from echoatlas.simulate.pictures.fans import beams_of
from echoatlas.simulate.pictures.scans import make_cine

FANS = ["convex", "linear", "phased", "trapezoid", "endocavity"]


def fan_of(shape: str, **options):
    scan = make_cine(2, frames=1, fan=shape, burned_in=(), **options)
    return scan, scan.fans[0]


def apart(one, other) -> float:
    inner = (slice(4, -4), slice(4, -4))
    return float(np.sqrt(np.mean((one.astype(float)[inner] - other[inner]) ** 2)))


@pytest.mark.parametrize("times", [1.1, 1.3, 1.5, 1.84, 2.2, 2.5, 3.3])
def test_resizing_is_as_near_to_lanczos_as_the_mean_over_the_area_is(times):
    gray = make_cine(2, frames=1, size=(640, 480), burned_in=()).pictures[0]
    width, height = round(640 / times), round(480 / times)
    ideal = np.asarray(Image.fromarray(gray).resize((width, height), Image.Resampling.LANCZOS))

    found = resized(gray, width, height)

    area = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
    assert apart(found, ideal) <= 1.12 * apart(area, ideal)


@pytest.mark.parametrize("times", [1.5, 2.2, 3.0])
def test_a_grid_finer_than_the_pixels_turns_gray_and_never_to_coarse_stripes(times):
    stripes = np.tile(np.array([0, 255], np.uint8), (480, 320))

    found = resized(stripes, round(640 / times), round(480 / times))

    assert found[8:-8, 8:-8].std() < 0.45 * stripes.std()


@pytest.mark.parametrize("shape", FANS)
def test_depth_runs_from_the_probes_face_to_the_far_end(shape):
    _, fan = fan_of(shape)
    x, y = grid(fan, 9, 32)

    found = depths(fan, x, y)

    expected = np.repeat((np.arange(32)[:, None] + 0.5) / 32, 9, axis=1)
    assert np.abs(found - expected).max() < 0.01


def test_beams_of_a_picture_that_was_squeezed_lie_where_its_fan_does():
    _, fan = fan_of("convex")
    squeezed = replace(fan, apex=(fan.apex[0], fan.apex[1] / 2), stretch=2.0)

    (x, y), (wide_x, wide_y) = grid(squeezed, 9, 32), grid(fan, 9, 32)

    assert np.allclose(x, wide_x)
    assert np.allclose(2 * y, wide_y, atol=1e-3)
    assert np.allclose(depths(squeezed, x, y), depths(fan, wide_x, wide_y), atol=1e-3)


def test_beams_of_a_probe_that_points_up_begin_at_its_face():
    scan, fan = fan_of("endocavity", up=True)

    _, y = grid(fan, 9, 32)

    assert y[0, 4] > y[-1, 4]
    assert scan.height > y.max()


@pytest.mark.parametrize("shape", FANS)
def test_in_beam_space_every_pixel_is_of_the_fan(shape):
    scan, fan = fan_of(shape)
    cut = Redaction(fan.mask(scan.height, scan.width))

    frame = normalize(scan.pictures[0], plan_frames(fan, cut, NormalizeConfig(space="beam")))

    assert frame.pixels.shape == (256, 256)
    assert frame.valid.mean() > 0.95
    assert "beam_space" in frame.flags
    assert frame.mm_per_px is None


@pytest.mark.parametrize("shape", FANS)
def test_beam_space_undoes_the_scan_conversion(shape):
    """Beams are drawn as a fan by the simulator, and come back as they were."""
    scan, fan = fan_of(shape)
    rows = cv2.resize(np.random.default_rng(1).integers(30, 200, (12, 9), np.uint8), (192, 400))
    beams = beams_of(fan, scan.height, scan.width, samples=400, lines=192)
    picture = np.zeros((scan.height, scan.width), np.uint8)
    picture[beams.box.y0 : beams.box.y1, beams.box.x0 : beams.box.x1] = beams.show(rows)
    cut = Redaction(fan.mask(scan.height, scan.width))

    frame = normalize(picture, plan_frames(fan, cut, NormalizeConfig(space="beam")))

    wanted = cv2.resize(rows, (256, 256), interpolation=cv2.INTER_AREA).astype(int)
    error = np.abs(frame.pixels - wanted)[8:-8, 8:-8][frame.valid[8:-8, 8:-8]]
    assert np.median(error) <= 3


def test_what_is_outside_the_fan_is_in_no_beam():
    scan, fan = fan_of("convex")
    mask = fan.mask(scan.height, scan.width)
    flooded = np.where(mask, scan.pictures[0], 255).astype(np.uint8)

    frames = [
        normalize(picture, plan_frames(fan, Redaction(mask.copy()), NormalizeConfig(space="beam")))
        for picture in (scan.pictures[0], flooded)
    ]

    assert np.array_equal(frames[0].pixels, frames[1].pixels)
