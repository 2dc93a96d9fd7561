"""Opening a release of millions of samples: memory and CPU, in processes of their own.

The index of a small release, repeated; the shards are those of the small one. What is measured is
``load`` of a split, a batch's places, and the first order of an epoch, with a cold cache and with
a warm one, less what a process takes that has only imported the package.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.harness import apart, few, report
from echoatlas.pipeline.release.places import as_bytes, from_bytes
from echoatlas.pipeline.storage.storage import Storage

ROWS = few(4_500_000, 100_000)
MOST_MB, MOST_S = 500, 3.0
IMPORT = """
import resource, sys, time
import echoatlas, duckdb, obstore, numpy
"""
OPEN = """
started = time.process_time()
data = echoatlas.load(sys.argv[1], releases=sys.argv[2], cache=sys.argv[3], split="train")
data[len(data) // 2].image
"""
ORDER = """
next(iter(data.batches(64, seed=1)))
"""
BALANCE = """
next(iter(data.batches(64, seed=1, balance="organ")))
"""
WEIGHT = """
next(iter(data.batches(64, seed=1, weight="1 + width / 2")))
"""


def many(releases: Storage, small: str, rows: int) -> str:
    """A release whose index repeats that of a small one; returns its name."""
    manifest = json.loads(releases.read(f"{small}/manifest.json"))
    name = f"{small}-many"
    index = pq.read_table(pa.BufferReader(releases.read(f"{small}/{manifest['index']['file']}")))
    places = from_bytes(releases.read(f"{small}/{manifest['places']['file']}"))
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, index.schema, compression="zstd", write_statistics=False) as writer:
        for start in range(0, rows, 1 << 16):
            at = np.arange(start, min(start + (1 << 16), rows))
            part = index.take(pa.array(at % index.num_rows))
            ids = pa.array([f"{number:032x}" for number in at.tolist()])  # as long as real ones
            writer.write_table(
                part.set_column(part.schema.get_field_index("frame_id"), "frame_id", ids)
            )
    for kind, data in (
        ("index", sink.getvalue().to_pybytes()),
        ("places", as_bytes(places[np.arange(rows) % len(places)])),
    ):
        digest = hashlib.sha256(data).hexdigest()
        file = f"{kind}-{digest[:16]}{Path(manifest[kind]['file']).suffix}"
        releases.write(f"{name}/{file}", data)
        manifest[kind] = {"file": file, "sha256": digest}
    manifest |= {"name": name, "samples": rows, "frames": rows}
    releases.write(f"{name}/manifest.json", json.dumps(manifest).encode())
    return name


def measure(releases: Storage, small: str, cache: Path) -> None:
    """Tell what opening takes; fails beyond the limits."""
    name = many(releases, small, ROWS)
    given = (name, releases.uri, cache)
    bare, _ = apart(IMPORT, *given)
    for row, program in (
        ("opening, cold", OPEN),
        ("opening, warm", OPEN),
        ("and an epoch's order", OPEN + ORDER),
        ("and a balanced one", OPEN + BALANCE),
        ("and a weighted one", OPEN + WEIGHT),
    ):
        peak, seconds = apart(IMPORT + program, *given)
        report("loader", row, rows=ROWS, memory_mb=peak - bare, whole_mb=peak, cpu_s=seconds)
        if peak > MOST_MB or seconds > MOST_S:
            raise SystemExit(f"{row}: {peak} MB and {seconds:.1f} CPU s")
