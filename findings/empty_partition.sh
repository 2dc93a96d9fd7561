#!/usr/bin/env bash
# delta-rs: an empty text in a partition column is empty or null by who reads it; compaction loses it.
#
# deltalake 1.6.6, pyarrow 26.0.1, duckdb 1.5.5 with duckdb-extension-delta 1.5.5, polars 2.1.0, seen
# 2026-11-30.
# A table is partitioned by organ, and an organ that a site left empty is "", one that was never asked
# null. Delta has one way to write both (PROTOCOL.md, Partition Value Serialization: an empty string of
# any type stands for null); write_deltalake takes both and logs "" for the one, null for the other. Then
#   QueryBuilder, polars                ""      and `organ = ''` finds the row
#   to_pyarrow_table, delta_scan        null    and `organ = ''` finds none
# `optimize.compact()`, which is to change nothing that is read, puts the files of "" and of null into one
# of null, and from then on QueryBuilder and polars say null as well, where the table had "". In a column
# that is no partition "" stays what it is.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet deltalake==1.6.6 pyarrow==26.0.1 duckdb==1.5.5 \
  duckdb-extension-delta==1.5.5 polars==2.1.0
cd "$work"
venv/bin/python - <<'PROGRAM'
from pathlib import Path

import duckdb
import duckdb_extension_delta
import polars
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder, write_deltalake

ROWS = pa.table({"id": ["a", "b", "c"], "organ": ["", "liver", None], "note": ["", "x", None]})
(extension,) = Path(duckdb_extension_delta.__file__).parent.rglob("*.duckdb_extension")
duck = duckdb.connect()
duck.execute(f"LOAD '{extension}'")


def read(table: DeltaTable) -> dict[str, tuple[str | None, list[str]]]:
    """The organ of row a by each reader, and which rows its filter finds where it is empty."""
    asked = QueryBuilder().register("t", table)
    scan = "delta_scan('table')"
    lazy = polars.scan_delta("table")
    empty = pc.field("organ") == ""
    whole = {
        "QueryBuilder": pa.table(asked.execute("SELECT * FROM t").read_all()),
        "polars": lazy.collect().to_arrow(),
        "pyarrow": table.to_pyarrow_table(),
        "DuckDB": duck.execute(f"SELECT * FROM {scan}").to_arrow_table(),
    }
    found = {
        "QueryBuilder": pa.table(asked.execute("SELECT * FROM t WHERE organ = ''").read_all()),
        "polars": lazy.filter(polars.col("organ") == "").collect().to_arrow(),
        "pyarrow": table.to_pyarrow_dataset().to_table(filter=empty),
        "DuckDB": duck.execute(f"SELECT * FROM {scan} WHERE organ = ''").to_arrow_table(),
    }
    said = {}
    for reader, rows in whole.items():
        one = {row["id"]: row for row in rows.to_pylist()}
        assert [one[name]["note"] for name in "abc"] == ["", "x", None]
        assert (one["b"]["organ"], one["c"]["organ"]) == ("liver", None)
        said[reader] = one["a"]["organ"], found[reader]["id"].to_pylist()
    return said


write_deltalake("table", ROWS, partition_by=["organ"])
before = read(DeltaTable("table"))
DeltaTable("table").optimize.compact()
after = read(DeltaTable("table"))
for reader in before:
    print(f"{reader:14} organ, rows found: {before[reader]}, when compacted {after[reader]}")
kept, lost = ("", ["a"]), (None, [])
if before != {"QueryBuilder": kept, "polars": kept, "pyarrow": lost, "DuckDB": lost}:
    raise SystemExit("changed: before compaction")
if set(map(str, after.values())) != {str(lost)}:
    raise SystemExit("changed: when compacted")
PROGRAM
echo "as seen"
