"""Parquet with the pictures inside, as Hugging Face's viewer and ``datasets`` know them."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.release.annotations import LISTED, mask_ending, told
from echoatlas.pipeline.release.exports.drawing import FOLDERS
from echoatlas.pipeline.release.exports.job import Hub, Pull, without_places
from echoatlas.pipeline.release.exports.packing import Packing, packs
from echoatlas.pipeline.release.huggingface import PICTURE, features, with_features
from echoatlas.pipeline.release.reader import Stored
from echoatlas.pipeline.release.shard import MARKS


def write_parquet(job: Pull[Packing]) -> Hub:
    """Write it: one row a sample, the columns of the index, ``image``, ``masks`` and
    what is drawn besides, as pictures.
    """
    known = []
    for split in job.splits:
        for number, rows in packs(job, split, job.settings.shard_mb):
            name = f"{split}-{number:05d}.parquet"
            empty = _with_pictures(rows.slice(0, 0), [], job)
            known = features(empty.schema)
            if job.target.has(name):
                job.passed(rows.num_rows)
                continue
            table = _with_pictures(rows, list(job.samples(rows)), job)
            sink = io.BytesIO()
            pq.write_table(
                table, sink, compression="none", row_group_size=100, write_statistics=False
            )
            job.target.write(name, sink.getvalue())
    return Hub({split: [f"{split}-*.parquet"] for split in job.splits}, known)


def _with_pictures(rows: pa.Table, samples: list[Stored], job: Pull[Packing]) -> pa.Table:
    table = without_places(rows)
    if MARKS in table.column_names:
        listed = [told(sample.annotations) for sample in samples]
        place = table.column_names.index(MARKS)
        table = table.set_column(place, MARKS, pa.array(listed, LISTED))
    images = [{"bytes": one.file, "path": f"{one.frame_id}.{job.ending}"} for one in samples]
    masks = [
        [
            {"bytes": mask, "path": f"{one.frame_id}.{mask_ending(number)}"}
            for number, mask in enumerate(one.masks)
        ]
        for one in samples
    ]
    table = table.append_column("image", pa.array(images, PICTURE))
    table = table.append_column("masks", pa.array(masks, pa.list_(PICTURE)))
    drawn = [job.drawn(one).pictures for one in samples]
    names = list(FOLDERS) if job.settings.drawn else []
    for name in names:
        found = [{"bytes": one[name], "path": None} if name in one else None for one in drawn]
        table = table.append_column(name, pa.array(found, PICTURE))
    return with_features(table, ["image", *names], ["masks"])
