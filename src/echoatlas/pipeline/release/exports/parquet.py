"""Parquet with the pictures inside, as Hugging Face's viewer and ``datasets`` know them."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.release.annotations import LISTED, mask_ending, told
from echoatlas.pipeline.release.exports.drawing import FAN, FOLDERS
from echoatlas.pipeline.release.exports.job import Hub, Pull, demand_video, without_places
from echoatlas.pipeline.release.exports.packing import Packing, packs
from echoatlas.pipeline.release.huggingface import PICTURE, Features, features, with_features
from echoatlas.pipeline.release.reader import Stored
from echoatlas.pipeline.release.shard import MARKS

STILL, FILM = "image", "video"  # the column of a sample's pictures


def write_parquet(job: Pull[Packing]) -> Hub:
    """Write it: one row a sample, the columns of the index, ``image``, ``masks`` and
    what is drawn besides, as pictures; of clips ``video``, and lists of pictures, one a frame.
    """
    if job.of_clips:
        demand_video("parquet")
    known: Features = []
    for split in job.splits:
        for number, rows in packs(job, split, job.settings.shard_mb):
            name = f"{split}-{number:05d}.parquet"
            empty = _with_pictures(rows.slice(0, 0), [], job)
            known = [_typed(one) for one in features(empty.schema)]
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


def _typed(feature: dict[str, Any]) -> dict[str, Any]:
    return feature | ({"dtype": "video"} if feature["name"] == FILM else {})


def _with_pictures(rows: pa.Table, samples: list[Stored], job: Pull[Packing]) -> pa.Table:
    table = without_places(rows)
    if MARKS in table.column_names:
        listed = [told(sample.annotations) for sample in samples]
        place = table.column_names.index(MARKS)
        table = table.set_column(place, MARKS, pa.array(listed, LISTED))
    images = [{"bytes": job.file(one), "path": f"{one.frame_id}.{job.ending}"} for one in samples]
    masks = [
        [
            {"bytes": mask, "path": f"{one.frame_id}.{mask_ending(number)}"}
            for number, mask in enumerate(one.masks)
        ]
        for one in samples
    ]
    shown = FILM if job.of_clips else STILL
    table = table.append_column(shown, pa.array(images, PICTURE))
    table = table.append_column("masks", pa.array(masks, pa.list_(PICTURE)))
    names = list(FOLDERS) if job.settings.drawn else []
    films = [name for name in names if job.of_clips and name != FAN]
    drawings = [job.drawn(one) for one in samples]
    drawn: list[dict[str, Any]] = [one.pictures | one.films for one in drawings]
    for name in names:
        cells = [_cell(one.get(name)) for one in drawn]
        kind = pa.list_(PICTURE) if name in films else PICTURE
        table = table.append_column(name, pa.array(cells, kind))
    stills = [name for name in (STILL, *names) if name in table.column_names and name not in films]
    return with_features(table, stills, ["masks", *films], [FILM] if job.of_clips else [])


def _cell(drawn: bytes | list[bytes | None] | None) -> Any:
    """A picture, or those of a clip's frames, as a cell; null where there is none."""
    if isinstance(drawn, list):
        return [_cell(one) for one in drawn]
    return None if drawn is None else {"bytes": drawn, "path": None}
