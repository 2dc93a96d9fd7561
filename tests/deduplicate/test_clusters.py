"""Clips and stills that show the same are found, those that only look alike are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pyarrow as pa
import pytest

from echoatlas.pipeline.deduplicate.compared_frames import COMPARED
from echoatlas.pipeline.deduplicate.config import DeduplicateConfig
from echoatlas.pipeline.deduplicate.whole_lake import Workers, deduplicate
from echoatlas.pipeline.engine.cluster import connected
from echoatlas.pipeline.engine.scatter import Done
from echoatlas.pipeline.storage.storage import LocalStorage
from echoatlas.schemas.config.deployment import Engine
from echoatlas.schemas.records import Normalized
from tests.helpers.shown import (
    changed,
    clips,
    cropped,
    edges_of,
    flipped,
    found,
    known,
    pictures,
    pictures_of,
    reencoded,
    shown,
    table_of,
    tables_of,
    told,
)

Change = Callable[[Normalized], Normalized]


def brighter(one: Normalized) -> Normalized:
    return changed(one, cv2.convertScaleAbs(one.pixels, alpha=1.2))


def with_caliper(one: Normalized) -> Normalized:
    return changed(one, cv2.line(one.pixels.copy(), (90, 120), (160, 140), 255, 1))


CHANGES: dict[str, Change] = {
    "as JPEG": reencoded,
    "as poor JPEG": lambda one: reencoded(one, 40),
    "brighter": brighter,
    "with a caliper": with_caliper,
    "cropped by 2.5 % a side": lambda one: cropped(reencoded(one), 0.025),
    "cropped by 5 % a side": lambda one: cropped(reencoded(one), 0.05),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("fan", ["linear", "convex"])
def test_a_still_sent_again_is_near(change: str, fan: str) -> None:
    original, other = pictures(1, fan=fan), pictures(51, fan=fan)

    result = found(shown(original, other, [CHANGES[change](original[0])]))

    assert told(result) == {
        "f00000": ("f00000", "representative"),
        "f00200": ("f00000", "near"),
    }


def test_the_same_pixels_at_two_sites_are_one_picture() -> None:
    result = found(shown(pictures(1), pictures(2), pictures(1)))

    assert told(result) == {
        "f00000": ("f00000", "representative"),
        "f00200": ("f00000", "exact"),
    }


def test_a_mirrored_still_is_told_as_such_unless_mirrors_are_not_looked_for() -> None:
    original = pictures(2)
    frames = shown(original, pictures(62), [flipped(reencoded(original[0]))])

    assert told(found(frames))["f00200"] == ("f00000", "mirror")
    assert told(found(frames, DeduplicateConfig(mirrors=False))) == {}


def test_different_patients_on_the_same_scanner_are_not_duplicates() -> None:
    result = found(shown(*(pictures(seed, fan="convex") for seed in range(16))))

    assert told(result) == {}


def test_hearts_of_one_shape_are_told_apart_by_their_speckle() -> None:
    """The hard case: the same ellipses at the same places, gain and depth; other speckle."""
    hearts = [
        pictures(seed, fan="phased", anatomy="thorax/heart/model", frames=6) for seed in range(6)
    ]

    result = found(shown(*hearts))

    assert result.looked_at > 0  # hashes alone don't tell them apart
    assert edges_of(result) == []


def test_frames_of_one_clip_are_never_duplicates_of_each_other() -> None:
    cine = pictures(3, frames=6)
    nearly_the_same = [changed(cine[0], cine[0].pixels // 4 * 4), cine[0], cine[0], *cine]

    assert told(found(shown(nearly_the_same))) == {}


CUTS: dict[str, tuple[Callable[[list], list], str]] = {
    "whole": (lambda clip: clip, "near"),
    "its middle": (lambda clip: clip[5:14], "part"),
    "every second frame": (lambda clip: clip[::2], "part"),
    "every third frame of the end": (lambda clip: clip[6::3], "part"),
    "one frame": (lambda clip: clip[7:8], "still"),
}


@pytest.mark.parametrize("cut", CUTS)
def test_what_was_made_of_a_clip_is_found_as_a_whole(cut: str) -> None:
    cine, other = pictures(4, frames=20, fan="convex"), pictures(5, frames=20, fan="convex")
    taken, relation = CUTS[cut]
    copy = [reencoded(one) for one in taken(cine)]

    result = found(shown(cine, other, copy))

    assert {"o000": ("o000", "representative"), "o002": ("o000", relation)} == clips(result)
    stands = told(result)
    assert len(cine) + len(copy) == len(stands)
    # ... and each of its frames by the very frame that it was made of
    wanted = taken(list(range(len(cine))))
    heads = [stands[f"f002{place:02d}"][0] for place in range(len(copy))]
    assert [f"f000{place:02d}" for place in wanted] == heads


@pytest.mark.parametrize("times", [2, 3])
def test_a_clip_that_shows_each_frame_several_times_does_not_stand_for_it(times: int) -> None:
    cine = pictures(4, frames=12, fan="convex")
    repeated = [reencoded(one) for one in cine for _ in range(times)]

    result = found(shown(repeated, cine))  # the repeated one is longer, and has the better rank

    assert clips(result) == {"o000": ("o001", "near"), "o001": ("o001", "representative")}
    stands = told(result)
    assert [f"f001{at // times:02d}" for at in range(12 * times)] == [
        stands[f"f000{at:02d}"][0] for at in range(12 * times)
    ]


def half(one: Normalized, share: float = 0.22) -> Normalized:
    """The same, as if half of the fan had been found: no framing of its hashes fits."""
    return cropped(one, share)


@pytest.mark.parametrize("mirror", [False, True])
def test_a_still_whose_fan_was_found_otherwise_is_found_by_its_landmarks(mirror: bool) -> None:
    original = pictures(1, fan="convex")
    copy = reencoded(half(original[0], 0.15))

    result = found(shown(original, pictures(51, fan="convex"), [flipped(copy) if mirror else copy]))

    assert {"f00000", "f00200"} == set(told(result))
    assert told(result)["f00200"] == ("f00000", "mirror" if mirror else "near")


@pytest.mark.parametrize("mirror", [False, True])
def test_a_cut_whose_fan_was_found_otherwise_is_found_and_timed(mirror: bool) -> None:
    cine, other = pictures(4, frames=24, fan="convex"), pictures(5, frames=24, fan="convex")
    cut = [reencoded(half(one)) for one in cine[7:19]]

    result = found(shown(cine, other, [flipped(one) for one in cut] if mirror else cut))

    assert clips(result) == {"o000": ("o000", "representative"), "o002": ("o000", "part")}
    edge = edges_of(result)[0]
    assert (7.0, 1.0, mirror) == (edge["shift"], edge["rate"], edge["mirrored"])


def test_a_mirrored_cut_is_found() -> None:
    cine = pictures(6, frames=16)

    result = found(shown(cine, [flipped(reencoded(one)) for one in cine[4:14]]))

    assert clips(result)["o001"] == ("o000", "part")
    assert edges_of(result)[0]["mirrored"]


def test_a_clip_that_shares_only_a_part_stays_whole_and_is_tied() -> None:
    """A splice of two clips is no duplicate of either, and must lie in one split with both."""
    one, other = pictures(7, frames=16), pictures(8, frames=16)
    splice = [reencoded(frame) for frame in [*one[8:], *other[:8]]]

    result = found(shown(one, other, splice))

    assert clips(result) == {
        "o000": ("o000", "tie"),
        "o001": ("o001", "tie"),
        "o002": ("o002", "tie"),
    }
    assert len(set(result.clips.column("tie").to_pylist())) == 1
    assert len(set(result.clips.column("cluster").to_pylist())) == 3


def test_what_stands_is_what_nothing_covers_and_then_the_better_rank() -> None:
    cine = pictures(9, frames=12)
    cut = [reencoded(one) for one in cine[:6]]
    frames = shown(cut, [reencoded(one, 60) for one in cine], cine)  # the cut has the best rank

    result = found(frames)

    assert clips(result) == {
        "o000": ("o001", "part"),
        "o001": ("o001", "representative"),
        "o002": ("o001", "near"),
    }


def test_a_copy_of_a_near_duplicate_goes_where_that_goes() -> None:
    original = pictures(5)
    again = reencoded(original[0])

    result = found(shown(original, [again], [again]))

    assert {"f00000", "f00100", "f00200"} == set(told(result))
    assert {"f00000"} == {head for head, _ in told(result).values()}


def test_flat_frames_are_compared_by_their_pixels_only() -> None:
    one = pictures(1)[0]
    black = changed(one, np.zeros_like(one.pixels))
    gray = changed(one, np.where(one.valid, 3, 0).astype(np.uint8))

    result = found(shown([black], [gray], [black]))

    assert told(result) == {
        "f00000": ("f00000", "representative"),
        "f00200": ("f00000", "exact"),
    }


def a_lake() -> list:
    cine = pictures(8, frames=8, fan="convex")
    again = [reencoded(one) for one in cine]
    still, lonely = pictures(9), pictures(10)
    return shown(cine, still, lonely, again, [flipped(again[2])], again[2:6], [still[0]])


def test_the_order_of_the_input_decides_nothing() -> None:
    frames = a_lake()
    expected = tables_of(found(frames))

    order = np.random.default_rng(0).permutation(len(frames))

    assert expected == tables_of(found([frames[place] for place in order]))
    assert len(expected[0]) > 4


def backwards(function, tasks):
    """As a cluster may do it: the last first, and each task in halves."""
    for task in reversed(list(tasks)):
        for part in task.split() or (task,):
            yield Done(part, function(part))


def test_the_number_of_workers_decides_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("echoatlas.pipeline.deduplicate.whole_lake.SCATTERED", 0)
    frames = a_lake()

    shared = found(frames, workers=Workers(backwards, 5, LocalStorage(tmp_path)))

    assert tables_of(found(frames)) == tables_of(shared)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("engine", ["processes", pytest.param("ray", marks=pytest.mark.heavy)])
def test_real_workers_find_what_one_process_finds(engine: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("echoatlas.pipeline.deduplicate.whole_lake.SCATTERED", 0)
    frames = a_lake()
    address = "processes" if engine == "processes" else "local"

    with connected(Engine(workers=2, address=address)) as there:
        shared = found(frames, workers=Workers(there.scatter, 4, LocalStorage(tmp_path)))

    assert tables_of(found(frames)) == tables_of(shared)


@pytest.mark.parametrize("many", [0.25, 2.0])
@pytest.mark.parametrize("first", [1, 3, 5])
def test_what_is_added_is_joined_alone_with_the_same_result(
    first: int, many: float, monkeypatch
) -> None:
    """... whether a run then writes all rows, or those alone that say something else."""
    monkeypatch.setattr("echoatlas.pipeline.deduplicate.whole_lake.MANY", many)
    frames = a_lake()
    before = found([one for one in frames if one.rank < first])

    after = found(frames, known=known(before))
    again = found(frames, known=known(after))

    assert (after.objects is None) == (many < 1)
    assert tables_of(found(frames)) == tables_of(after, before) == tables_of(again, after)
    assert 7 - first == after.fresh
    assert (again.looked_at, again.objects.to_pylist(), again.ties.to_pylist()) == (0, [], [])


def test_rows_of_what_nothing_new_shows_are_left_alone() -> None:
    pairs = [pictures(seed) for seed in range(8)]
    frames = shown(*pairs, *([reencoded(one[0])] for one in pairs))
    later = shown([reencoded(pairs[3][0], 60)], start=16)
    before = found(frames)

    after = found([*frames, *later], known=known(before))

    assert {"o003", "o016"} <= set(after.objects.to_pylist()) <= {"o003", "o011", "o016"}
    assert {"f00300", "f01100", "f01600"} == set(told(after))


def test_what_was_removed_leaves_nothing_behind(monkeypatch) -> None:
    monkeypatch.setattr("echoatlas.pipeline.deduplicate.whole_lake.MANY", 2.0)
    frames = a_lake()
    whole = found(frames)
    left = [one for one in frames if one.object_id != "o000"]

    after = found(left, known=known(whole))

    assert tables_of(found(left)) == tables_of(after, whole)


def test_hashes_of_two_versions_are_not_compared() -> None:
    original = pictures(1)
    frames = shown(original, [reencoded(original[0])])
    newer = replace(frames[1], measures=replace(frames[1].measures, hash_version="phash-2"))

    assert told(found([frames[0], newer])) == {}


def test_nothing_has_no_duplicates() -> None:
    nothing = pa.schema(COMPARED).empty_table()

    result = deduplicate(nothing, pictures_of([]))

    assert tables_of(result) == [[], [], []]
    assert table_of([]).num_rows == 0
