"""The join of hashes: everything within the radius, nothing else, whatever the codes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import hamming
from echoatlas.pipeline.deduplicate.hamming import (
    ALL_WITH_ALL,
    BITS,
    NUMBERS,
    cut,
    expanded,
    masks,
    meetings,
    pairs_within,
    pieces,
    runs_of,
    tasks,
)

Codes = NDArray[np.uint8]


@pytest.fixture(autouse=True, scope="module")
def always_by_index() -> Iterator[None]:
    """Also so few codes that all are compared with all are joined as many are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "ALL_WITH_ALL", 0)
        yield


@pytest.mark.parametrize("seed", range(3))
def test_few_codes_are_compared_with_no_index_as_with_one(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes, clips = clips_of_codes(60, 20, seed)
    probes = np.random.default_rng(seed).random(len(codes)) < 0.3
    by_index = pairs_within(codes, 32, clips, probes)
    monkeypatch.setattr(hamming, "ALL_WITH_ALL", ALL_WITH_ALL)
    monkeypatch.delattr(hamming, "meetings")

    pairs = pairs_within(codes, 32, clips, probes)

    assert len(codes) <= ALL_WITH_ALL
    assert len(pairs) > 100
    assert pairs.tolist() == by_index.tolist()


def codes_with_neighbors(count: int, seed: int, most: int = 40) -> Codes:
    """Random codes, half of them copies of others with up to ``most`` bits flipped."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (count, 32), dtype=np.uint8)
    for row in range(count // 2, count):
        codes[row] = flipped(codes[rng.integers(0, count // 2)], rng, most)
    return codes


def flipped(code: Codes, rng: np.random.Generator, most: int) -> Codes:
    bits = np.unpackbits(code)
    bits[rng.choice(256, rng.integers(0, most + 1), replace=False)] ^= 1
    return np.packbits(bits)


def clips_of_codes(clips: int, length: int, seed: int) -> tuple[Codes, NDArray[np.int32]]:
    """Clips whose codes walk slowly; every third is a copy of the one before, a little changed."""
    rng = np.random.default_rng(seed)
    codes = np.empty((clips, length, 32), np.uint8)
    for clip in range(clips):
        if clip % 3 == 2:
            codes[clip] = [flipped(code, rng, 12) for code in codes[clip - 1]]
            continue
        codes[clip, 0] = rng.integers(0, 256, 32, dtype=np.uint8)
        for place in range(1, length):
            codes[clip, place] = flipped(codes[clip, place - 1], rng, 8)
    return codes.reshape(-1, 32), np.repeat(np.arange(clips, dtype=np.int32), length)


def by_brute_force(codes: Codes, radius: int) -> list[list[int]]:
    bits = np.unpackbits(codes, axis=1).astype(np.int32)
    distance = (bits[:, None, :] != bits[None, :, :]).sum(axis=2)
    low, high = np.nonzero(np.triu(distance <= radius, 1))
    return np.stack([low, high, distance[low, high]], axis=1).tolist()


@pytest.mark.parametrize("radius", [0, 1, 7, 12, 24, 31, 32, 45, 63])
def test_every_pair_within_the_radius_is_found_once(radius: int) -> None:
    codes = codes_with_neighbors(300, seed=radius, most=70)

    pairs = pairs_within(codes, radius)

    assert by_brute_force(codes, radius) == pairs.tolist()
    assert len(pairs) > 0


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_of_two_clips_is_found_and_none_within_a_clip(seed: int) -> None:
    codes, clips = clips_of_codes(18, 40, seed)

    pairs = pairs_within(codes, 32, clips)

    every = by_brute_force(codes, 32)
    wanted = [pair for pair in every if clips[pair[0]] != clips[pair[1]]]
    assert wanted == pairs.tolist()
    assert 1000 < len(wanted) < len(every)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.9])
def test_few_fresh_codes_are_joined_with_all_and_the_others_not_again(share: float) -> None:
    codes, clips = clips_of_codes(18, 20, seed=4)
    rng = np.random.default_rng(0)
    probes = rng.random(len(codes)) < 0.3
    fresh = np.isin(clips, np.flatnonzero(rng.random(18) < share)) | (clips == 2)

    pairs = pairs_within(codes, 32, clips, probes, fresh)

    wanted = [
        pair
        for pair in by_brute_force(codes, 32)
        if clips[pair[0]] != clips[pair[1]]
        and (fresh[pair[0]] or fresh[pair[1]])
        and not (probes[pair[0]] and probes[pair[1]])
    ]
    assert wanted == pairs.tolist()
    assert len(wanted) > 100


@given(
    seed=st.integers(0, 1 << 30),
    count=st.integers(0, 80),
    spread=st.integers(1, 8),
    radius=st.integers(0, 63),
)
@settings(max_examples=25, deadline=None)
def test_nothing_is_missed_however_codes_bunch(
    seed: int, count: int, spread: int, radius: int
) -> None:
    """Codes that differ in the bits of a few bytes only, in few clips, some of them probes."""
    rng = np.random.default_rng(seed)
    codes = np.zeros((count, 32), np.uint8)
    codes[:, rng.permutation(32)[:spread]] = rng.integers(0, 256, (count, spread))
    clips = np.sort(rng.integers(0, 6, count)).astype(np.int32)
    probes = rng.random(count) < 0.4

    pairs = pairs_within(codes, radius, clips, probes)

    wanted = [
        [low, high, bits]
        for low, high, bits in by_brute_force(codes, radius)
        if clips[low] != clips[high] and not (probes[low] and probes[high])
    ]
    assert wanted == pairs.tolist()


@pytest.mark.parametrize("shares", [1, 2, 7, 40])
def test_the_work_can_be_shared_in_any_way(shares: int) -> None:
    codes, clips = clips_of_codes(12, 30, seed=9)
    runs = runs_of(codes.view(np.uint64), clips, np.zeros(len(codes), bool))
    some = cut(runs, 32)
    jobs = list(tasks(some, shares))

    met = [meetings(runs, some[number], 32, part) for number, part in reversed(jobs)]

    assert pairs_within(codes, 32, clips).tolist() == expanded(runs, met, 32).tolist()
    assert len(jobs) >= max(shares, len(some))


def test_one_bucket_of_all_codes_is_no_trouble() -> None:
    codes = np.zeros((1500, 32), np.uint8)  # 1,124,250 pairs in one bucket of each piece
    codes[:, 31] = np.arange(1500) % 256

    pairs = pairs_within(codes, 0)

    sizes = np.bincount(np.arange(1500) % 256)
    assert int((sizes * (sizes - 1) // 2).sum()) == len(pairs)


def test_the_complement_is_as_far_as_can_be() -> None:
    codes = np.array([[0] * 32, [255] * 32], np.uint8)

    assert pairs_within(codes, 63).tolist() == []


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_codes_make_no_pairs(count: int) -> None:
    assert pairs_within(np.zeros((count, 32), np.uint8), 24).shape == (0, 3)


@pytest.mark.parametrize("radius", [0, 8, 24, 32, 63])
@pytest.mark.parametrize("number", NUMBERS)
def test_the_pieces_miss_nothing(number: int, radius: int) -> None:
    """General pigeonhole: allowances that add up to radius - pieces + 1, on disjoint bits."""
    some = pieces(number, radius)

    assert radius + 1 == sum(piece.allowed + 1 for piece in some)
    places = [place for piece in some for place in piece.bits]
    assert len(places) == len(set(places))
    assert set(places) <= set(range(BITS))
    assert all(len(piece.bits) > piece.allowed for piece in some)
    assert all(len(set(masks(piece).tolist())) == len(masks(piece)) for piece in some[:1])


def test_a_radius_that_is_not_offered_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 63"):
        pairs_within(np.zeros((2, 32), np.uint8), 64)
