"""What the gate takes of a run that brings 1 % new, beside looking at everything there is.

A lake of 100,000 frames, four an object, and 1 % as many that come. "new alone" is what a run's
gate does: each batch's rows held against the suites, as its worker does it, and its ids against all
of the lake's, as the driver does it. "and like before" also counts what the lake has of the site
and compares, as a run does of a site with a history before it commits. "everything" is ``echoatlas
validate``: Great Expectations over every row of the tables that are filled here. Each way runs in a
process of its own; what importing takes is told apart: Great Expectations' own counts for it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.harness import apart, few, report, seeded
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.tables import TABLES, columns, schema
from echoatlas.taxonomy.devices import UNKNOWN

FRAMES = few(100_000, 2_000)
EACH, FILE = 4, 25_000  # frames an object; rows of a file
SEED = 11
IDS = ("object_id", "locator", "frame_id")
PLAIN: dict[str, Any] = {
    "site": "st-elsewhere", "upload": f"u-{'0' * 12}", "fingerprint": "f" * 16, "maker": UNKNOWN,
    "model": UNKNOWN, "device": UNKNOWN, "image_codec": "zstd-left-1", "hash_version": "phash-2",
    "fan": '{"apex": [1.0, 2.0]}', "step": "read", "channels": 1, "width": 256, "height": 256,
    "native_width": 500, "native_height": 400, "scale": 0.5, "container": "", "actions": "{}",
    "pixel_hash": "0" * 32, "content_id": "0" * 32, "patient": "1" * 32, "study": "2" * 32,
}  # fmt: skip
IMPORTS = """
import sys, time
import pyarrow.parquet as pq
from pathlib import Path
from echoatlas.pipeline.gate.checked import Checker
from echoatlas.pipeline.gate.drift import shifts
from echoatlas.pipeline.gate.gate import Gate
from echoatlas.pipeline.gate.history import before_at, uploads_of
from echoatlas.pipeline.gate.whole_lake import whole_lake
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.site import SiteConfig
lake, site = Lake(Storage.open(sys.argv[1])), SiteConfig(site="st-elsewhere", bucket="b")
"""
NEW = """
new = {file.stem: pq.read_table(file) for file in sorted(Path(sys.argv[2]).iterdir())}
objects, batch, each = new["objects"].num_rows, 32, 4
started = time.process_time()
gate = Gate(lake, "r1")
for first in range(0, objects, batch):
    checker = Checker(site)
    for name, rows in new.items():
        times = each if "frame_id" in rows.column_names else 1
        checker.add(name, rows.slice(first * times, batch * times))
    checked = checker.done()
    failures = gate.failures(checked, [])
    assert not failures, failures[0].name
    gate.passes(site, checked)
"""
LIKE_BEFORE = """
uploads_of(lake, site)
before = before_at(lake, site).every
assert before.objects and not any(one.moved for one in shifts(before, before, site.drift, repr))
"""
EVERYTHING = """
started = time.process_time()
failed = [one for one in whole_lake(lake, {}) if not one[1]]
assert not failed, failed[0]
"""


def rows_of(name: str, objects: int, rng: np.random.Generator, ids: list[str]) -> pa.Table:
    """Rows of a table that pass its suite, of some objects.

    Args:
        ids: of the frames, four an object; objects are called by the first of these.
    """
    row = TABLES[name].row
    each = EACH if "frame_id" in columns(row) else 1
    number = objects * each
    made: dict[str, pa.Array] = {}
    for column, (kind, said, nullable) in columns(row).items():
        field = schema(name).field(column)
        if column in IDS:
            of_frame = ids if column == "frame_id" else ids[::EACH]
            values: Any = [of_frame[n if column == "frame_id" else n // each]
                           for n in range(number)]  # fmt: skip
        elif column in PLAIN:
            values = [PLAIN[column]] * number
        elif nullable:
            values = [None] * number
        elif said.values:
            values = [str(said.values[0])] * number
        elif kind is float:
            values = rng.random(number)
        else:
            values = [kind()] * number
        made[column] = pa.array(values, field.type)
    return pa.table(made, schema=schema(name))


def ids_of(number: int, rng: np.random.Generator) -> list[str]:
    """Opaque names."""
    digits = rng.integers(0, 256, 16 * number, np.uint8).tobytes().hex()
    return [digits[at : at + 32] for at in range(0, len(digits), 32)]


def main() -> None:
    """Print what each way takes."""
    seeded("gate", rows=SEED)
    rng = np.random.default_rng(SEED)
    tables = ("sightings", "objects", "copies", "frames", "measures", "readings")
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Storage.open(Path(folder, "lake")))
        for first in range(0, FRAMES, FILE):
            objects = min(FILE, FRAMES - first) // EACH
            ids = ids_of(objects * EACH, rng)
            for name in tables:
                lake.append(name, rows_of(name, objects, rng, ids))
        new = Path(folder, "new")
        new.mkdir()
        ids = ids_of(FRAMES // 100, rng)
        for name in tables:
            pq.write_table(rows_of(name, len(ids) // EACH, rng, ids), new / f"{name}.parquet")
        given = (os.fspath(Path(folder, "lake")), os.fspath(new))
        start_mb, _ = apart(IMPORTS, *given)
        ways = {
            "new alone": NEW,
            "new alone, and like before": NEW + LIKE_BEFORE,
            "everything": EVERYTHING,
        }
        for row, program in ways.items():
            mb, seconds = apart(IMPORTS + program, *given)
            figures = {"cpu_s": seconds, "over_imports_mb": mb - start_mb}
            if row == "new alone":
                least = figures
            else:
                figures |= {
                    "times_cpu": seconds / least["cpu_s"],
                    "times_memory": (mb - start_mb) / max(least["over_imports_mb"], 1),
                }
            report("gate", f"{row}, {FRAMES:,} frames", **figures)


if __name__ == "__main__":
    main()
