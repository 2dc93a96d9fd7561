"""A name on the screen does not leave, whichever axes of an array are its pictures."""

from __future__ import annotations

import sys
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.planes import check_planes
from echoatlas.pipeline.deidentify.pixels.recheck import look_again
from echoatlas.pipeline.deidentify_tool.rewrite import rewritten
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.read import read
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin, Redaction
from echoatlas.schemas.rows.frames import FrameRow
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.simulate import make_cine

sys.path.insert(0, str(Path(__file__).parents[2] / "read"))
from tests.helpers.arrays import npy, six

Volume = NDArray[np.uint8]
SITE = SiteConfig(site="st-elsewhere", bucket=".")
ORIGIN = Origin("st-elsewhere", "", "a")
LOOK = RedactConfig().full
FRAMES = 20


@cache
def screen(place: str = "banner", fan: str = "convex", frames: int = FRAMES) -> Volume:
    """A clip with a name on it."""
    return make_cine(
        5, frames=frames, fan=fan, size=(320, 240), screen="none", burned_in=(("DOE, JANE", place),)
    ).pictures


def text_in_any_plane(volume: Volume) -> int:
    """Lines that are read in the three planes of (N, H, W), however they are turned."""
    found = 0
    for plane in combinations(range(3), 2):
        (rest,) = {0, 1, 2} - set(plane)
        found += len(look_again(volume.transpose(rest, *plane), LOOK, every_way=True).lines)
    return found


def gray(data: bytes) -> Volume:
    return np.stack(list(read(data).frames()))


def test_the_name_is_seen_in_what_goes_in():
    assert text_in_any_plane(screen()) > 0


@pytest.mark.parametrize("name", six(screen()))
def test_a_name_in_the_banner_of_an_array_does_not_come_out_of_the_tool(name, key):
    done = rewritten(six(screen())[name], ORIGIN, SITE, key, Policy(), RedactConfig())

    written = gray(done.data)
    assert screen().shape == written.shape
    assert text_in_any_plane(written) == 0
    assert done.fans[0].verdict == "accept"


@pytest.mark.parametrize("name", six(screen()))
def test_a_name_in_the_banner_of_an_array_does_not_reach_the_lake(name, key):
    data = six(screen())[name]
    sighting = SightingRow("l", "o", "c", "st-elsewhere", "u", "", -1, 0, len(data))

    task = ObjectTask.alone(data, sighting, ORIGIN)
    made = journey(task, SiteContext.of(SITE, key, JourneyConfig()))

    frames = [decode(row.image) for row in made.rows if isinstance(row, FrameRow)]
    assert len(frames) == FRAMES
    assert text_in_any_plane(np.stack(frames)) == 0


@settings(max_examples=10, deadline=None)
@given(
    order=st.sampled_from([(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]),
    turns=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    place=st.sampled_from(["banner", "fan"]),
    fan=st.sampled_from(["convex", "linear", "circular"]),
    frames=st.integers(10, 40),
)
def test_text_is_seen_in_any_plane_and_turn_of_an_array(order, turns, place, fan, frames):
    volume = screen(place, fan, frames).transpose(order)
    volume = np.ascontiguousarray(
        volume[tuple(slice(None, None, -1 if turn else 1) for turn in turns)]
    )
    everything = Redaction(np.ones(volume.shape[1:], bool))

    with pytest.raises(Reject) as caught:
        check_planes(volume, [everything], volume.shape[:1], RedactConfig())

    assert caught.value.reason in (Reason.RESIDUAL_TEXT, Reason.AXES_UNCLEAR)


@pytest.mark.parametrize("fan", ["convex", "linear", "circular", "phased"])
def test_a_clean_clip_passes_in_every_plane(fan):
    volume = make_cine(7, frames=24, fan=fan, size=(320, 240), screen="none", burned_in=()).pictures

    check_planes(volume, [Redaction(np.ones((240, 320), bool))], (24,), RedactConfig())


def test_a_site_that_says_cropped_is_not_believed_where_another_plane_shows_a_fan(key):
    """Axes that are stated wrongly: the columns are called time."""
    from tests.helpers.arrays import hdf5

    data = hdf5(np.ascontiguousarray(screen(frames=40)), "yxt")
    cropped = SITE.model_copy(update={"cropped": True})

    with pytest.raises(Reject) as caught:
        rewritten(data, ORIGIN, cropped, key, Policy(), RedactConfig())

    assert Reason.AXES_UNCLEAR is caught.value.reason


def test_a_picture_that_lies_on_its_side_hides_no_name(key):
    """Nothing tells which way a linear probe's picture lies: text in it is read either way."""
    lying = np.ascontiguousarray(screen("fan", "linear", 1)[0].T)

    try:
        done = rewritten(npy(lying), ORIGIN, SITE, key, Policy(), RedactConfig())
    except Reject as rejection:
        assert Reason.RESIDUAL_TEXT is rejection.reason
    else:
        assert not look_again([gray(done.data)[0]], LOOK, every_way=True).lines
