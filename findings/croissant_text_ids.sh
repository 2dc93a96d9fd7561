#!/usr/bin/env bash
# mlcroissant: a column that is declared text is read as numbers from CSV.
#
# mlcroissant 1.1.1 with pandas 3.0.0, seen 2026-11-29.
# Four patients, "0012", "012", "12" and "NA", stand in a column whose Croissant field is sc:Text.
# The record is valid: no error, no warning. Read back through it
#   from CSV         12.0, 12.0, 12.0 and nothing: three patients are one, and one is gone
#   from JSON Lines  0012, 012, 12 and NA
#   from Parquet     0012, 012, 12 and NA
# The types of pandas are guessed before the field's own is asked for, so no dataType helps. A split
# by patient, made on what Croissant gives, is another one than that made on the file. Publish
# tables whose ids may begin with zeros as Parquet.
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
import pandas as pd

IDS = ["0012", "012", "12", "NA"]
table = pd.DataFrame({"patient": pd.Series(IDS, dtype="str")})
table.to_csv("patients.csv", index=False)
table.to_json("patients.jsonl", orient="records", lines=True)
table.to_parquet("patients.parquet", index=False)

KINDS = {"csv": "text/csv", "jsonl": "application/jsonlines", "parquet": "application/x-parquet"}
SEEN = {
    "csv": ["12.0", "12.0", "12.0", None],
    "jsonl": IDS,
    "parquet": IDS,
}


def described(name, kind):
    data = open(name, "rb").read()
    file = mlc.FileObject(
        id=name, name=name, content_url=name, encoding_formats=[kind],
        sha256=hashlib.sha256(data).hexdigest(),
    )
    column = mlc.Source(file_object=name, extract=mlc.Extract(column="patient"))
    field = mlc.Field(
        id="patients/id", name="patients/id", data_types=mlc.DataType.TEXT, source=column
    )
    return mlc.Metadata(
        name="patients", description="Four patients.", license="CC0-1.0", url="urn:patients",
        distribution=[file],
        record_sets=[mlc.RecordSet(id="patients", name="patients", fields=[field])],
    )


for ending, kind in KINDS.items():
    metadata = described(f"patients.{ending}", kind)
    assert not metadata.ctx.issues.errors
    with open(f"{ending}.json", "w") as sink:
        json.dump(metadata.to_json(), sink, default=str)
    records = mlc.Dataset(jsonld=f"{ending}.json").records(record_set="patients")
    told = [record["patients/id"] for record in records]
    told = [one.decode() if isinstance(one, bytes) else one for one in told]
    told = [None if one is None or one != one else one for one in told]
    print(f"{ending:8} {told}")
    if told != SEEN[ending]:
        raise SystemExit(f"changed: {ending} gives {told}, seen was {SEEN[ending]}")
PROGRAM
echo "as described"
