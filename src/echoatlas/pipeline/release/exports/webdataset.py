"""WebDataset: numbered tar files that a brace range names, the same members in every sample."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from echoatlas.pipeline.frames.png import small_png
from echoatlas.pipeline.release.annotations import mask_ending, most_masks, told
from echoatlas.pipeline.release.exports.drawing import SPOKEN, SPOKEN_OF_CLIP
from echoatlas.pipeline.release.exports.job import Hub, Pull, demand_video
from echoatlas.pipeline.release.exports.packing import Packing, packs
from echoatlas.pipeline.release.exports.words import caption, class_of, classes
from echoatlas.pipeline.release.headers import add_member
from echoatlas.pipeline.release.huggingface import Features, meta_feature
from echoatlas.pipeline.release.places import BLOCK
from echoatlas.pipeline.release.reader import Stored
from echoatlas.pipeline.release.shard import MARKS, META

# Of a clip's frames, in order: told in its JSON
OF_CLIP = ("frames", "frame_ids", "frame_indexes", "times_ms", "annotation_frames")


def write_webdataset(job: Pull[Packing]) -> Hub:
    """Write it.

    Hugging Face's builder takes the members of the first five samples for those of all: each
    sample has as many masks as the one that has most, those that no annotation names are black.
    """
    if job.of_clips:
        demand_video("webdataset")
    masks, sizes = most_masks(job.index), {}
    for split in job.splits:
        for number, rows in packs(job, split, job.settings.shard_mb):
            name = f"shards/{split}-{number:05d}.tar"
            sizes[Path(name).name] = rows.num_rows
            if job.target.has(name):
                job.passed(rows.num_rows)
                continue
            sink = io.BytesIO()
            for sample in job.samples(rows):
                for ending, data in tar_members(job, sample, masks):
                    add_member(sink, f"{sample.frame_id}.{ending}", data)
            sink.write(b"\0" * 2 * BLOCK)
            job.target.write(name, sink.getvalue())
    # Where open_clip looks for how many samples there are
    job.target.write("shards/sizes.json", json.dumps(sizes, indent=1).encode())
    job.target.write("classes.txt", "".join(f"{one}\n" for one in classes()).encode())
    job.notes += [
        "`.txt` is a caption, `.cls` a number of `classes.txt`; the brace range of a split is in "
        "`ls shards`, such as `shards/train-{00000..00003}.tar`.",
        "In `.json` `fan_mask` and `overlay` are run lengths that pycocotools decodes, `patch_map` "
        "is base64 of 16 x 16 bytes; null where they are not known.",
    ]
    if job.of_clips:
        job.notes += [
            "A sample is a clip: `.mp4` is H.264 without loss at the true times, which stand in "
            "`times_ms` too; `overlay` is a list, one a frame and null where there is none, "
            "`patch_map` is of 16 x 16 bytes a frame; `annotation_frames` says of which frame each "
            "annotation is.",
        ]
    if masks:
        job.notes += ["A mask that no annotation of its `.json` names is black and says nothing."]
    files = {split: [f"shards/{split}-*.tar"] for split in job.splits}
    return Hub(files, _features(job, masks))


def tar_members(job: Pull[Any], sample: Stored, masks: int) -> Iterator[tuple[str, bytes]]:
    """Ending and bytes of each file of a sample, in the order in which they lie in a tar."""
    yield job.ending, job.file(sample)
    height, width = sample.row["height"], sample.row["width"]
    mine = sample.masks
    for number in range(masks):
        yield mask_ending(number), mine[number] if number < len(mine) else _black(height, width)
    listed = told(sample.annotations)
    names = (*META, *(OF_CLIP if job.of_clips else ()))
    meta = {name: sample.row.get(name) for name in names} | {MARKS: listed}
    meta |= job.drawn(sample).spoken
    yield "json", json.dumps(meta, sort_keys=True, separators=(",", ":")).encode()
    yield "txt", caption(sample.row, listed).encode()
    yield "cls", str(class_of(sample.row)).encode()


@cache
def _black(height: int, width: int) -> bytes:
    return small_png(np.zeros((height, width), np.uint8))


def _features(job: Pull[Any], masks: int) -> Features:
    known = job.index.schema
    of_clip = [known.field(name) for name in OF_CLIP if job.of_clips and name in known.names]
    spoken = SPOKEN_OF_CLIP if job.of_clips else SPOKEN
    return [
        {"name": job.ending, "dtype": "video" if job.of_clips else "image"},
        *({"name": mask_ending(n), "dtype": "image"} for n in range(masks)),
        {"name": "json", **meta_feature([*of_clip, *spoken])},
        {"name": "txt", "dtype": "string"},
        {"name": "cls", "dtype": "int64"},
    ]
