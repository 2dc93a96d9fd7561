"""The whole of deduplication beside its join alone, and what is added beside a first run.

Frames as a lake has them: clips of 60 whose hashes move as those of ``hamming``'s clips do, whole
images, mirrors, views and landmarks of their own, and thumbnails of simulated scans. One clip in
fifty is another's copy. The stage reads no files here, so that its own work is seen: ordering,
joins, looking at thumbnails, clusters, rows. CPU seconds of one core.

    python -m benchmarks.deduplicate_stage [COUNT]...
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.hamming import LENGTH, RADIUS, codes_of_clips
from benchmarks.harness import Took, few, peak_mb, report, seeded
from echoatlas.pipeline.deduplicate.hamming import pairs_within
from echoatlas.pipeline.deduplicate.index import COMPARED, indexed, joins
from echoatlas.pipeline.deduplicate.whole_lake import Known, deduplicate
from echoatlas.pipeline.frames import landmarks, phash
from echoatlas.pipeline.frames.phash import VIEWS, thumbnail
from echoatlas.simulate import make_still

COUNTS = few((100_000, 1_000_000), (6_000,))
PICTURES, ADDED = 40, 0.01
CROPPED = 40  # bits by which a framing changes a hash, about


def frames(count: int) -> pa.Table:
    """Frames of clips, in the columns that deduplication reads."""
    rng = np.random.default_rng(7)
    fan, clip = codes_of_clips(count)
    whole, _ = codes_of_clips(count, 1)
    count = len(fan)
    place = np.arange(count) % LENGTH
    ids = np.array([f"{at:09d}" for at in range(count)])
    objects = np.array([f"{at:07d}" for at in clip])
    marks = _landmarks(clip, place, rng)
    columns: dict[str, object] = {
        "frame_id": ids,
        "object_id": objects,
        "pane": np.zeros(count, np.int64),
        "frame_index": place,
        "pixel_hash": ids,
        "hash_version": np.full(count, phash.HASH_VERSION),
        "fan_phash256": _binary(fan),
        "mirror_phash256": _binary(fan ^ rng.integers(0, 256, 32, np.uint8)),
        "frame_phash256": _binary(whole),
        "view_phash256": _binary(_views(fan, rng)),
        "landmark_phash256": pa.array([hashes for hashes, _ in marks], pa.binary()),
        "landmark_places": pa.array([places for _, places in marks], pa.binary()),
        "rank": clip.astype(np.int64) + 1,
    }
    return pa.table({name: columns[name] for name, _ in COMPARED}, schema=pa.schema(COMPARED))


def _binary(codes: NDArray[np.uint8]) -> pa.Array:
    whole = np.ascontiguousarray(codes)
    offsets = np.arange(len(whole) + 1, dtype=np.int32) * whole.shape[1]
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(whole.tobytes())]
    return pa.Array.from_buffers(pa.binary(), len(whole), buffers)


def _views(fan: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The hashes of other framings: of a clip's frames alike, and off the fan's own."""
    views = []
    for _ in VIEWS:
        off = rng.random(256) < CROPPED / 256
        views.append(fan ^ np.packbits(off))
    return np.concatenate(views, axis=1)


def _landmarks(
    clip: NDArray[np.int32], place: NDArray[np.int64], rng: np.random.Generator
) -> list[tuple[bytes, bytes]]:
    """Of every so-manieth frame; a copy's are the original's."""
    of: dict[int, tuple[bytes, bytes]] = {}
    found = []
    for number, at in zip(clip.tolist(), place.tolist(), strict=True):
        if at % landmarks.EVERY:
            found.append((b"", b""))
            continue
        original = number - 1 if number and number % 50 == 0 else number
        if original not in of:
            of[original] = rng.bytes(landmarks.CODE * landmarks.MOST), rng.bytes(8 * landmarks.MOST)
        found.append(of[original])
    return found


def thumbnails(ids: Sequence[str]) -> list[bytes]:
    """Of a clip one picture, of a copy the original's."""
    clips = [int(one) // LENGTH for one in ids]
    return [SHOWN[(one - (one > 0 and one % 50 == 0)) % PICTURES] for one in clips]


SHOWN = [thumbnail(make_still(seed, screen="none").pictures[0]) for seed in range(PICTURES)]


def _compiled() -> None:
    """Have all kernels compiled before anything is timed."""
    table = frames(6000)
    first = deduplicate(table, thumbnails).clips.to_pylist()
    deduplicate(
        table, thumbnails, known=Known({f"{r['object_id']}/0": r["digest"] for r in first[:-1]})
    )


def main(counts: Sequence[int] = COUNTS) -> None:
    """The stage beside its join, and an addition beside the first run, a row a count."""
    seeded("deduplicate_stage", codes=0, pictures=range(PICTURES))
    _compiled()
    for count in counts:
        table = frames(count)
        index = indexed(table)
        fan = next(joins(index, mirrors=True))
        rows = fan.rows[fan.kinds == 0]
        with Took() as join:
            pairs_within(fan.codes[fan.kinds == 0], RADIUS, index.clip[rows])
        del index, fan
        with Took() as first:
            result = deduplicate(table, thumbnails)
        digests = dict(
            zip(
                [f"{one}/0" for one in result.clips.column("object_id").to_pylist()],
                result.clips.column("digest").to_pylist(),
                strict=True,
            )
        )
        new = range(int(len(digests) * (1 - ADDED)), len(digests))
        before = dict(list(digests.items())[: new.start])
        names = set(list(digests)[new.start :])
        kept = [
            one
            for one in result.edges
            if not {f"{one.object_id}/0", f"{one.other_object}/0"} & names
        ]
        with Took() as later:
            again = deduplicate(table, thumbnails, known=Known(before, kept))
        report(
            "deduplicate_stage",
            f"{count:,} frames",
            join_s=join.seconds,
            stage_s=first.seconds,
            times_join=first.seconds / join.seconds,
            one_percent_more_s=later.seconds,
            share_of_first=later.seconds / first.seconds,
            edges=len(result.edges),
            same=int(again.edges == result.edges),
            looked_at=result.looked_at,
            peak_mb=peak_mb(),
        )


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or COUNTS)
