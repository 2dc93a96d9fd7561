"""Loose files: images, masks of all kinds, ``index.csv``; as Hugging Face's image folder."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.release.annotations import has_mask, mask_ending, told
from echoatlas.pipeline.release.exports.drawn import drawn_files, write_drawn
from echoatlas.pipeline.release.exports.job import FormatSettings, Hub, Pull, marks, without_places
from echoatlas.pipeline.release.huggingface import features
from echoatlas.pipeline.release.measurements import TABLE as MEASURED
from echoatlas.pipeline.release.shard import MARKS
from echoatlas.schemas.index import ROLES, Role

FIRST = ROLES[Role.FIRST]


def write_files(job: Pull[FormatSettings]) -> Hub:
    """Write it: ``images/``, ``masks/``, ``index.csv``, and where a sample has them ``fans/`` (the
    scanned area) and ``overlays/`` (graphics, redactions), of one bit, and ``patch_maps/``.
    """
    loose(job)
    job.target.write("index.csv", csv_table(job.index, {}))
    # What an image folder's reader looks for: beside the pictures, and one list a split
    job.target.write(
        "images/metadata.csv", csv_table(job.index, {"file_name": f"{{frame_id}}.{job.ending}"})
    )
    lists = {split: f"{split}.parquet" for split in job.splits}
    known = []
    for split, name in lists.items():
        part = without_places(job.of(split))
        paths = [image_of(one, job.ending) for one in part.column("frame_id").to_pylist()]
        listed = [_listed(row) for row in part.to_pylist()]
        if MARKS in part.column_names:
            part = part.drop_columns([MARKS])
        part = part.append_column(MARKS, pa.array(listed, pa.string()))
        known = features(part.schema)
        sink = io.BytesIO()
        pq.write_table(
            part.append_column("file_name", pa.array(paths)), sink, write_statistics=False
        )
        job.target.write(name, sink.getvalue())
    told_files = {split: [name, f"images/*.{job.ending}"] for split, name in lists.items()}
    how = {"metadata_filenames": sorted(lists.values()), "drop_labels": True}
    return Hub(told_files, [*known, {"name": "image", "dtype": "image"}], how)


def loose(job: Pull[Any], rows: pa.Table | None = None) -> None:
    """Write images and masks of some rows, of all if none are given, as files."""
    job.pictures = True
    for sample in job.lacking(job.index if rows is None else rows, lambda row: _names(row, job)):
        for number, mask in enumerate(sample.masks):
            job.target.write(mask_of(sample.frame_id, number), mask)
        write_drawn(job, sample)
        job.target.write(image_of(sample.frame_id, job.ending), sample.file)


def image_of(frame_id: str, ending: str) -> str:
    """Where an image lies."""
    return f"images/{frame_id}.{ending}"


def mask_of(frame_id: str, number: int) -> str:
    """Where a mask lies, by its number among a sample's."""
    return f"masks/{frame_id}.{mask_ending(number)}"


def _names(row: dict[str, Any], job: Pull[Any]) -> list[str]:
    number = sum(has_mask(mark) for mark in marks(row))
    masks = [mask_of(row["frame_id"], one) for one in range(number)]
    masks += drawn_files(job, row)
    return [image_of(row["frame_id"], job.ending), *masks]


def csv_table(index: pa.Table, more: dict[str, str]) -> bytes:
    """An index as a table of text; ``more`` are columns made of a row's others."""
    index = without_places(index)
    others = [column for column in index.column_names if column not in FIRST]
    columns = [*FIRST, *others]
    sink = io.StringIO()
    writer = csv.DictWriter(sink, [*more, *columns], lineterminator="\n")
    writer.writeheader()
    for batch in index.select(columns).to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            made = {name: pattern.format(**row) for name, pattern in more.items()}
            listed = {MARKS: _listed(row)} if MARKS in row else {}
            if MEASURED in row:
                found = row[MEASURED]
                listed[MEASURED] = json.dumps(found, sort_keys=True) if found else ""
            writer.writerow(made | row | listed)
    return sink.getvalue().encode()


def _listed(row: dict[str, Any]) -> str:
    """Annotations as JSON, masks by the paths of their files; empty if there are none."""
    listed = told(marks(row))
    for mark in listed:
        mark["mask"] = mark["mask"] and f"masks/{row['frame_id']}.{mark['mask']}"
    return json.dumps(listed, sort_keys=True) if listed else ""
