"""Frames that show the same are found, those that only look alike are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate.clusters import COMPARED, DeduplicateConfig, deduplicate
from echoatlas.pipeline.frames.area import area_of
from echoatlas.pipeline.frames.measure import Measures, measure
from echoatlas.pipeline.frames.normalize import normalize, plan_frames
from echoatlas.schemas.records import Normalized, Redaction
from echoatlas.schemas.rows import DuplicateRow
from echoatlas.simulate.pictures.scans import make_cine

Pixels = NDArray[np.uint8]
DEFAULT = DeduplicateConfig()


@dataclass(frozen=True)
class Shown:
    """A frame, measured."""

    frame_id: str
    object_id: str
    rank: int
    measures: Measures


def pictures(seed: int, frames: int = 1, fan: str = "linear") -> list[Normalized]:
    scan = make_cine(seed, fan=fan, frames=frames)
    cut = Redaction(scan.fans[0].mask(scan.height, scan.width))
    plan = plan_frames(scan.fans[0], cut)
    return [normalize(picture, plan) for picture in scan.pictures]


def measured(one: Normalized) -> Measures:
    return measure(one, area_of(one.valid, one.depth))


def changed(one: Normalized, pixels: Pixels) -> Normalized:
    return Normalized(pixels, one.valid, one.overlay, one.scale, one.offset, one.native)


def reencoded(one: Normalized, quality: int = 75) -> Normalized:
    _, data = cv2.imencode(".jpg", one.pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    return changed(one, np.asarray(np.where(one.valid, pixels, 0), np.uint8))


def flipped(one: Normalized) -> Normalized:
    return Normalized(
        np.ascontiguousarray(one.pixels[:, ::-1]),
        np.ascontiguousarray(one.valid[:, ::-1]),
        np.ascontiguousarray(one.overlay[:, ::-1]),
        one.scale,
        one.offset,
        one.native,
    )


def shown(*objects: Sequence[Normalized]) -> list[Shown]:
    """Frames of objects; the first is the best."""
    found: list[Shown] = []
    for number, frames in enumerate(objects):
        for place, one in enumerate(frames):
            name = f"f{number}{place:02d}"
            found.append(Shown(name, f"o{number}", len(found), measured(one)))
    return found


def duplicates(frames: Sequence[Shown], config: DeduplicateConfig = DEFAULT) -> list[DuplicateRow]:
    by_id = {one.frame_id: one.measures.thumbnail for one in frames}
    columns = {
        "frame_id": [one.frame_id for one in frames],
        "object_id": [one.object_id for one in frames],
        "rank": [one.rank for one in frames],
    }
    for name in ("pixel_hash", "hash_version", "fan_phash256", "mirror_phash256"):
        columns[name] = [getattr(one.measures, name) for one in frames]
    table = pa.table({name: columns[name] for name, _ in COMPARED}, schema=pa.schema(COMPARED))
    return deduplicate(table, lambda ids: [by_id[one] for one in ids], config)


def told(rows: Sequence[DuplicateRow]) -> dict[str, tuple[str, str]]:
    return {row.frame_id: (row.representative, row.relation) for row in rows}


def test_the_same_pixels_at_two_sites_are_one_picture() -> None:
    frames = shown(pictures(1), pictures(2), pictures(1))

    rows = duplicates(frames)

    assert told(rows) == {"f000": ("f000", "representative"), "f200": ("f000", "exact")}


@pytest.mark.parametrize("seed", range(4))
def test_a_picture_sent_again_as_jpeg_is_near(seed: int) -> None:
    original = pictures(seed)

    rows = duplicates(shown(original, pictures(50 + seed), [reencoded(original[0])]))

    assert told(rows) == {"f000": ("f000", "representative"), "f200": ("f000", "near")}


@pytest.mark.parametrize("seed", range(4))
def test_a_mirrored_picture_is_told_as_such(seed: int) -> None:
    original = pictures(seed)
    mirror = flipped(reencoded(original[0]))

    rows = duplicates(shown(original, pictures(60 + seed), [mirror]))

    assert told(rows) == {"f000": ("f000", "representative"), "f200": ("f000", "mirror")}


def test_mirrors_are_not_looked_for_when_told_so() -> None:
    original = pictures(1)

    assert (
        duplicates(shown(original, [flipped(original[0])]), DeduplicateConfig(mirrors=False)) == []
    )


def test_different_patients_on_the_same_scanner_are_not_duplicates() -> None:
    frames = shown(*(pictures(seed, fan="convex") for seed in range(24)))

    assert duplicates(frames) == []


def test_consecutive_frames_of_one_cine_are_never_duplicates_of_each_other() -> None:
    still_cine = pictures(3, frames=6)
    nearly_the_same = [changed(still_cine[0], still_cine[0].pixels // 4 * 4), *still_cine]

    assert duplicates(shown(nearly_the_same)) == []


def test_a_cine_filed_twice_leaves_each_frame_once() -> None:
    cine = pictures(4, frames=6)
    again = [reencoded(one) for one in cine]

    rows = duplicates(shown(cine, again))

    stands = told(rows)
    assert {f"f1{place:02d}" for place in range(6)} <= set(stands)
    assert all(head.startswith("f0") for head, _ in stands.values())
    assert {"near"} == {kind for name, (_, kind) in stands.items() if name.startswith("f1")}


def test_a_copy_of_a_near_duplicate_goes_where_that_goes() -> None:
    original = pictures(5)
    again = reencoded(original[0])

    rows = duplicates(shown(original, [again], [again]))

    assert {"f000", "f100", "f200"} == set(told(rows))
    assert {"f000"} == {row.representative for row in rows}
    assert {"f000"} == {row.cluster for row in rows}


def test_a_frame_stands_only_for_those_that_were_verified_against_itself() -> None:
    """A chain, each near the next, the ends not: they stay together, but both ends are kept."""
    one, other = pictures(6)[0], pictures(7)[0]
    chain = [
        [changed(one, cv2.addWeighted(one.pixels, 1 - share, other.pixels, share, 0))]
        for share in (0.0, 0.2, 0.4)
    ]
    config = DeduplicateConfig(max_distance=30)
    ends_alone = duplicates(shown(chain[0], chain[2]), config)

    rows = duplicates(shown(*chain), config)

    assert ends_alone == []
    assert {"f000"} == {row.cluster for row in rows}
    assert told(rows) == {
        "f000": ("f000", "representative"),
        "f100": ("f000", "near"),
        "f200": ("f200", "representative"),
    }


def test_flat_frames_are_compared_by_their_pixels_only() -> None:
    one = pictures(1)[0]
    black = changed(one, np.zeros_like(one.pixels))
    gray = changed(one, np.where(one.valid, 3, 0).astype(np.uint8))

    rows = duplicates(shown([black], [gray], [black]))

    assert told(rows) == {"f000": ("f000", "representative"), "f200": ("f000", "exact")}


def test_the_order_of_the_input_decides_nothing() -> None:
    cine = pictures(8, frames=4)
    frames = shown(cine, [reencoded(one) for one in cine], pictures(9), [flipped(cine[2])])
    expected = duplicates(frames)

    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(frames))
        assert expected == duplicates([frames[place] for place in order])


def test_the_better_rank_stands_for_the_others() -> None:
    original = pictures(1)
    frames = shown([reencoded(original[0])], original)
    better_last = [Shown(f.frame_id, f.object_id, -f.rank, f.measures) for f in frames]

    rows = duplicates(better_last)

    assert {"f100"} == {row.representative for row in rows}
    assert {"f000"} == {row.cluster for row in rows}  # a name that doesn't depend on ranks


def test_hashes_of_two_versions_are_not_compared() -> None:
    original = pictures(1)
    frames = shown(original, [reencoded(original[0])])
    by_id = {one.frame_id: one.measures.thumbnail for one in frames}
    table = pa.table(
        {
            "frame_id": ["f000", "f100"],
            "object_id": ["o0", "o1"],
            "pixel_hash": [one.measures.pixel_hash for one in frames],
            "hash_version": ["phash-1", "phash-2"],
            "fan_phash256": [one.measures.fan_phash256 for one in frames],
            "mirror_phash256": [one.measures.mirror_phash256 for one in frames],
            "rank": [0, 1],
        },
        schema=pa.schema(COMPARED),
    )

    assert deduplicate(table, lambda ids: [by_id[one] for one in ids]) == []


def test_nothing_has_no_duplicates() -> None:
    assert deduplicate(pa.schema(COMPARED).empty_table(), lambda ids: []) == []
