"""MDS, the shards of MosaicML's streaming: a folder a split, each with an ``index.json``.

Layout after streaming 0.13, base/format/mds: number of samples and offsets as uint32, the columns
as JSON, the samples; in a sample first the sizes of columns that have no fixed one.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from echoatlas.pipeline.release.annotations import TOLD, has_mask
from echoatlas.pipeline.release.exports.drawing import (
    FAN,
    FOLDERS,
    GRID,
    OVERLAY,
    PATCHES,
    Drawing,
    two_levels,
)  # fmt: skip
from echoatlas.pipeline.release.exports.job import Pull
from echoatlas.pipeline.release.exports.packing import Packing, packs
from echoatlas.pipeline.release.exports.rle import inside, run_lengths
from echoatlas.pipeline.release.exports.words import caption, class_of, classes
from echoatlas.pipeline.release.reader import Stored
from echoatlas.pipeline.release.shard import META

HASH = "sha256"
MOST = 1 << 32  # offsets are of 32 bits


def write_mds(job: Pull[Packing]) -> None:
    """Write it. Names of shards carry the release's digest.

    A reader never compares an index in its local folder with the one that it is given, and takes
    shards of the same name for the same.
    """
    columns = _columns(job)
    digest = job.manifest.index.sha256[:12]
    for split in job.splits:
        shards = []
        for number, rows in packs(job, split, job.settings.shard_mb):
            base = f"shard.{number:05d}.{digest}.mds"
            name = f"{split}/{base}"
            if job.target.has(name):
                job.passed(rows.num_rows)
            else:
                samples = [_sample(one, job.drawn(one), columns) for one in job.samples(rows)]
                job.target.write(name, _shard(samples, columns))
            data = job.target.read(name)
            shards.append(_entry(base, data, rows.num_rows, columns))
        index = {"shards": shards, "version": 2}
        job.target.write(f"{split}/index.json", json.dumps(index, sort_keys=True).encode())
    job.target.write("classes.txt", "".join(f"{one}\n" for one in classes()).encode())
    job.notes += [
        "One `local` folder a release: an index that lies in the folder is never compared with "
        "the remote one, so another release would be read as this one without a word.",
        "Where they are not known `fan_mask` is white, `overlay` black, `patch_map` 255.",
    ]


def _columns(job: Pull[Packing]) -> dict[str, tuple[str, int | None]]:
    """Name to encoding and size, by name."""
    image = "png" if job.ending == "png" else "jpeg"
    columns: dict[str, tuple[str, int | None]] = {
        "annotations": ("json", None),
        "caption": ("str", None),
        FAN: ("png", None),
        "frame_id": ("str", None),
        "image": (image, None),
        "label": ("int", 8),
        "meta": ("json", None),
        OVERLAY: ("png", None),
        PATCHES: (f"ndarray:uint8:{GRID},{GRID}", GRID * GRID),
    }
    asked = job.settings.drawn
    return {name: kind for name, kind in columns.items() if asked or name not in FOLDERS}


def _sample(sample: Stored, drawn: Drawing, columns: dict[str, tuple[str, int | None]]) -> bytes:
    whole = drawn.whole(sample.row["height"], sample.row["width"])
    values = {
        "annotations": _json([_told(mark) for mark in sample.annotations]),
        "caption": caption(sample.row, sample.annotations).encode(),
        FAN: two_levels(whole[FAN]),
        OVERLAY: two_levels(whole[OVERLAY]),
        PATCHES: whole[PATCHES].tobytes(),
        "frame_id": sample.frame_id.encode(),
        "image": sample.file,
        "label": np.int64(class_of(sample.row)).tobytes(),
        "meta": _json({name: sample.row.get(name) for name in META}),
    }
    parts = [values[name] for name in columns]
    sizes = [
        np.uint32(len(part)).tobytes()
        for part, (_, size) in zip(parts, columns.values(), strict=True)
        if size is None
    ]
    return b"".join([*sizes, *parts])


def _told(mark: dict[str, Any]) -> dict[str, Any]:
    told = {name: mark[name] for name in TOLD}
    return told | {"mask": run_lengths(inside(mark["mask"])) if has_mask(mark) else None}


def _shard(samples: list[bytes], columns: dict[str, tuple[str, int | None]]) -> bytes:
    config = _json(_config(columns))
    sizes = np.array([0, *map(len, samples)], np.int64).cumsum()
    offsets = sizes + 4 + 4 * len(sizes) + len(config)
    if offsets[-1] >= MOST:
        raise ValueError("a shard of MDS is smaller than 4 GB: lower shard_mb")
    head = np.uint32(len(samples)).tobytes() + offsets.astype(np.uint32).tobytes()
    return b"".join([head, config, *samples])


def _config(columns: dict[str, tuple[str, int | None]]) -> dict[str, Any]:
    return {
        "column_encodings": [encoding for encoding, _ in columns.values()],
        "column_names": list(columns),
        "column_sizes": [size for _, size in columns.values()],
        "compression": None,
        "format": "mds",
        "hashes": [HASH],
        "size_limit": None,
        "version": 2,
    }


def _entry(
    base: str, data: bytes, samples: int, columns: dict[str, tuple[str, int | None]]
) -> dict[str, Any]:
    hashes = {HASH: hashlib.sha256(data).hexdigest()}
    raw = {"basename": base, "bytes": len(data), "hashes": hashes}
    return _config(columns) | {"raw_data": raw, "samples": samples, "zip_data": None}


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
