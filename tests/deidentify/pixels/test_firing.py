"""Our own network says where is looked, and is never the only witness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from echoatlas.pipeline.deidentify.pixels.check import check_redacted, check_written
from echoatlas.pipeline.deidentify.pixels.config import AgainConfig, LookConfig, RedactConfig
from echoatlas.pipeline.deidentify.pixels.effort import SPENT, spent_since
from echoatlas.pipeline.deidentify.pixels.firing import boxes_of, narrowed, sensed
from echoatlas.pipeline.deidentify.pixels.mosaic import Candidate
from echoatlas.pipeline.deidentify.pixels.redact import redact
from echoatlas.pipeline.deidentify.pixels.sight import Sight
from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.fan import Box
from echoatlas.schemas.records import Redaction
from echoatlas.simulate.pictures.lettering import ink
from echoatlas.simulate.pictures.scans import make_cine
from tests.helpers.burned_words import burned, kind

DEAF = RedactConfig(look=LookConfig(fires=1.0))  # our own network's word is never taken
LEAST = LookConfig().fires


def asked(work):
    """What looks asked for while something was done."""
    before = SPENT.copy()
    work()
    return spent_since(before)


def looked(clip, whole=False):
    """A clip's redaction, after both looks."""
    sight = Sight(whole)
    (cut,) = redact(clip.pictures, (clip.fan,), sight=sight)
    check_redacted(clip.pictures, (cut,), sight=sight)
    return cut


def test_a_still_without_text_is_shown_to_our_own_network_once_and_to_no_other():
    clip = burned(kind("plain"), seed=8001, frames=1, words=0)

    spent = asked(lambda: looked(clip))

    assert spent["views"] == 1 and not spent["boxes"] and not spent["readings"]


def test_what_a_clip_asks_for_does_not_grow_with_its_speckle():
    calm, wild = (
        make_cine(5, frames=64, screen="none", burned_in=(), size=(320, 240), fresh=fresh)
        for fresh in (False, True)
    )

    spent = [asked(lambda one=one: redact(one.pictures, one.fans)) for one in (calm, wild)]

    # Of a block of 64 frames: one steady view, and of four spans of time three moments' at most
    area = 320 * 240
    assert all(one["pixels"] < 13 * area * 1.1 for one in spent)
    assert all(one["views"] < 64 for one in spent)


@pytest.mark.parametrize("name", ["plain", "8 px", "dark on light", "rotated 90", "large"])
def test_it_fires_where_words_are_and_hardly_elsewhere(name):
    clip = burned(kind(name), seed=8002, frames=1)
    picture = clip.pictures[0]

    boxes = boxes_of(sensed(picture, 1.5, LEAST), None, picture.shape)

    shown = np.zeros(picture.shape, bool)
    for box in boxes:
        shown[box.pixels] = True
    assert clip.words
    assert all((word & shown).sum() == word.sum() for word in clip.words)
    assert shown.mean() < 0.4


def test_parts_of_views_are_narrowed_to_where_it_fires_in_each():
    empty = np.full((240, 320), 20, np.uint8)
    picture, letters = empty.copy(), ink("GARCIA", 14)
    word = Box(120, 90, 120 + letters.shape[1], 90 + letters.shape[0])
    picture[word.pixels] = np.maximum(picture[word.pixels], letters)
    around = Box(20, 10, 300, 220)

    found = narrowed([Candidate(empty, around), Candidate(picture, around, 3)], None, LEAST)

    assert [one.moment for one in found] == [3]
    assert found[0].box.met(word) == word
    assert found[0].box.area < 0.5 * around.area


def test_of_some_objects_the_detector_sees_what_our_own_network_overlooks():
    clip = burned(kind("plain"), seed=8004, frames=1)

    (missed,) = redact(clip.pictures, (clip.fan,), DEAF)
    (found,) = redact(clip.pictures, (clip.fan,), DEAF, Sight(whole=True))

    assert missed.verdicts == ("no_text",)
    assert found.verdicts == ("text_redacted", "detector_alone", "witnessed")
    assert all((word & ~found.keep).sum() >= 0.95 * word.sum() for word in clip.words)


def test_both_agree_on_words_that_both_see():
    clip = burned(kind("plain"), seed=8004, frames=1)

    assert looked(clip, whole=True).verdicts == ("text_redacted", "witnessed")


def test_what_only_our_own_network_sees_is_told_of():
    clip = burned(kind("gray"), seed=405, frames=1)  # that the other one overlooks

    assert "own_network_alone" in looked(clip).verdicts


@pytest.mark.parametrize("frames", [1, 20])
def test_the_second_look_sees_whole_views_of_these_as_well(frames):
    clip = burned(kind("plain"), seed=8005, frames=frames, words=1)
    shown = Redaction(clip.fan.mask(480, 640))
    deaf = replace(DEAF, full=replace(DEAF.full, fires=1.0, strokes_fire=1.0), again=SILENT)

    check_redacted(clip.pictures, [shown], deaf)
    check_written(clip.pictures, deaf)
    with pytest.raises(Reject, match=r"lines? of text left, of an object drawn"):
        check_redacted(clip.pictures, [shown], deaf, Sight(whole=True))
    with pytest.raises(Reject, match=r"lines? of text left, of an object drawn"):
        check_written(clip.pictures, deaf, whole=True)


SILENT = AgainConfig(fires=1.0, strokes_fire=1.0)


@pytest.mark.parametrize("frames", [1, 20])
def test_the_second_look_at_the_same_pixels_finds_the_same_without_them(frames):
    clip = burned(kind("plain"), seed=8006, frames=frames, words=1)
    sight = Sight()
    redact(clip.pictures, (clip.fan,), DEAF, sight)  # overlooks the word
    kept = Redaction(clip.fan.mask(480, 640))

    with pytest.raises(Reject, match="residual_text"):
        check_redacted(clip.pictures, [kept])
    if frames > 1:  # a still is looked at once: where our own network is silent, it stays so
        with pytest.raises(Reject, match="residual_text"):
            check_redacted((), [kept], DEAF, sight)


def test_who_is_drawn_depends_on_the_object_and_the_key_alone():
    one, other = (SiteKey.of("st-elsewhere", bytes(key)) for key in (KEY, KEY[::-1]))
    names = [f"{n:032x}" for n in range(4000)]

    drawn, again, others = (
        [name for name in names if key.draws("witness", name, 0.05)] for key in (one, one, other)
    )

    assert drawn == again != others
    assert 140 < len(drawn) < 260
    assert not any(one.draws("witness", name, 0.0) for name in names)
    assert all(one.draws("witness", name, 1.0) for name in names)


KEY = [(7 * n * n + 3 * n) % 251 for n in range(32)]
