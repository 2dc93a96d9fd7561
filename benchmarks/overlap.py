"""What it costs to hold a lake against an evaluation set's fingerprints, beside other ways.

Codes are those of clips (``hamming``). A set of 100 k fingerprints, a thousand of which are 0 to 24
bits from one of the lake's, is joined with the lake's codes: beside the lake's join with itself,
and beside faiss's exact index over the same pairs. Then one frame's second opinion: 1,024 signs of
speckle under 2,400 framings, beside the registration that two thumbnails need.

    python -m benchmarks.overlap
"""

from __future__ import annotations

import cv2
import faiss
import numpy as np

from benchmarks.hamming import RADIUS, codes_of_clips
from benchmarks.harness import Took, best, few, report, seeded
from echoatlas.pipeline.deduplicate.config import SimilarityConfig
from echoatlas.pipeline.deduplicate.hamming import pairs_within
from echoatlas.pipeline.deduplicate.similarity import registered, view_of
from echoatlas.pipeline.deduplicate.speckle_code import (
    SpeckleCodeConfig,
    agreement,
    speckle_code,
)
from echoatlas.pipeline.frames.phash import opened
from echoatlas.simulate import make_still

LAKE, SET = few((1_000_000, 100_000), (20_000, 2_000))
PLANTED = few(1000, 100)


def main() -> None:
    """Tell the join and the second opinion."""
    seeded("overlap", codes=range(2), stills=range(2))
    pairs_within(np.zeros((4, 32), np.uint8), RADIUS)  # compile
    lake, clips = codes_of_clips(LAKE)
    theirs, _ = codes_of_clips(SET, seed=1)
    rng = np.random.default_rng(2)
    planted = rng.choice(len(theirs), PLANTED, replace=False)
    bits = np.unpackbits(lake[rng.choice(len(lake), PLANTED, replace=False)], axis=1)
    for row in bits:
        row[rng.choice(256, rng.integers(0, 25), replace=False)] ^= 1
    theirs[planted] = np.packbits(bits, axis=1)
    codes = np.concatenate([lake, theirs])
    ids = np.concatenate([clips, np.full(len(theirs), int(clips[-1]) + 1, np.int32)])
    fresh = np.arange(len(codes)) >= len(lake)
    with Took() as ours:
        found = pairs_within(codes, RADIUS, ids, None, fresh)
    met = np.isin(planted, np.unique(found[:, 1]) - len(lake))
    with Took() as alone:
        pairs_within(lake, RADIUS, clips)
    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryFlat(256)
    index.add(lake)
    some = few(2000, 500)
    with Took() as flat:
        index.range_search(theirs[:some], RADIUS + 1)
    report(
        "overlap",
        f"{LAKE:,} against {SET:,}",
        join_s=ours.seconds,
        of_own_join=ours.seconds / alone.seconds,
        faiss_times_ours=flat.seconds * len(theirs) / some / ours.seconds,
        planted=PLANTED,
        planted_found=int(met.sum()),
    )
    one, other = (_thumbnail(seed) for seed in (0, 1))
    view, code = view_of(opened(one), SimilarityConfig()), speckle_code(other)
    agreement(view, code, None, SpeckleCodeConfig())  # compile
    signs = best(lambda: agreement(view, code, None, SpeckleCodeConfig()))
    ecc = best(lambda: registered(opened(one), opened(other)))
    report("overlap", "signs of speckle", look_ms=1000 * signs, of_registration=signs / ecc)


def _thumbnail(seed: int) -> bytes:
    still = make_still(seed=seed, fan="linear").pictures[0]
    gray = still if still.ndim == 2 else still[..., 0]
    small = cv2.resize(np.asarray(gray, np.uint8), (128, 128), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())


if __name__ == "__main__":
    main()
