"""The join of hashes from 100 k to 4.5 M codes, beside faiss; and the clustering of 10 M edges.

Codes are those of clips as real ones are: 60 frames that differ from their neighbors by 1, 5, 9
bits at the 5th, 50th, 95th percentile, clips of 64 presets by 86 to 117 bits (real ones: 2, 4, 12
and 70 to 124). One clip in fifty is another's copy, each of its frames 0 to 24 bits away, and 2,000
single codes are planted at exactly 32 bits from another: all must be found. CPU seconds of one
core. The recall against brute force for any codes is a test (tests/deduplicate/test_hamming.py).

    python -m benchmarks.hamming [COUNT]...
"""

from __future__ import annotations

import sys

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Took, few, peak_mb, report, seeded, took
from echoatlas.pipeline.deduplicate.clusters import Edges, clustered
from echoatlas.pipeline.deduplicate.hamming import cut, pairs_within, runs_of

COUNTS = few((100_000, 500_000, 1_000_000, 4_500_000), (20_000,))
RADIUS, LENGTH, PRESETS, AT_ONCE = 32, 60, 64, 500
PLANTED = 2000
BESIDE_FAISS = 100_000


def codes_of_clips(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Codes, (count, 32), of clips beside each other, and the clip of each."""
    rng = np.random.default_rng(seed)
    clips = count // LENGTH
    presets = (rng.random(256) < 0.5) ^ (rng.random((PRESETS, 256)) < 0.2)
    codes = np.empty((clips, LENGTH, 32), np.uint8)
    for start in range(0, clips, AT_ONCE):
        some = min(AT_ONCE, clips - start)
        base = presets[rng.integers(0, PRESETS, some)] ^ (rng.random((some, 256)) < 0.2)
        base[:, 0] = True  # the mean is above the median
        # Each bit has a distance from the median, and what moves takes it there now and then
        margin = rng.random((some, 256), dtype=np.float32) ** 2 * 3 + 0.55
        phase = rng.random((some, 256), dtype=np.float32) * 6.28
        speed = rng.random((some, 1), dtype=np.float32) * 0.15 + 0.05
        for place in range(LENGTH):
            pushed = np.sin(speed * place + phase) + rng.normal(0, 0.05, (some, 256))
            bits = base ^ (pushed > margin)
            bits[:, 0] = True
            codes[start : start + some, place] = np.packbits(bits, axis=1)
    for clip in range(50, clips, 50):
        codes[clip] = [_off(code, int(rng.integers(0, 25)), rng) for code in codes[clip - 1]]
    return codes.reshape(-1, 32), np.repeat(np.arange(clips, dtype=np.int32), LENGTH)


def _off(code: NDArray[np.uint8], most: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    bits = np.unpackbits(code)
    bits[rng.choice(256, most, replace=False)] ^= 1
    return np.packbits(bits)


def planted(
    codes: NDArray[np.uint8], clips: NDArray[np.int32]
) -> tuple[NDArray[np.uint8], NDArray[np.int32], set[tuple[int, int]]]:
    """The codes with single ones added at the very radius, and the pairs that these make."""
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(codes), min(PLANTED, len(codes) // 10), replace=False)
    added = np.stack([_off(codes[row], RADIUS, rng) for row in chosen])
    first = int(clips[-1]) + 1
    own = np.arange(first, first + len(chosen), dtype=np.int32)
    pairs = {(int(row), len(codes) + place) for place, row in enumerate(chosen)}
    return np.concatenate([codes, added]), np.concatenate([clips, own]), pairs


def beside_faiss(codes: NDArray[np.uint8], clips: NDArray[np.int32]) -> tuple[float, int]:
    """CPU seconds of faiss's exact index, and the pairs across clips among those it finds."""
    faiss.omp_set_num_threads(1)
    with Took() as spent:
        index = faiss.IndexBinaryFlat(256)
        index.add(codes)
        answers = [
            index.range_search(codes[begin : begin + 10_000], RADIUS + 1)
            for begin in range(0, len(codes), 10_000)
        ]
    across = 0
    for begin, (limits, _, rows) in zip(range(0, len(codes), 10_000), answers, strict=True):
        own = np.repeat(clips[begin : begin + 10_000], np.diff(limits.astype(np.int64)))
        across += int((own != clips[rows]).sum())
    return spent.seconds, across // 2


def edges_clustered(count: int = 10_000_000) -> float:
    """CPU seconds for clusters of so many edges between a million clips."""
    rng = np.random.default_rng(0)
    one = rng.integers(0, 1_000_000 - 40, count)
    other = one + rng.integers(1, 40, count)
    sure = rng.random(count) < 0.9
    clustered(np.arange(100), Edges(one[:9] % 50, other[:9] % 50 + 50, sure[:9], sure[:9]))
    return took(lambda: clustered(np.arange(1_000_000), Edges(one, other, sure, sure)))


def main(counts: tuple[int, ...] = COUNTS) -> None:
    """Tell a row a count."""
    pairs_within(np.zeros((4, 32), np.uint8), RADIUS)  # compile
    seeded("hamming", codes=0, edges=0)
    for count in counts:
        codes, clips, pairs = planted(*codes_of_clips(count))
        with Took() as spent:
            found = pairs_within(codes, RADIUS, clips)
        near = found[found[:, 1] >= len(codes) - len(pairs)]
        met = pairs & {(int(low), int(high)) for low, high, _ in near}
        runs = runs_of(codes.view(np.uint64), clips, np.zeros(len(codes), bool))
        kinds = [(len(piece.bits), piece.allowed) for piece in cut(runs, RADIUS)]
        report(
            "hamming",
            f"{count:,} codes",
            join_s=spent.seconds,
            peak_mb=peak_mb(),
            pairs=len(found),
            planted=len(pairs),
            planted_found=len(met),
            pieces=" ".join(f"{kinds.count(kind)}x{kind}" for kind in dict.fromkeys(kinds)),
        )
        if count == BESIDE_FAISS:
            flat, across = beside_faiss(codes, clips)
            report(
                "hamming",
                "faiss IndexBinaryFlat",
                join_s=flat,
                times_ours=flat / spent.seconds,
                pairs=across,
            )
    edges = few(10_000_000, 100_000)
    report("hamming", f"{edges:,} edges clustered", cpu_s=edges_clustered(edges))


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or COUNTS)
