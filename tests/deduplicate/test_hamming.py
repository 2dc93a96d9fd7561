"""The join of hashes: everything within the radius, nothing else, whatever the codes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate.hamming import cut, pairs_within

Codes = NDArray[np.uint8]


def codes_with_neighbors(count: int, seed: int, most: int = 40) -> Codes:
    """Random codes, half of them copies of others with up to ``most`` bits flipped."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (count, 32), dtype=np.uint8)
    for row in range(count // 2, count):
        bits = np.unpackbits(codes[rng.integers(0, count // 2)])
        bits[rng.choice(256, rng.integers(0, most + 1), replace=False)] ^= 1
        codes[row] = np.packbits(bits)
    return codes


def by_brute_force(codes: Codes, radius: int) -> list[list[int]]:
    bits = np.unpackbits(codes, axis=1).astype(np.int32)
    distance = (bits[:, None, :] != bits[None, :, :]).sum(axis=2)
    low, high = np.nonzero(np.triu(distance <= radius, 1))
    return np.stack([low, high, distance[low, high]], axis=1).tolist()


@pytest.mark.parametrize("radius", [0, 1, 7, 12, 24, 31, 45, 63])
def test_every_pair_within_the_radius_is_found_once(radius: int) -> None:
    codes = codes_with_neighbors(300, seed=radius, most=70)

    pairs = pairs_within(codes, radius)

    assert by_brute_force(codes, radius) == pairs.tolist()
    assert len(pairs) > 0


def test_codes_that_share_most_bits_are_joined_exactly_too() -> None:
    """Real hashes are not random: here all differ in 40 bits of the same few bytes."""
    codes = codes_with_neighbors(200, seed=5)
    codes[:, 5:] = codes[0, 5:]

    pairs = pairs_within(codes, 10)

    assert by_brute_force(codes, 10) == pairs.tolist()


def test_one_bucket_larger_than_a_block_of_candidates_is_cut_in_pieces() -> None:
    codes = np.zeros((1500, 32), np.uint8)  # 1,124,250 pairs in one bucket of each piece
    codes[:, 31] = np.arange(1500) % 256

    pairs = pairs_within(codes, 0)

    sizes = np.bincount(np.arange(1500) % 256)
    assert int((sizes * (sizes - 1) // 2).sum()) == len(pairs)


def test_the_complement_is_as_far_as_can_be() -> None:
    codes = np.array([[0] * 32, [255] * 32], np.uint8)

    assert pairs_within(codes, 63).tolist() == []


def test_pairs_of_no_interest_are_left_out_and_the_others_stay() -> None:
    codes = codes_with_neighbors(200, seed=1)
    groups = np.arange(200) % 3

    pairs = pairs_within(codes, 24, lambda low, high: groups[low] != groups[high])

    wanted = [pair for pair in by_brute_force(codes, 24) if groups[pair[0]] != groups[pair[1]]]
    assert wanted == pairs.tolist()


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_codes_make_no_pairs(count: int) -> None:
    assert pairs_within(np.zeros((count, 32), np.uint8), 24).shape == (0, 3)


@pytest.mark.parametrize("count", [10, 100_000, 4_500_000])
@pytest.mark.parametrize("radius", [0, 8, 24, 63])
def test_the_pieces_miss_nothing(count: int, radius: int) -> None:
    """General pigeonhole: allowances that add up to radius - pieces + 1, on disjoint bits."""
    pieces = cut(count, radius)

    assert radius + 1 == sum(allowed + 1 for _, _, allowed in pieces)
    ends = [first + bits for first, bits, _ in pieces]
    assert all(end <= nxt[0] for end, nxt in zip(ends, pieces[1:], strict=False))
    assert all(bits > allowed for _, bits, allowed in pieces)


def test_a_radius_that_is_not_offered_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 63"):
        pairs_within(np.zeros((2, 32), np.uint8), 64)
