#!/usr/bin/env bash
# mlcroissant: a 64-bit hash in a column of integers is another one, if a hash is missing beside it.
#
# mlcroissant 1.1.1 with pandas 3.0.0 and pyarrow 23.0.0, seen 2026-12-01.
# Perceptual hashes of 64 bits stand in an int64 column of a Parquet file whose Croissant field is
# sc:Integer; a black frame has none. The record is valid: no error, no warning. Read back through it
#   without a missing one    the hashes, as integers
#   with one that is null    integers again, but rounded to 53 bits: up to 512 away, so that two hashes
#                            one bit apart become one, and equal ones of another file differ
# The column passes through floating point on its way, and comes back as integers because the field says
# so, which is why nothing shows. Of those below 2**53, and of hashes as text or bytes, nothing is lost.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet mlcroissant==1.1.1 pandas==3.0.0 pyarrow==23.0.0
cd "$work"
venv/bin/python - <<'PROGRAM'
import hashlib
import json

import mlcroissant as mlc
import pyarrow as pa
import pyarrow.parquet as pq

HASHES = [0x5A5A_0F0F_3C3C_0001, 0x5A5A_0F0F_3C3C_0003, 0x7FFF_FFFF_FFFF_FFF1]
SMALL = [2**53 - 1, 3, 5]


def read_back(values, kind, said):
    """A column as it comes through its Croissant record."""
    pq.write_table(pa.table({"hash": pa.array(values, kind)}), "frames.parquet")
    with open("frames.parquet", "rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    file = mlc.FileObject(
        id="frames", name="frames", content_url="frames.parquet",
        encoding_formats=["application/x-parquet"], sha256=digest,
    )
    column = mlc.Source(file_object="frames", extract=mlc.Extract(column="hash"))
    field = mlc.Field(id="rows/hash", name="rows/hash", data_types=said, source=column)
    told = mlc.Metadata(
        name="frames", description="Frames.", url="https://example.org", license="CC-BY-4.0",
        distribution=[file], record_sets=[mlc.RecordSet(id="rows", name="rows", fields=[field])],
    )
    with open("croissant.json", "w") as sink:
        json.dump(told.to_json(), sink, default=str)
    found = mlc.Dataset(jsonld="croissant.json")
    assert not found.metadata.ctx.issues.errors, found.metadata.ctx.issues.errors
    return [row["rows/hash"] for row in found.records("rows")]


whole = read_back(HASHES, pa.int64(), mlc.DataType.INTEGER)
print("no null:   ", [hex(one) for one in whole])
assert whole == HASHES

*others, missing = read_back([*HASHES, None], pa.int64(), mlc.DataType.INTEGER)
print("one null:  ", [hex(one) for one in others], missing)
assert missing is None and all(type(one) is int for one in others)
assert all(one != true for one, true in zip(others, HASHES)) and others[0] == others[1]
assert max(abs(one - true) for one, true in zip(others, HASHES)) <= 512

assert read_back([*SMALL, None], pa.int64(), mlc.DataType.INTEGER) == [*SMALL, None]
kept = read_back([*(f"{one:016x}" for one in HASHES), None], pa.string(), mlc.DataType.TEXT)
print("as text:   ", kept)
assert [int(one, 16) for one in kept[:3]] == HASHES
print("as seen")
PROGRAM
