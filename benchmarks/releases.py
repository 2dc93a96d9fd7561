"""What a release's successor writes anew, what the driver holds, and what opening one takes.

A lake of frames of 256 x 256 from simulated cines, each another picture, in clips of 20 and of
patients of 60 frames; then a hundredth of them added, relabeled or withdrawn. Bytes of the
successor (shards, index, places, digests) over all bytes of the first release: "must hold" is under
3 %. The driver is a process of its own whose workers are others; its peak memory must stay under
2 GB. By columns alone, without a pixel, the same at 4.5 million frames: under 16 GB; and what it
takes to open such a release with a cold cache: under 500 MB and 3 CPU seconds.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.harness import apart, few, peak_mb, report, seeded
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.packing import Past, runs, settled_places
from echoatlas.pipeline.release.places import NOWHERE, PLACE, as_bytes
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.manifest import PublishedShard
from echoatlas.schemas.tables import TABLES, columns, schema
from echoatlas.simulate import make_cine
from echoatlas.taxonomy.tree import tree

FRAMES, MANY = few((100_000, 4_500_000), (2_000, 100_000))
SHARD_MB = few(64, 2)
CLIP, PATIENT, AT_ONCE = 20, 60, 2_000
SHARE = 0.01  # that changes
LIMIT, DRIVER_MB, MANY_MB, OPEN_MB, OPEN_S = 0.03, 2_000, 16_000, 500, 3.0
SPLITS = {"train": 0.8, "val": 0.1, "test": 0.1}
IMAGE = 25_000  # bytes of a packed frame, about, where none is looked at
PLAIN: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False, bytes: b"", list[float]: []}
CREATE = f"""
import sys
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.deployment import Engine
from echoatlas.schemas.config.release import ReleaseConfig
lake = Lake(Storage.open(sys.argv[1]))
config = ReleaseConfig(name=sys.argv[2], codec="zstd", shard_mb={SHARD_MB})
create(lake, lake.storage.sub("releases"), config, Engine(address="processes"))
"""
OPEN = """
import sys, time
started = time.process_time()
import echoatlas
data = echoatlas.load("many", releases=sys.argv[1], cache=sys.argv[2], split="train")
assert len(data) > 0
"""


def _ids(kind: str, numbers: NDArray[np.int64]) -> list[str]:
    return [hashlib.md5(f"{kind}{one}".encode()).hexdigest() for one in numbers.tolist()]


def table_rows(name: str, rows: int, **given: Any) -> pa.Table:
    """Rows of a table, plain in the columns that are not given."""
    made = {}
    for column, (kind, _, nullable) in columns(TABLES[name].row).items():
        made[column] = given.get(column, [None if nullable else PLAIN[kind]] * rows)
    return pa.table(made, schema=schema(name))


def _pictures() -> list[NDArray[np.uint8]]:
    found = []
    for seed in range(4):
        for one in make_cine(seed, frames=20, size=(640, 480)).pictures:
            gray = one if one.ndim == 2 else one[..., 0]
            found.append(cv2.resize(gray, (256, 256), interpolation=cv2.INTER_AREA))
    return found


def _add(lake: Lake, first: int, count: int, pictures: list[NDArray[np.uint8]]) -> None:
    numbers = np.arange(first, first + count)
    drawn = np.random.default_rng(first)
    frame_ids, objects = _ids("f", numbers), _ids("o", numbers // CLIP)
    shapes = [
        np.roll(pictures[n % len(pictures)], n // len(pictures), axis=(0, 1)) for n in numbers
    ]
    figures = {
        name: np.round(drawn.random(count) * 100, 2)
        for name in ("blur", "entropy", "mean", "dark", "fan_fill", "speckle_snr", "saturation")
    }
    lake.append(
        "frames",
        table_rows(
            "frames",
            count,
            frame_id=frame_ids,
            object_id=objects,
            site=["bench"] * count,
            patient=_ids("p", numbers // PATIENT),
            study=_ids("s", numbers // PATIENT),
            frame_index=numbers % CLIP,
            width=[256] * count,
            height=[256] * count,
            channels=[1] * count,
            image=[encode(one) for one in shapes],
            fan_verdict=["accept"] * count,
        ),
    )
    maps = [drawn.integers(0, 90, 256, np.uint8).tobytes() for _ in range(count)]
    lake.append(
        "measures",
        table_rows(
            "measures",
            count,
            frame_id=frame_ids,
            object_id=objects,
            pixel_hash=_ids("h", numbers),
            patch_map=maps,
            **figures,
        ),
    )
    lake.append("labels", _labels(frame_ids, "thorax"))


def _labels(frame_ids: list[str], path: str) -> pa.Table:
    told = {"region": path, "organ": "unknown", "paths": path}
    plain = {name: [value] * len(frame_ids) for name, value in told.items()}
    return table_rows("labels", len(frame_ids), frame_id=frame_ids, **plain)


def _bytes(releases: Storage, name: str) -> int:
    """Of all that lies beside the manifests, and shards."""
    return sum(one.size for one in releases.list() if one.key.startswith((f"{name}/", "shards/")))


def _shards(releases: Storage) -> int:
    return sum(one.size for one in releases.list("shards/"))


def _relabeled(lake: Lake, some: list[str]) -> None:
    lake.drop_rows("labels", "frame_id", some, "relabeled")
    lake.append("labels", _labels(some, "abdomen"))


def _withdrawn(lake: Lake, some: list[str]) -> None:
    for table in ("frames", "measures", "labels"):
        lake.drop_rows(table, "frame_id", some, f"withdrawn-{table}")


def successors(root: Path) -> None:
    """Cut a release, and three that follow it."""
    lake = Lake(Storage.open(root))
    lake.replace("duplicates", schema("duplicates").empty_table())
    pictures = _pictures()
    for first in range(0, FRAMES, AT_ONCE):
        _add(lake, first, min(AT_ONCE, FRAMES - first), pictures)
    releases = lake.storage.sub("releases")
    peak, seconds = apart(CREATE, root, "first")
    whole, raw = _bytes(releases, "first"), _shards(releases)
    report(
        "releases", "first", frames=FRAMES, mb=whole / 1e6, index_share=(whole - raw) / whole,
        driver_mb=peak, driver_cpu_s=seconds, limit_mb=DRIVER_MB,
    )  # fmt: skip
    few_of = int(FRAMES * SHARE)
    some = _ids("f", np.linspace(0, FRAMES - 1, few_of).astype(np.int64))

    changes: dict[str, Callable[[], None]] = {
        "added": partial(_add, lake, FRAMES, few_of, pictures),
        "relabeled": partial(_relabeled, lake, some),
        "withdrawn": partial(_withdrawn, lake, some),
    }
    for name, change in changes.items():
        before = _shards(releases)
        change()
        peak, seconds = apart(CREATE, root, name)
        anew = _bytes(releases, name) - before
        report(
            "releases", name, share=anew / whole, limit=LIMIT, driver_mb=peak,
            driver_cpu_s=seconds, limit_mb=DRIVER_MB,
        )  # fmt: skip


def _index(first: int, count: int) -> pa.Table:
    """As much of an index as packing looks at."""
    numbers = np.arange(first, first + count)
    side = pa.array(np.full(count, 256))
    return pa.table(
        {
            "split_group": pa.array([f"p{one:032d}" for one in (numbers // PATIENT).tolist()]),
            "object_id": pa.array([f"o{one:032d}" for one in (numbers // CLIP).tolist()]),
            "pane": pa.array(np.zeros(count, np.int64)),
            "frame_index": pa.array(numbers % CLIP),
            "frame_id": pa.array([f"f{one:032d}" for one in numbers.tolist()]),
            "width": side,
            "height": side,
            "channels": pa.array(np.ones(count, np.int64)),
        }
    )


def _payload(first: int, count: int) -> pa.Array:
    drawn = np.random.default_rng(7).bytes(16 * count) if not first else None
    data = drawn or np.random.default_rng(first).bytes(16 * count)
    offsets = np.arange(0, 16 * count + 1, 16, dtype=np.int32)
    return pa.Array.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data)]
    )


def _splits(count: int) -> NDArray[np.uint16]:
    groups = np.arange(count) // PATIENT
    drawn = np.random.default_rng(3).random(int(groups[-1]) + 1)[groups]
    return np.searchsorted(np.cumsum(list(SPLITS.values()))[:-1], drawn).astype(np.uint16)


def _packed(
    index: pa.Table, places: NDArray[np.void], splits: NDArray[np.uint16],
    shards: list[PublishedShard],
) -> int:  # fmt: skip
    """Pack what is new as workers would, and say how many bytes that takes."""
    new = np.flatnonzero(places["shard"] == NOWHERE)
    ones, names = np.ones(index.num_rows, np.int64), tuple(SPLITS)
    order = new // CLIP
    written = 0
    part = index.take(pa.array(new))
    for run in runs(part, new, order, splits, names, ones, 64 << 20):
        places["offset"][run.rows] = np.arange(len(run.rows)) * IMAGE
        places["length"][run.rows], places["frames"][run.rows] = IMAGE, 1
        for rows in _cut(run.rows):
            places["shard"][rows] = len(shards)
            size = len(rows) * IMAGE
            written += size
            file, held = f"shards/{len(shards)}.tar", len(rows)
            shards.append(PublishedShard(file, "0", size, held, run.split, held, "x"))
    return written


def _cut(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    step = (64 << 20) // IMAGE
    number = max(len(rows) // step, 1)
    yield from np.array_split(rows, number)


def many() -> None:
    """Pack by columns alone, and again with a hundredth more, less, or split by another seed."""
    started = time.process_time()
    more = int(MANY * SHARE)
    index, splits = _index(0, MANY + more), _splits(MANY + more)
    payload = pa.chunked_array([_payload(0, MANY), _payload(MANY, more)]).combine_chunks()
    places = np.zeros(MANY, PLACE)
    places["shard"], places["split"] = NOWHERE, splits[:MANY]
    shards: list[PublishedShard] = []
    whole = _packed(index.slice(0, MANY), places, splits[:MANY], shards)
    digests = np.random.default_rng(1).integers(1, 256, (MANY, 16), dtype=np.uint8)
    past = Past(payload.slice(0, MANY), places, digests, tuple(shards), strict=True)
    free = replace(past, strict=False)
    there = frozenset(one.file for one in shards)
    every = np.arange(MANY + more)
    ways = {
        "added": (every, past, splits),
        "withdrawn": (every[:MANY][every[:MANY] % 100 != 50], past, splits),
        "another seed": (every[:MANY], free, splits[::-1].copy()),
    }
    for name, (numbers, before, chosen) in ways.items():
        mine = index.take(pa.array(numbers))
        found, told, known = settled_places(
            payload.take(pa.array(numbers)), chosen[numbers], tuple(SPLITS), [before], there
        )
        anew = _packed(mine, found, chosen[numbers], list(known))
        report("releases", f"{name}, by columns", frames=MANY, share=anew / whole, limit=LIMIT)
        del mine, found, told
    report(
        "releases", "all of that", frames=MANY, mb=peak_mb(), limit_mb=MANY_MB,
        cpu_s=time.process_time() - started,
    )  # fmt: skip


def opening(root: Path) -> None:
    """Open a release of many rows, as a trainer does who has never opened it."""
    places = np.zeros(MANY, PLACE)
    places["length"], places["frames"] = IMAGE, 1
    places["split"] = _splits(MANY)
    places["label"] = np.random.default_rng(5).integers(0, 200, MANY)
    step = (64 << 20) // IMAGE
    places["shard"] = np.arange(MANY) // step
    places["offset"] = np.arange(MANY) % step * IMAGE
    rows = pa.table({"frame_id": pa.array([f"f{one:032d}" for one in range(MANY)])})
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd", row_group_size=1 << 16)
    files = {"index": ("i.parquet", sink.getvalue()), "places": ("p.npy", as_bytes(places))}
    releases = Storage.open(root)
    for name, data in files.values():
        releases.write(f"many/{name}", data)
    shard = {"sha256": "0", "bytes": step * IMAGE, "samples": step, "split": "train"}
    number = int(places["shard"][-1]) + 1
    nodes = [node.path for node in tree().nodes]
    manifest = {
        "format": 2, "name": "many", "version": "0", "created": "", "tables": {},
        "tree": tree().hash, "samples": MANY, "frames": MANY, "patients": 1, "counts": {},
        "config": {"where": "", "codec": "zstd", "shard_mb": 64, "splits": SPLITS,
                   "duplicates": "drop"},
        "splits": list(SPLITS), "labels": [["r", "o", nodes[n % len(nodes)]] for n in range(200)],
        "shards": [shard | {"file": f"shards/{n:064d}.tar"} for n in range(number)],
        **{kind: {"file": name, "sha256": hashlib.sha256(data).hexdigest()}
           for kind, (name, data) in files.items()},
    }  # fmt: skip
    releases.write("many/manifest.json", json.dumps(manifest).encode())
    peak, seconds = apart(OPEN, root, root / "cache")
    report(
        "releases", "open", frames=MANY, mb=peak, limit_mb=OPEN_MB, cpu_s=seconds, limit_s=OPEN_S
    )


def main() -> None:
    seeded("releases", cines=range(4), splits=3)
    with tempfile.TemporaryDirectory() as folder:
        successors(Path(folder) / "lake")
        opening(Path(folder) / "many")
    many()


if __name__ == "__main__":
    main()
