"""Our own detector finds on stills what the other one overlooks, and leaves tissue alone."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from echoatlas.pipeline.deidentify.pixels import models
from echoatlas.pipeline.deidentify.pixels.config import TRAINED
from echoatlas.pipeline.deidentify.pixels.confirm import judged
from echoatlas.pipeline.deidentify.pixels.detector import drawn
from echoatlas.pipeline.deidentify.pixels.own_network import MODEL, SHA256, TrainedDetector
from echoatlas.pipeline.deidentify.pixels.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.pixels.redact import redact
from echoatlas.pipeline.errors import UsageError
from tests.helpers.burned_words import FANS, burned, kind


def still(name, seed, words=3):
    clip = burned(kind(name), seed, frames=1, words=words)
    return clip.pictures[0], clip


def share(word, lines):
    """Of a word's ink, that lines cover."""
    return (word & drawn([line.grown(2) for line in lines], *word.shape)).sum() / word.sum()


def test_our_weights_are_the_pinned_ones_and_others_are_refused():
    assert hashlib.sha256(models.weights(MODEL, SHA256)).hexdigest() == SHA256
    with pytest.raises(UsageError, match="not the pinned ones"):
        models.weights(MODEL, "0" * 64)


@pytest.mark.parametrize(("name", "seed"), [("gray", 405), ("rotated 90", 400)])
def test_words_that_another_detector_overlooks_are_found(name, seed):
    picture, clip = still(name, seed)

    ours = TrainedDetector().find([picture])[0]
    other = PaddleDetector(1.5, score=0.4).find([picture])[0]

    assert len(clip.words) == 3
    assert all(share(word, ours) > 0.95 for word in clip.words)
    assert any(share(word, other) < 0.5 for word in clip.words)


def test_a_word_lies_where_it_is_said_to_whatever_the_size_of_the_picture():
    picture, clip = still("plain", 411, words=1)
    (ys, xs) = np.nonzero(clip.words[0])
    window = np.s_[ys.min() - 71 : ys.max() + 68, xs.min() - 69 : xs.max() + 74]

    found = TrainedDetector().find([np.ascontiguousarray(picture[window])])[0]
    line = max(found, key=lambda line: line.score)

    box = line.box(*picture[window].shape)
    assert box.area < 4 * np.ptp(ys) * np.ptp(xs)
    assert share(clip.words[0][window], [line]) > 0.95


@pytest.mark.parametrize("seed", range(len(FANS)))
def test_a_still_without_text_is_left_alone(seed):
    picture, clip = still("plain", seed, words=0)

    found = judged(picture, TrainedDetector().find([picture])[0], None, TRAINED)

    assert found  # the screen has text beside the fan
    assert not (drawn(found, 480, 640) & clip.fan.mask(480, 640)).any()
    assert redact(clip.pictures, (clip.fan,))[0].text_area == 0


def test_the_same_picture_gives_the_same_lines_in_color_as_in_gray():
    picture, _ = still("plain", 411)
    colored = np.repeat(picture[..., None], 3, axis=2)

    first, again, third = TrainedDetector().find([picture, picture, colored])

    assert first and first == again == third
