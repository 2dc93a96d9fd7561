"""What reading a table holds: its rows, and strict of the many files that they lie in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.schemas.tables import schema

FILES = 600
READ = """
import sys
import pyarrow.dataset as ds
from echoatlas.pipeline.lake.files import located
from echoatlas.pipeline.lake.scan import rows_of

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

files = ds.dataset(sys.argv[1], format="parquet")
rows_of(files.filter(ds.field("site") == "nowhere"), ["site"], None, threads=False)
before = resident()
for _ in range(2):
    there = ds.dataset(sys.argv[1], format="parquet")
    assert rows_of(there, ["object_id"], None, threads=False).num_rows == int(sys.argv[2])
    assert located(there, ["object_id"], threads=False).num_rows == int(sys.argv[2])
print(resident() - before)
"""


def test_what_is_known_of_files_is_forgotten_as_they_are_read(tmp_path: Path) -> None:
    """Of 600 files, read twice over, it was 75 MB, which the process kept; a lake has thousands."""
    strict = schema("frames")
    free = pa.schema([pa.field(one.name, one.type) for one in strict])
    pq.write_table(pa.Table.from_pylist([{"object_id": "o"}], free), tmp_path / "0.parquet")
    data = (tmp_path / "0.parquet").read_bytes()
    for number in range(1, FILES):
        (tmp_path / f"{number}.parquet").write_bytes(data)

    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path), str(FILES)],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )

    assert float(done.stdout) < 12, "MB"
