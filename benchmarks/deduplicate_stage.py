"""The whole of deduplication beside its joins alone, and what is added beside a first run.

A lake on this disk: clips of 60 frames whose hashes move as those of ``hamming``'s clips do, whole
images, mirrors and landmarks of their own, and thumbnails of simulated scans. One clip in
fifty is another's copy. Then one clip in a hundred more. A run reads, ranks, joins, looks at
thumbnails, clusters, and writes its three tables, in a process of its own. Beside it the joins of
the same codes: the fans' hashes alone; these with mirrors, and whole images, which is the least
that finds candidates; and all, with landmarks. CPU seconds.

    python -m benchmarks.deduplicate_stage [COUNT]...
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.hamming import LENGTH, RADIUS, codes_of_clips
from benchmarks.harness import Took, apart, few, report, seeded
from echoatlas.pipeline.deduplicate.compared_frames import COMPARED
from echoatlas.pipeline.deduplicate.hamming import pairs_within
from echoatlas.pipeline.deduplicate.index import indexed, joins
from echoatlas.pipeline.frames import landmarks, phash
from echoatlas.pipeline.frames.phash import thumbnail
from echoatlas.pipeline.lake.staged import write_part
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.run.lake_steps import deduplicate_lake
from echoatlas.pipeline.storage.storage import LocalStorage
from echoatlas.schemas.config.deployment import DeploymentConfig
from echoatlas.schemas.tables import schema
from echoatlas.simulate import make_still

COUNTS = few((100_000, 1_000_000), (6_000,))
PICTURES, ADDED = 40, 0.01


def frames(count: int) -> pa.Table:
    """Frames of clips, in the columns that deduplication reads."""
    rng = np.random.default_rng(7)
    fan, clip = codes_of_clips(count)
    whole, _ = codes_of_clips(count, 1)
    count = len(fan)
    place = np.arange(count) % LENGTH
    ids = np.array([named("frame", at) for at in range(count)])
    objects = np.array([named("object", at) for at in range(clip.max() + 1)])[clip]
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
        "view_phash256": pa.repeat(pa.scalar(b"", pa.binary()), count),  # all have landmarks
        "landmark_phash256": pa.array([hashes for hashes, _ in marks], pa.binary()),
        "landmark_places": pa.array([places for _, places in marks], pa.binary()),
        "rank": clip.astype(np.int64) + 1,
    }
    return pa.table({name: columns[name] for name, _ in COMPARED}, schema=pa.schema(COMPARED))


def named(kind: str, number: int) -> str:
    """An id as keys make them: 32 digits, in no order."""
    return hashlib.blake2b(f"{kind}{number}".encode(), digest_size=16).hexdigest()


def _binary(codes: NDArray[np.uint8]) -> pa.Array:
    whole = np.ascontiguousarray(codes)
    offsets = np.arange(len(whole) + 1, dtype=np.int32) * whole.shape[1]
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(whole.tobytes())]
    return pa.Array.from_buffers(pa.binary(), len(whole), buffers)


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


SHOWN = [thumbnail(make_still(seed, screen="none").pictures[0]) for seed in range(PICTURES)]


FILE = 100  # clips


def write(lake: Lake, table: pa.Table, clips: range) -> None:
    """Put some clips into a lake, a file a hundred of them."""
    for start in range(clips.start, clips.stop, FILE):
        some = table.slice(start * LENGTH, min(FILE, clips.stop - start) * LENGTH)
        first = start * LENGTH
        numbers = range(start, start + some.num_rows // LENGTH)
        shown = [SHOWN[_original(first // LENGTH + at // LENGTH) % PICTURES]
                 for at in range(some.num_rows)]  # fmt: skip
        measured = {name: some.column(name) for name in some.column_names if name in MEASURED}
        for name, known in (
            ("measures", measured | {"thumbnail": shown}),
            ("frames", {name: some.column(name) for name in PLACED}),
            ("objects", {"object_id": [named("object", at) for at in numbers]}),
        ):
            stem = f"part-bench-{name}-{start:08d}"
            rows = _filled(name, known)
            if name == "frames":  # worse ranks as they come
                at = rows.schema.get_field_index("native_width")
                sizes = pa.array(100_000 - np.arange(first, first + some.num_rows) // LENGTH)
                rows = rows.set_column(at, rows.schema.field(at), sizes)
            lake.swap(name, [], [write_part(lake.storage, rows, name, stem)], stem)


def _original(clip: int) -> int:
    return clip - 1 if clip and clip % 50 == 0 else clip


PLACED = ("frame_id", "object_id", "pane", "frame_index")
MEASURED = (*(name for name, _ in COMPARED if name.endswith(("256", "places"))),
            "frame_id", "object_id", "pixel_hash", "hash_version")  # fmt: skip
NOTHING = {pa.string(): "", pa.binary(): b"", pa.int64(): 1, pa.float64(): 1.0, pa.bool_(): False}


def _filled(name: str, known: Mapping[str, object]) -> pa.Table:
    """Rows of a table of which some columns are known."""
    count = len(known["object_id"])  # type: ignore[arg-type]
    columns = {
        field.name: known[field.name]
        if field.name in known
        else pa.repeat(pa.scalar(NOTHING[field.type], field.type), count)
        for field in schema(name)
    }
    if name == "objects":
        columns |= {"status": pa.repeat("kept", count), "format": pa.repeat("png", count)}
    return pa.table(columns, schema=schema(name))


RUN = """
import sys, time
from pathlib import Path
from benchmarks.deduplicate_stage import warm
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.run.lake_steps import deduplicate_lake
from echoatlas.pipeline.storage.storage import LocalStorage
from echoatlas.schemas.config.deployment import DeploymentConfig
warm()
lake = Lake(LocalStorage(Path(sys.argv[1])))
started = time.process_time()
deduplicate_lake(lake, DeploymentConfig(), sys.argv[2])
"""


def warm() -> None:
    """Have all kernels compiled, or read from where they are kept, before anything is timed."""
    with TemporaryDirectory() as folder:
        lake = Lake(LocalStorage(Path(folder)))
        table = frames(60 * LENGTH)
        for some in (range(52), range(52, 53)):
            write(lake, table, some)
            deduplicate_lake(lake, DeploymentConfig(), "warm")


def joined(table: pa.Table) -> tuple[float, float, float]:
    """Seconds for the fans' hashes alone; with mirrors, and whole images; and for all joins."""
    index = indexed(table)
    spent = []
    for number, codes in enumerate(joins(index, mirrors=True)):
        clips = index.clip[codes.rows]
        parts = [np.ones(len(codes.codes), bool)]
        if number == 0:
            parts = [codes.kinds == 0, codes.kinds <= 1, *parts]
        for part in parts:
            with Took() as took:
                pairs_within(codes.codes[part], RADIUS, clips[part], codes.probes[part])
            spent.append(took.seconds)
    fan, mirrored, every, whole, marks = spent
    return fan, mirrored + whole, every + whole + marks


def main(counts: Sequence[int] = COUNTS) -> None:
    """The stage beside its joins, and an addition beside the first run, a row a count."""
    seeded("deduplicate_stage", codes=0, pictures=range(PICTURES))
    warm()
    for count in counts:
        clips = count // LENGTH
        more = max(1, round(clips * ADDED))
        table = frames((clips + more) * LENGTH)
        alone, least, every = joined(table.slice(0, clips * LENGTH))
        with TemporaryDirectory(dir=os.environ.get("ECHOATLAS_BENCH_DISK")) as folder:
            lake = Lake(LocalStorage(Path(folder)))
            write(lake, table, range(clips))
            peak, first = apart(RUN, folder, "first")
            edges = lake.count("edges")
            write(lake, table, range(clips, clips + more))
            later_peak, later = apart(RUN, folder, "later")
            copies = sum(1 for clip in range(1, clips + more) if clip % 50 == 0)
            report(
                "deduplicate_stage",
                f"{clips * LENGTH:,} frames",
                fan_join_s=alone,
                join_s=least,
                all_joins_s=every,
                stage_s=first,
                times_join=first / least,
                times_fan_join=first / alone,
                one_percent_more_s=later,
                share_of_first=later / first,
                copies=copies,
                edges=edges,
                edges_later=lake.count("edges"),
                peak_mb=peak,
                later_peak_mb=later_peak,
            )


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or COUNTS)
