"""Pull a release: as loose files, as WebDataset shards, or as Parquet."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.release.annotations import (
    WHOLE,
    AnnotationRecord,
    mask_ending,
    told,
    with_masks,
)
from echoatlas.pipeline.release.manifest import MANIFEST, Manifest, index_table, manifest_of
from echoatlas.pipeline.release.select import filter_rows
from echoatlas.pipeline.release.shard import ENDINGS, MARKS, pack
from echoatlas.pipeline.storage import LocalStorage, Storage

FIRST = ["frame_id", "site", "patient", "region", "organ", "split", "device", "license"]
PLACES = ("shard", "offset", "length")


def pull(
    releases: Storage, name: str, dest: Path, format: str = "webdataset", expression: str = ""
) -> int:
    """Bring a release, or the part of it that an expression selects, to a folder.

    What is there already and whole is not fetched again.

    Returns:
        The number of samples.

    Raises:
        UsageError: an unknown release or format, or a wrong expression.
        CheckFailed: what arrived is not what was published.
    """
    if format not in FORMATS:
        raise UsageError(f"no format '{format}' (formats: {', '.join(sorted(FORMATS))})")
    manifest = manifest_of(releases, name)
    index = filter_rows(index_table(releases, manifest), expression)
    try:
        dest.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {dest} ({error.strerror})") from None
    FORMATS[format](releases, manifest, index, LocalStorage(dest), bool(expression.strip()))
    return int(index.num_rows)


def _samples(releases: Storage, index: pa.Table) -> dict[str, tuple[bytes, list[AnnotationRecord]]]:
    """Images and annotations by frame, one shard read at a time."""
    found: dict[str, tuple[bytes, list[AnnotationRecord]]] = {}
    rows = index.select(["frame_id", *_with_marks(index, PLACES)]).to_pylist()
    for shard in sorted({row["shard"] for row in rows}):
        data = _whole(releases, shard)
        for row in rows:
            if row["shard"] == shard:
                image = data[row["offset"] : row["offset"] + row["length"]]
                found[row["frame_id"]] = image, with_masks(row.get(MARKS), data)
    return found


def _with_marks(index: pa.Table, columns: Sequence[str]) -> list[str]:
    """Columns, and that of the annotations if the release has it."""
    return [*columns, *({MARKS} & set(index.column_names))]


def _whole(releases: Storage, shard: str) -> bytes:
    data = releases.read(shard)
    if hashlib.sha256(data).hexdigest() not in shard:
        raise CheckFailed("a shard is damaged: run `echoatlas verify`")
    return data


def _files(
    releases: Storage, manifest: Manifest, index: pa.Table, dest: LocalStorage, filtered: bool
) -> None:
    ending = ENDINGS[manifest["config"]["codec"]]
    for shard in sorted(set(index.column("shard").to_pylist())):
        part = index.filter(pc.equal(index.column("shard"), shard))
        missing = [
            row
            for row in part.select(["frame_id", *_with_marks(index, PLACES)]).to_pylist()
            if not dest.exists(f"images/{row['frame_id']}.{ending}")
        ]
        if missing:
            data = _whole(releases, shard)
            for row in missing:
                masks = [mark["mask"] for mark in with_masks(row.get(MARKS), data) if mark["mask"]]
                for number, mask in enumerate(masks):
                    dest.write(f"masks/{row['frame_id']}.{mask_ending(number)}", mask)
                # The image last: where it is, its masks are too.
                image = data[row["offset"] : row["offset"] + row["length"]]
                dest.write(f"images/{row['frame_id']}.{ending}", image)
    dest.write("index.csv", _csv(index))


def _csv(index: pa.Table) -> bytes:
    others = [c for c in index.column_names if c not in FIRST and c not in PLACES]
    columns = [*FIRST, *others]
    sink = io.StringIO()
    writer = csv.DictWriter(sink, columns, lineterminator="\n")
    writer.writeheader()
    for row in index.select(columns).to_pylist():
        writer.writerow(row | ({MARKS: _listed(row)} if MARKS in row else {}))
    return sink.getvalue().encode()


def _listed(row: dict[str, Any]) -> str:
    """Annotations as JSON, masks by the paths of their files; empty if there are none."""
    marks = told(row[MARKS])
    for mark in marks:
        mark["mask"] = mark["mask"] and f"masks/{row['frame_id']}.{mark['mask']}"
    return json.dumps(marks, sort_keys=True) if marks else ""


def _webdataset(
    releases: Storage, manifest: Manifest, index: pa.Table, dest: LocalStorage, filtered: bool
) -> None:
    if not filtered:
        for shard in manifest["shards"]:
            if not dest.exists(shard["file"]):
                dest.write(shard["file"], _whole(releases, shard["file"]))
    else:
        samples = _samples(releases, index)
        rows = index.to_pylist()
        codec = manifest["config"]["codec"]
        most = manifest["config"]["shard_mb"] << 20
        whole = ((row, *samples[row["frame_id"]]) for row in rows)
        packed = ((row | {MARKS: marks}, image) for row, image, marks in whole)
        for made in pack(packed, codec, most):
            dest.write(f"shards/{made.sha256}.tar", made.data)
        index = _whole_marks(index, samples)
    plain = index.select([c for c in index.column_names if not filtered or c not in PLACES])
    sink = io.BytesIO()
    pq.write_table(plain, sink, write_statistics=False)
    dest.write("index.parquet", sink.getvalue())
    dest.write(MANIFEST, json.dumps(manifest, sort_keys=True, indent=1).encode())


def _parquet(
    releases: Storage, manifest: Manifest, index: pa.Table, dest: LocalStorage, filtered: bool
) -> None:
    for number, shard in enumerate(sorted(set(index.column("shard").to_pylist()))):
        part = index.filter(pc.equal(index.column("shard"), shard))
        samples = _samples(releases, part)
        column = pa.array([samples[one][0] for one in part.column("frame_id").to_pylist()])
        part = _whole_marks(part, samples)
        sink = io.BytesIO()
        pq.write_table(
            part.drop_columns(list(PLACES)).append_column("image", column),
            sink,
            compression="none",
            row_group_size=100,
            write_statistics=False,
        )
        dest.write(f"part-{number:05d}.parquet", sink.getvalue())


def _whole_marks(
    index: pa.Table, samples: dict[str, tuple[bytes, list[AnnotationRecord]]]
) -> pa.Table:
    """An index whose annotations hold their masks, for where they lie in no shard of its own."""
    if MARKS not in index.column_names:
        return index
    marks = [samples[one][1] for one in index.column("frame_id").to_pylist()]
    place = index.column_names.index(MARKS)
    return index.set_column(place, MARKS, pa.array(marks, WHOLE))


FORMATS: dict[str, Callable[[Storage, Manifest, pa.Table, LocalStorage, bool], None]] = {
    "files": _files,
    "webdataset": _webdataset,
    "parquet": _parquet,
}
