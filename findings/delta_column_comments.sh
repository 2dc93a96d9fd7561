#!/usr/bin/env bash
# delta-rs: a table whose columns carry a description takes no row described in other words.
#
# deltalake 1.6.6 with pyarrow 26.0.1, seen 2026-11-29.
# Rows of the same names and types are appended to a table. Where only the text of a field's
# metadata differs (`comment`, as a data dictionary is written into a schema), write_deltalake raises
#   SchemaMismatchError: Schema error: Cannot merge metadata with different values for key comment
# and schema_mode="merge", which is there for schemas that change, raises the same. Rows without any
# description are appended, and the table keeps its first words. So a better sentence in a data
# dictionary stops every writer of an existing table; to append, leave the metadata out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet deltalake==1.6.6 pyarrow==26.0.1
cd "$work"
venv/bin/python - <<'PROGRAM'
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import SchemaMismatchError

SEEN = "Cannot merge metadata with different values for key comment"


def rows(comment):
    metadata = {"comment": comment} if comment else None
    return pa.table([[1.5]], schema=pa.schema([pa.field("depth", pa.float64(), metadata=metadata)]))


for number, options in enumerate(({}, {"schema_mode": "merge"})):
    table = f"table{number}"
    write_deltalake(table, rows("depth in mm"))
    try:
        write_deltalake(table, rows("depth of the picture, mm"), mode="append", **options)
    except SchemaMismatchError as refused:
        assert SEEN in str(refused), refused
        print(options, "->", refused)
    else:
        raise SystemExit(f"changed: {options} appends rows that are described in other words")
    write_deltalake(table, rows(None), mode="append", **options)
    there = DeltaTable(table)
    assert there.to_pyarrow_table().num_rows == 2
    assert there.schema().fields[0].metadata == {"comment": "depth in mm"}
    print(options, "-> rows without a description are appended, the first words stay")
PROGRAM
echo "as described"
