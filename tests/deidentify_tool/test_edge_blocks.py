"""What the mask keeps of a JPEG is kept up to the fan's edge, and nothing of what it hides."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from echoatlas.pipeline.deidentify_tool.containers.jpeg import Mask, kept_exactly, redacted
from echoatlas.simulate import make_still

SCAN = make_still(3, size=(640, 480), screen="none", burned_in=())
FAN = np.logical_or.reduce([fan.mask(480, 640) for fan in SCAN.fans])
SAMPLINGS = ["4:4:4", "4:2:2", "4:2:0"]


def coded(picture: NDArray[np.uint8], quality: int, sampling: str = "4:4:4") -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "jpeg", quality=quality, subsampling=sampling)
    return out.getvalue()


def shown(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def named(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A name in white, beside the fan's edge all along."""
    made = picture.copy()
    beside = (cv2.dilate(FAN.astype(np.uint8), np.ones((9, 9))) > 0) & ~FAN
    made[beside] = np.random.default_rng(5).choice(np.array([0, 255], np.uint8), beside.sum())
    return made


@pytest.mark.parametrize("quality", [40, 75, 92])
def test_no_block_of_the_fan_is_lost_along_its_edge(quality):
    data = coded(named(SCAN.pictures[0]), quality)

    clean = redacted(data, Mask.of(FAN))

    assert clean is not None
    before, after = shown(data).max(axis=2), shown(clean.data).max(axis=2)
    lost = clean.left & (before > 40) & (after < 8)
    assert lost.sum() / FAN.sum() < 0.001
    assert after[~FAN].max() <= 2


def test_what_is_hidden_beside_the_edge_cannot_be_read_from_what_is_written():
    """The noise that was there, against what is left of it in the black and in the tissue."""
    plain, name = (coded(one, 90) for one in (SCAN.pictures[0], named(SCAN.pictures[0])))

    clean = [redacted(data, Mask.of(FAN)) for data in (plain, name)]

    assert clean[0] is not None and clean[1] is not None
    before = np.abs(shown(plain).astype(int) - shown(name))
    after = np.abs(shown(clean[0].data).astype(int) - shown(clean[1].data))
    assert before[~FAN].max() > 200
    assert after[~FAN].max() <= 2
    assert after[FAN].mean() <= before[FAN].mean() + 0.1  # what the encoder had spilled over


@given(
    quality=st.integers(20, 100),
    sampling=st.sampled_from(SAMPLINGS),
    tint=st.sampled_from([0, 20, 120]),
    slope=st.floats(-3, 3),
    start=st.integers(-40, 120),
    seed=st.integers(0, 1 << 16),
    size=st.tuples(st.integers(40, 90), st.integers(40, 90)),
)
@settings(max_examples=60, deadline=None)
def test_any_edge_through_any_jpeg_is_black_outside_and_tissue_inside(
    quality, sampling, tint, slope, start, seed, size
):
    height, width = size
    rng = np.random.default_rng(seed)
    places = height // 6 + 1, width // 6 + 1
    coarse = rng.integers(40, 220, (*places, 1)) + rng.integers(-tint, tint + 1, (*places, 3))
    coarse = coarse.clip(0, 255).astype(np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[:height, :width]
    keep = columns > start + slope * rows
    data = coded(picture, quality, sampling)

    clean = redacted(data, Mask.of(keep))

    if clean is None:  # written without loss instead: colors would spill over into the black
        assert tint > 20 or sampling != "4:4:4"
        return
    before, after = shown(data).astype(int), shown(clean.data).astype(int)
    exact = kept_exactly(keep)
    assert (before[exact] == after[exact]).all()
    assert after[~keep].max(initial=0) <= 24
    lost = clean.left & (before.max(axis=2) > 60) & (after.max(axis=2) < 4)
    assert lost.sum() <= 0.02 * keep.sum() + 2


def test_coarse_tables_are_no_reason_to_write_a_picture_anew():
    found = [
        redacted(coded(SCAN.pictures[0], quality), Mask.of(FAN)) for quality in (20, 50, 75, 95)
    ]

    assert all(found)


def test_a_mask_serves_a_whole_clip_and_no_later_change_of_it_shows_through():
    data, keep = coded(SCAN.pictures[0], 75), FAN.copy()
    mask = Mask.of(keep)

    first = redacted(data, mask)
    keep[:] = True
    second = redacted(data, mask)

    assert first is not None and second is not None
    assert first.data == second.data
    assert shown(second.data)[~FAN].max() <= 2


# Share of the fan that stays; a block that coarse coding can't cut goes black, and the mask says so
LEFT = {50: 0.98, 75: 0.998, 92: 0.9995}
MCU = {"gray": 8, "4:4:4": 8, "4:2:2": 16, "4:2:0": 16}  # pixels, the longer side (T.81 A.2.3)


@pytest.mark.parametrize("kind", MCU)
@pytest.mark.parametrize("quality", [50, 75, 92])
def test_along_the_edge_brightness_stays_and_color_goes_no_further_than_a_coded_unit(kind, quality):
    """A picture that is tinted all over has color wherever the edge goes."""
    gray = SCAN.pictures[0]
    tint = np.array([1.0, 0.75, 0.5])
    picture = gray if kind == "gray" else (gray[..., None] * tint).astype(np.uint8)
    data = coded(picture, quality, "4:4:4" if kind == "gray" else kind)

    clean = redacted(data, Mask.of(FAN))

    assert clean is not None
    before, after = shown(data).astype(int), shown(clean.data).astype(int)
    inner = cv2.distanceTransform(FAN.astype(np.uint8), cv2.DIST_C, 3)
    edge, inside = FAN & (inner <= MCU[kind]), FAN & (inner > MCU[kind] + 1)
    luma = np.array([0.299, 0.587, 0.114])
    lit = edge & clean.left & (before @ luma > 40)
    dimmer = np.abs((before - after) @ luma)[lit]
    gone = np.ptp(before, axis=2)[lit].astype(float).mean() - np.ptp(after, axis=2)[lit].mean()
    assert after[~FAN].max() <= 24
    assert (before[inside] == after[inside]).all(), "behind the edge's units all is as it was"
    assert clean.left.sum() / FAN.sum() > LEFT[quality]
    assert dimmer.mean() < 2
    assert (gone == 0) == (kind == "gray")
    assert clean.gray.any() == (kind != "gray")
    assert not (clean.gray & ~clean.left).any()
    paler = (np.ptp(before, axis=2) > 40) & (np.ptp(after, axis=2) < 6) & clean.left
    assert (paler <= clean.gray).all(), "where color went the mask says so"


def ycc(data: bytes) -> NDArray[np.int16]:
    """Samples as they are coded, colors not yet made of them."""
    picture = Image.open(io.BytesIO(data))
    picture.draft("YCbCr", picture.size)
    return np.asarray(picture).astype(np.int16)


# As bright as the tissue's mean, so that only color tells it
CANARY = np.array([[214, 60, 60], [30, 140, 30], [70, 90, 255], [110, 110, 110]], np.uint8)


@given(
    quality=st.integers(20, 100),
    sampling=st.sampled_from(SAMPLINGS),
    word=st.text("ABCDEFGHXYZ0123456789", min_size=3, max_size=8),
    slope=st.floats(-1, 1),
    seed=st.integers(0, 1 << 16),
)
@settings(max_examples=40, deadline=None)
def test_of_a_name_in_color_beside_the_edge_no_color_is_left(quality, sampling, word, slope, seed):
    """Two scans that differ in a colored name alone have the same colors afterwards, everywhere."""
    rng = np.random.default_rng(seed)
    tissue = cv2.resize(rng.integers(60, 180, (12, 16, 3)).astype(np.uint8), (128, 96))
    rows, columns = np.mgrid[:96, :128]
    keep = rows > 40 + slope * (columns - 64)
    letters = np.zeros((96, 128), np.uint8)
    for line in range(12, 100, 12):
        cv2.putText(letters, word * 4, (0, line), cv2.FONT_HERSHEY_PLAIN, 0.9, 255)
    name = tissue.copy()
    lit = (letters > 0) & ~keep
    name[lit] = CANARY[rng.integers(0, len(CANARY), lit.sum())]
    sources = [coded(one, quality, sampling) for one in (tissue, name)]

    clean = [redacted(one, Mask.of(keep)) for one in sources]

    assert np.abs(ycc(sources[0])[..., 1:] - ycc(sources[1])[..., 1:])[lit].max() > 10
    for one in clean:
        assert one is None or np.ptp(shown(one.data)[~keep].astype(int), axis=-1).max() <= 48
    if clean[0] is not None and clean[1] is not None:
        plain, colored = (ycc(one.data) for one in clean if one is not None)
        assert (plain[..., 1:] == colored[..., 1:]).all()
        assert np.abs(plain[..., 0] - colored[..., 0])[~keep].max() <= 24
