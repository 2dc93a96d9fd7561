#!/usr/bin/env bash
# delta-rs, DuckDB: whether a row of NaN is found depends on which rows lie in its file.
#
# deltalake 1.6.6, pyarrow 26.0.1, duckdb 1.5.5 with duckdb-extension-delta 1.5.5, polars 2.1.0, seen
# 2026-11-30.
# A spacing that is not known is often NaN. DataFusion (deltalake's QueryBuilder and `delete`) and DuckDB
# order NaN above all numbers, as polars does: `mm > 0.5` is true of it. But the greatest value that a
# file states of a column, in Delta's log and in Parquet, leaves NaN out, and they skip files by it. Three
# rows, of which "b" is NaN, the others .1 and .3:
#                                          a file a row    after optimize.compact()
#   QueryBuilder, `mm > 0.5`               b               none
#   delta_scan of DuckDB, `mm > 0.5`       b               none
#   to_pyarrow_dataset, not `mm <= 0.5`    b               none
#   `delete("mm > 0.5")`                   deletes b       deletes none
#   polars, scan_delta, `mm > 0.5`         b               b
# So compacting a table changes what a query answers and what a delete takes. With one more row of .7
# beside it b is found again. Ask `isnan(mm)`, which is right everywhere, or write null.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet deltalake==1.6.6 pyarrow==26.0.1 duckdb==1.5.5 \
  duckdb-extension-delta==1.5.5 polars==2.1.0
cd "$work"
venv/bin/python - <<'PROGRAM'
import shutil
from pathlib import Path

import duckdb
import duckdb_extension_delta
import polars
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder, write_deltalake

ROWS = {"a": 0.1, "b": float("nan"), "c": 0.3}
(extension,) = Path(duckdb_extension_delta.__file__).parent.rglob("*.duckdb_extension")
duck = duckdb.connect()
duck.execute(f"LOAD '{extension}'")


def told(folder: str) -> dict[str, list[str]]:
    table = DeltaTable(folder)
    asked = QueryBuilder().register("t", table)
    rows = table.to_pyarrow_dataset().to_table(filter=~(pc.field("mm") <= 0.5))
    sql = f"SELECT id FROM delta_scan('{folder}') WHERE mm > 0.5"
    lazy = polars.scan_delta(folder).filter(polars.col("mm") > 0.5)
    nan = pa.table(asked.execute("SELECT id FROM t WHERE isnan(mm)").read_all())
    assert nan["id"].to_pylist() == ["b"]
    found = {
        "QueryBuilder": pa.table(asked.execute("SELECT id FROM t WHERE mm > 0.5").read_all())["id"],
        "DuckDB": duck.execute(sql).to_arrow_table()["id"],
        "pyarrow": rows["id"],
        "polars": lazy.collect().to_arrow()["id"],
    }
    names = {library: column.to_pylist() for library, column in found.items()}
    shutil.copytree(folder, "copy")
    DeltaTable("copy").delete("mm > 0.5")
    left = DeltaTable("copy").to_pyarrow_table()["id"].to_pylist()
    shutil.rmtree("copy")
    return {**names, "deleted": sorted(set(ROWS) - set(left))}


for name, value in ROWS.items():
    write_deltalake("table", pa.table({"id": [name], "mm": [value]}), mode="append")
each, together = told("table"), None
DeltaTable("table").optimize.compact()
together = told("table")
for library in each:
    print(f"{library:14} a file a row {each[library]}, one file {together[library]}")
if set(map(tuple, each.values())) != {("b",)}:
    raise SystemExit("changed: in files of their own all found b")
if {library for library, names in together.items() if names} != {"polars"}:
    raise SystemExit("changed: in one file polars alone found b")
PROGRAM
echo "as seen"
