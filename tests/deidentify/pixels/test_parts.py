"""The parts of a look: strokes, the mosaic, the judge of letters, and following."""

from __future__ import annotations

from dataclasses import fields

import cv2
import numpy as np
import pytest

from echoatlas.pipeline.deidentify.pixels import models, mosaic
from echoatlas.pipeline.deidentify.pixels.detector import Line, drawn
from echoatlas.pipeline.deidentify.pixels.legibility import JudgeConfig, Verdict, edges, weighed
from echoatlas.pipeline.deidentify.pixels.mosaic import Candidate, packed
from echoatlas.pipeline.deidentify.pixels.ocr import Reading, read
from echoatlas.pipeline.deidentify.pixels.paddle import SHA256, PaddleDetector, lines
from echoatlas.pipeline.deidentify.pixels.strokes import (
    box_of,
    counted,
    gathered,
    proposed,
    regions,
    spread,
    strokes,
)
from echoatlas.pipeline.deidentify.pixels.tracking import Trails, as_line, places
from echoatlas.pipeline.errors import UsageError
from echoatlas.schemas.fan import Box
from echoatlas.simulate.pictures.lettering import ink, rotated


def make_page(text="GARCIA", at=(40, 30), degrees=0.0, size=(120, 240), level=230, ground=60):
    """A picture with a word on smooth ground, and the word's box."""
    page = np.full(size, ground, np.uint8)
    letters = rotated(ink(text, 12), degrees)
    x, y = at
    spot = page[y : y + letters.shape[0], x : x + letters.shape[1]]
    spot[:] = np.maximum(spot, (letters.astype(np.float32) * (level / 255)).astype(np.uint8))
    return page, Box(x, y, x + letters.shape[1], y + letters.shape[0])


def make_band(size=(120, 240)):
    """Soft bright bands, as tissue has them."""
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 1, size).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), sigmaX=6, sigmaY=2)
    return np.clip(90 + 60 * soft / soft.std(), 0, 255).astype(np.uint8)


def test_a_stroke_outshines_what_is_beside_it_and_a_field_does_not():
    page = np.zeros((32, 32), np.uint8)
    page[4:28, 6:8] = 200
    page[4:28, 14:28] = 200

    raised = strokes(page)

    assert raised[10, 6] == 200
    assert raised[10, 20] == 0


def test_cells_count_the_pixels_of_strokes():
    raised = np.zeros((20, 20), np.uint8)
    raised[0:8, 0:2] = 50
    raised[17, 17] = 50

    counts = counted(raised, 40)

    assert counts.shape == (3, 3)
    assert [round(float(counts[0, 0])), round(float(counts[2, 2]))] == [16, 1]
    assert round(float(counts.sum())) == 17


def test_strokes_of_a_short_word_gather_and_specks_do_not():
    counts = np.zeros((12, 20), np.float32)
    counts[5, 4:7] = 20
    counts[2, 15] = 20

    found = regions(gathered(counts, 40))

    assert len(found) == 1
    assert Box(20, 20, 68, 68) == box_of(found[0], (96, 160), 4)


def test_the_moments_that_show_most_are_picked_apart():
    assert spread([0, 8, 3, 2, 7, 9, 8], most=3, apart=3, least=3) == [5, 1]
    assert spread([0, 1], most=3, apart=3, least=3) == []


def test_strokes_propose_the_line_along_which_they_lie():
    page, box = make_page(degrees=20)

    (line,) = proposed(page, Box(0, 0, 240, 120), 40)

    letters = page > 150
    assert (drawn([line], 120, 240) & letters).sum() > 0.98 * letters.sum()
    assert line.thickness < 0.7 * (box.y1 - box.y0)
    assert line.score == 0.0


def test_candidates_are_packed_without_overlap():
    rng = np.random.default_rng(1)
    sizes = [(int(w), int(h)) for w, h in rng.integers(16, 200, (40, 2))] + [(700, 520)]

    placed = packed(sizes)

    assert sorted(range(41)) == sorted(index for one in placed for index, _, _ in one)
    for one in placed:
        taken = np.zeros((1000, 1000), np.uint8)
        for index, x, y in one:
            width, height = sizes[index]
            taken[y : y + height, x : x + width] += 1
        assert taken.max() == 1


def test_lines_of_a_mosaic_lie_where_their_candidates_do():
    first, one = make_page(at=(30, 20))
    second, two = make_page("ST ELSEWHERE", at=(60, 80))
    wanted = [
        Candidate(first, Box(10, 0, 200, 60)),
        Candidate(make_band(), Box(0, 0, 40, 40)),
        Candidate(second, Box(40, 60, 240, 120)),
    ]

    found = mosaic.find(wanted, PaddleDetector(2.0, score=0.4))

    assert len(found[0]) >= 1
    assert len(found[2]) >= 1
    for lines_of, box in ((found[0], one), (found[2], two)):
        covered = drawn(lines_of, 120, 240)[box.y0 : box.y1, box.x0 : box.x1]
        assert covered.mean() > 0.9


@pytest.mark.parametrize("degrees", [0, 20, 90, -90])
def test_letters_are_read_whichever_way_they_stand(degrees):
    page, box = make_page("GARCIA", at=(90, 30), degrees=degrees, size=(150, 260))
    (line,) = proposed(page, box, 40)

    reading = read(page, line)

    assert reading.letters >= 5
    assert reading.sure > 0.8


def test_tissue_reads_as_nothing():
    reading = read(make_band(), as_line(Box(40, 30, 140, 50), 0.9))

    assert reading.letters < 2 or reading.sure < 0.6


def test_a_reading_holds_no_text():
    assert [field.name for field in fields(Reading)] == ["letters", "sure"]


def test_drawn_letters_are_crisp_and_tissue_is_not():
    page, box = make_page()
    line = as_line(box, 0.9)

    assert edges(page, line).crisp > 0.7
    assert edges(make_band(), line).crisp < 0.6
    assert weighed(page, line) is Verdict.TEXT
    assert weighed(make_band(), line) is Verdict.TISSUE


@pytest.mark.parametrize("text", ["王大明", "김이김", "Åström", "12/04/1962"])
def test_any_script_has_letters(text):
    page, box = make_page(text)

    assert weighed(page, as_line(box, 0.9).grown(2)) is Verdict.TEXT


def test_a_line_beyond_the_picture_holds_no_letters():
    page, _ = make_page()

    assert weighed(page, as_line(Box(300, 200, 350, 220), 0.9)) is Verdict.TISSUE


def test_what_can_neither_be_confirmed_nor_dismissed_is_in_doubt():
    page, box = make_page()
    line = as_line(box, 0.5)
    strict = {"step": 256.0, "sure": 1.1, "squat_sure": 1.1}

    assert weighed(page, line, JudgeConfig(**strict)) is Verdict.DOUBT
    assert weighed(page, line, JudgeConfig(**strict, doubtful=1.1)) is Verdict.TISSUE


def test_the_core_of_a_probability_map_is_grown_back_to_a_line():
    core = np.zeros((60, 120), np.float32)
    core[20:30, 20:100] = 0.9
    core[50:52, 5:7] = 0.9

    (line,) = lines(core, 0.3, 0.5)

    assert 0.75 < line.score < 0.9  # the rim of the core counts
    assert drawn([line], 60, 120)[16:34, 16:104].all()


def test_weights_that_are_not_the_pinned_ones_are_refused():
    with pytest.raises(UsageError, match="not the pinned ones"):
        models.weights("ch_PP-OCRv4_rec_infer.onnx", SHA256)
    with pytest.raises(UsageError, match="missing"):
        models.weights("no-such-model.onnx", SHA256)


def make_way(frames=12, speed=1):
    """Cells of strokes that move to the right, and a field of them that stands still far away."""
    counts = []
    for index in range(frames):
        one = np.zeros((10, 40), np.float32)
        one[4, 2 + index * speed : 6 + index * speed] = 30
        one[8, 30:39] = 30
        counts.append(one)
    return counts, [one > 0 for one in counts]


def test_moving_text_is_followed_in_both_directions_of_time():
    counts, hot = make_way()
    box = Box(8 * 8, 4 * 8, 12 * 8, 5 * 8)  # where it is in frame 6
    trails = Trails(hot, counts)

    onwards = list(trails.followed(box, 6, 1))
    backwards = list(trails.followed(box, 6, -1))

    assert [len(onwards), len(backwards)] == [5, 6]
    assert onwards[-1].x1 == (2 + 11 + 4) * 8 + 4
    assert backwards[-1].x0 == 2 * 8 - 4
    assert all(one.y1 < 8 * 8 for one in onwards + backwards)


def test_a_way_that_was_walked_is_not_walked_again_but_for_larger_text():
    counts, hot = make_way()
    trails = Trails(hot, counts)
    box, larger = Box(8 * 8, 4 * 8, 12 * 8, 5 * 8), Box(8 * 8, 3 * 8, 13 * 8, 5 * 8)

    lengths = [len(list(trails.followed(one, 6, 1))) for one in (box, box, larger)]

    assert lengths == [5, 0, 5]


def test_what_swells_beyond_the_text_is_followed_no_further():
    counts, hot = make_way()
    hot[8][:] = counts[8][:] = True

    assert len(list(Trails(hot, counts).followed(Box(64, 32, 96, 40), 6, 1))) == 1


def test_a_place_is_looked_at_when_it_shows_most():
    counts, hot = make_way(speed=0)
    counts[7] = counts[7] * 2

    found = places(counts, hot, looks=2, apart=4)

    assert len(found) == 2
    assert all(place[0][0] == 7 for place in found)
    assert all(abs(place[0][0] - place[1][0]) >= 4 for place in found)


def test_lines_that_touch_meet_and_others_do_not():
    line = as_line(Box(10, 10, 60, 24), 0.5)

    assert line.meets(as_line(Box(55, 12, 90, 22), 0.5))
    assert not line.meets(as_line(Box(70, 12, 90, 22), 0.5))
    assert line.padded(0, 12).meets(as_line(Box(70, 12, 90, 22), 0.5))


def test_a_line_is_padded_along_its_letters_more_than_across():
    upright = Line(((10, 10), (20, 10), (20, 60), (10, 60)), 0.5)

    assert Box(8, 0, 23, 71) == upright.padded(2, 10).box(100, 100)
