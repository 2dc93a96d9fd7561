"""What the text network learns from: words where they are said to be, no scan that is barred."""

from __future__ import annotations

import csv

import numpy as np

from benchmarks.burned_text import HELD_OUT, TUNING
from tools.text_network.crops import SIDE, batch
from tools.text_network.grounds import SEEDS, Ground, halves, simulated


def black_ground():
    known = np.ones((300, 300), bool)
    return Ground(np.zeros((300, 300, 3), np.uint8), known, known)


def test_crops_are_the_same_for_the_same_numbers():
    grounds = [simulated(SEEDS[0]), black_ground()]

    first, again, other = (batch(grounds, np.random.default_rng(seed), 6) for seed in (1, 1, 2))

    pictures = [np.stack([one.picture for one in crops]) for crops in (first, again, other)]
    assert pictures[0].shape == (6, SIDE, SIDE, 3)
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_where_text_is_said_to_be_there_is_ink():
    crops = batch([black_ground()], np.random.default_rng(3), 24)
    with_text = [one for one in crops if one.text.sum() > 100]

    assert 8 <= len(with_text) < 24
    for one in with_text:
        lit = one.picture.max(axis=2).reshape(SIDE // 2, 2, SIDE // 2, 2).max(axis=(1, 3))
        assert lit[one.text > 0].std() > 5


def test_no_scan_is_trained_on_that_is_barred_or_for_tests(tmp_path):
    rows = [("dicom/a.dcm", "MIT"), ("images/s/a.png", "CC-BY-SA-4.0")]
    rows += [(f"images/b/{name}.png", "CC-BY-4.0") for name in "4231"]
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "kind", "licence"))
        writer.writerows((path, "real", licence) for path, licence in rows)

    training, testing = halves(tmp_path)

    assert training == ["images/b/1.png", "images/b/2.png"]
    assert sorted(testing) == sorted({path for path, _ in rows} - set(training))


def test_no_simulated_scan_is_trained_on_that_is_measured_with():
    for seeds in (HELD_OUT, TUNING):
        for some in (seeds.covering, seeds.stills, seeds.injected, seeds.text_free):
            assert not set(some) & set(SEEDS)
            assert not set(range(some.start, some.start + 2 * len(some))) & set(SEEDS)
