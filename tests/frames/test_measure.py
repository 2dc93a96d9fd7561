"""What is measured on a frame says what it claims to say."""

from __future__ import annotations

from dataclasses import fields, replace

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.frames.area import area_of
from echoatlas.pipeline.frames.beam_space import depths
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.frames.measure import Measures, measure
from echoatlas.pipeline.frames.normalize import normalize, plan_frames
from echoatlas.pipeline.geometry import geometry
from echoatlas.pipeline.read import read
from echoatlas.schemas.records import Normalized, Redaction
from echoatlas.schemas.rows.frames import MeasureRow
from echoatlas.simulate.pictures.scans import make_cine


def frame(pixels, valid=None, overlay=None) -> Normalized:
    seen = np.ones(pixels.shape[:2], bool) if valid is None else valid
    marks = np.zeros(pixels.shape[:2], bool) if overlay is None else overlay
    return Normalized(pixels, seen, marks, 1.0, (0.0, 0.0), (256, 256))


def simulated(seed=1, fan="convex", frames=1) -> list[Normalized]:
    scan = make_cine(seed, fan=fan, frames=frames)
    cut = Redaction(scan.fans[0].mask(scan.height, scan.width))
    plan = plan_frames(scan.fans[0], cut)
    return [normalize(picture, plan) for picture in scan.pictures]


def measured(now: Normalized, before: Normalized | None = None) -> Measures:
    return measure(now, area_of(now.valid, now.depth), before)


def noise(seed=0, low=0, high=256):
    return np.random.default_rng(seed).integers(low, high, (256, 256), dtype=np.uint8)


def test_every_column_of_the_table_is_measured():
    columns = {f.name for f in fields(MeasureRow)} - {"frame_id", "object_id", "fingerprint"}

    assert columns == {f.name for f in fields(Measures)}


def test_the_stored_images_hashes_are_those_of_imagehash():
    (one,) = simulated()

    found = measured(one)

    for side, ours in ((8, found.frame_phash64), (16, found.frame_phash256)):
        theirs = imagehash.phash(Image.fromarray(one.pixels), hash_size=side)
        assert np.packbits(theirs.hash).tobytes() == ours


@pytest.mark.parametrize("level", [0, 3, 128, 255])
def test_a_flat_frame_has_no_perceptual_hash(level):
    found = measured(frame(np.full((256, 256), level, np.uint8)))

    assert {b""} == {
        found.frame_phash64, found.frame_phash256, found.fan_phash64,
        found.fan_phash256, found.mirror_phash256,
    }  # fmt: skip
    assert found.pixel_hash


def test_levels_are_counted_inside_the_fan_only():
    pixels = np.zeros((256, 256), np.uint8)
    pixels[:, :64], pixels[:, 64:128] = 255, 100
    valid = np.zeros((256, 256), bool)
    valid[:, :128] = True

    found = measured(frame(pixels, valid))

    assert (found.saturation, found.dark, found.entropy, found.mean) == (0.5, 0.0, 1.0, 177.5)
    assert found.fan_fill == 0.5


def test_blurring_lowers_the_blur_measure():
    sharp = noise()

    assert (
        measured(frame(cv2.GaussianBlur(sharp, (0, 0), 2))).blur < 0.1 * measured(frame(sharp)).blur
    )


def test_fully_developed_speckle_has_the_signal_to_noise_ratio_of_rayleigh():
    amplitude = np.random.default_rng(1).rayleigh(1.0, (256, 256))
    decibels = 20 * np.log10(amplitude / amplitude.max())
    pixels = np.clip((decibels + 60) / 60 * 255, 0, 255).astype(np.uint8)

    assert pytest.approx(measured(frame(pixels)).speckle_snr, abs=0.1) == 1.91


def test_motion_is_the_mean_change_since_the_frame_before():
    before, now = frame(np.full((256, 256), 50, np.uint8)), frame(np.full((256, 256), 57, np.uint8))

    assert measured(now, before).motion == 7.0
    assert measured(now, now).motion == 0.0
    assert measured(now).motion is None


def test_patches_outside_the_fan_are_zero_and_textured_ones_outrank_flat_ones():
    pixels = noise(low=80, high=120)
    pixels[128:, :] = 100
    valid = np.ones((256, 256), bool)
    valid[:, 128:] = False

    patches = np.frombuffer(measured(frame(pixels, valid)).patch_map, np.uint8).reshape(16, 16)

    assert patches[:, 8:].max() == 0
    assert patches[8:, :8].max() == 1
    assert patches[:8, :8].min() > 10


def test_color_and_overlays_are_shares_of_the_fan():
    pixels = np.full((256, 256, 3), 80, np.uint8)
    pixels[:64] = (220, 30, 30)
    overlay = np.zeros((256, 256), bool)
    overlay[:32] = True

    found = measured(frame(pixels, overlay=overlay))

    assert (found.color_share, found.text_share) == (0.25, 0.125)


def test_equal_pixels_of_another_shape_are_another_image():
    pixels = noise()

    wide = measured(frame(pixels)).pixel_hash
    tall = measured(frame(np.ascontiguousarray(pixels.reshape(128, 512)))).pixel_hash

    assert wide != tall


def test_a_frame_of_which_nothing_may_be_seen_is_rejected():
    with pytest.raises(Reject):
        measured(frame(noise(), np.zeros((256, 256), bool)))


def test_measuring_twice_gives_the_same():
    one, two = simulated(frames=2)

    assert measured(two, one) == measured(replace(two), one)


def test_a_frozen_frame_is_still_and_a_moving_one_is_not():
    one, two = simulated(frames=2)

    assert measured(one, one).still == 1.0
    assert measured(two, one).still < 0.9
    assert measured(one).still is None


def test_stillness_is_a_share_of_what_both_frames_show():
    before, now = np.full((256, 256), 50, np.uint8), np.full((256, 256), 50, np.uint8)
    now[:64] = 60
    half = np.ones((256, 256), bool)
    half[128:] = False

    assert measured(frame(now), frame(before)).still == 0.75
    assert measured(frame(now), frame(before, half)).still == 0.5
    assert measured(frame(np.stack([now] * 3, -1)), frame(np.stack([before] * 3, -1))).still == 0.75


def test_a_black_frame_has_no_peak_and_one_bright_pixel_makes_none():
    black = np.zeros((256, 256), np.uint8)
    black[5, 5] = 255

    assert measured(frame(black)).peak == 0
    assert measured(frame(np.full((256, 256), 90, np.uint8))).peak == 90


def in_air(fan, height: int, width: int):
    """Reverberation: bands along the probe's face that fade within a fifth of the depth."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    depth = depths(fan, x, y)
    rings = 120 * (1 + np.cos(depth * 150)) * np.exp(-depth * 12)
    return np.clip(rings + np.random.default_rng(0).normal(4, 2, rings.shape), 0, 255).astype("u1")


@pytest.mark.parametrize("shape", ["convex", "linear", "phased"])
def test_a_probe_in_air_shows_layers_and_does_not_reach_deep(shape):
    scan = make_cine(1, fan=shape, frames=1, burned_in=())
    fan, size = scan.fans[0], (scan.height, scan.width)
    cut = Redaction(fan.mask(*size))

    tissue = measured(normalize(scan.pictures[0], plan_frames(fan, cut)))
    air = measured(normalize(in_air(fan, *size), plan_frames(fan, cut)))

    assert air.reach < 0.35 < 0.8 <= tissue.reach
    assert air.layering > 0.8 > 0.6 > tissue.layering


def test_a_grid_of_patches_fits_any_size():
    for side in (224, 250, 384):
        pixels = np.random.default_rng(1).integers(80, 120, (side, side), np.uint8)
        found = measured(
            Normalized(pixels, *(2 * [np.ones((side, side), bool)]), 1, (0, 0), (9, 9))
        )
        patches = np.frombuffer(found.patch_map, np.uint8)
        assert len(patches) == 256
        assert patches.min() > 10


def test_what_lies_outside_the_fan_is_not_measured():
    valid = np.zeros((256, 256), bool)
    valid[40:200, 30:220] = True
    clean = np.where(valid, noise(), 0).astype(np.uint8)
    dirty = np.where(valid, clean, noise(7)).astype(np.uint8)

    one, two = measured(frame(clean, valid)), measured(frame(dirty, valid))

    assert replace(one, pixel_hash="") == replace(two, pixel_hash="")


@pytest.mark.parametrize(
    ("name", "air", "flag"),
    [
        ("philips_cx50_ob_palette_evle.dcm", True, "calipers"),  # two crosses, measured in air
        ("ge_logiq700_lymphnode_rgb_evle.dcm", False, "color"),
        ("acuson_sequoia_thyroid_ybrfull_rle.dcm", False, "marks"),  # DOE, beside the tissue
    ],
)
def test_real_scans_are_told_from_a_probe_in_air_and_their_graphics_are_found(
    name, air, flag, samples
):
    scan = read((samples / "dicom" / name).read_bytes())
    pictures = Clip(scan).spread(8)
    fan = geometry(scan, pictures)[0]

    one = normalize(pictures[0], plan_frames(fan, Redaction(fan.mask(scan.height, scan.width))))
    found = measured(one)

    assert flag in one.flags
    assert (found.reach < 0.35 and found.layering > 0.8) == air
    assert 0 < found.text_share < 0.08
