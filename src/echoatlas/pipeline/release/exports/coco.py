"""COCO instances: one JSON a split, masks as run lengths, boxes, keypoints."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
from pydantic import Field

from echoatlas.pipeline.release.annotations import has_mask
from echoatlas.pipeline.release.exports.job import FormatSettings, Pull, marks
from echoatlas.pipeline.release.exports.rle import inside, mask_box, run_lengths
from echoatlas.pipeline.release.reader import Stored

DRAWN = ("box", "keypoints")


class Settings(FormatSettings):
    """What the categories are."""

    categories: Literal["name", "one"] = Field(
        "name", description="name: what an annotation is about; one: a single category, object."
    )


def write_coco(job: Pull[Settings]) -> None:
    """Write it: ``images/SPLIT/`` and ``annotations/instances_SPLIT.json``.

    Run lengths for every mask, as outlines would fill its holes; none where there is only a box.
    """
    one = job.settings.categories == "one"
    found = {
        m["name"]: max(len(m["points"]) // 2, 0) if m["kind"] == "keypoints" else 0
        for row in job.index.to_pylist()
        for m in marks(row)
        if has_mask(m) or m["kind"] in DRAWN
    }
    names = ["object"] if one else sorted(found)
    numbers = {name: 1 if one else names.index(name) + 1 for name in found}
    categories = [_category(n + 1, name, found.get(name, 0)) for n, name in enumerate(names)]
    for split in job.splits:
        images: list[dict[str, Any]] = []
        drawn: list[dict[str, Any]] = []
        for sample in job.samples(job.of(split)):
            name = f"images/{split}/{sample.frame_id}.{job.ending}"
            if not job.target.has(name):
                job.target.write(name, sample.file)
            number = len(images) + 1
            path = f"{split}/{sample.frame_id}.{job.ending}"
            images.append(_image(sample, number, path) | job.drawn(sample).spoken)
            for mark in sample.annotations:
                entry = _annotation(mark, numbers)
                if entry:
                    drawn.append(entry | {"id": len(drawn) + 1, "image_id": number})
        info = {"description": f"EchoAtlas {job.manifest.name}", "version": job.manifest.name}
        told = {
            "info": info,
            "licenses": [],
            "images": images,
            "annotations": drawn,
            "categories": categories,
        }
        job.target.write(f"annotations/instances_{split}.json", _plain(told))
    job.notes.append(
        "`segmentation` is run lengths, with holes, and is absent where there is only a box; "
        "`file_name` is relative to `images/`. Of an image `fan_mask` and `overlay` are run "
        "lengths, `patch_map` is base64 of 16 x 16 bytes; null where they are not known."
    )


def _plain(told: dict[str, Any]) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


def _category(number: int, name: str, points: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": number, "name": name, "supercategory": "ultrasound"}
    if points:
        entry |= {"keypoints": [f"p{n}" for n in range(points)], "skeleton": []}
    return entry


def _image(sample: Stored, number: int, path: str) -> dict[str, Any]:
    row = sample.row
    kept = ("frame_id", "patient", "study", "region", "organ", "license")
    told = {"id": number, "file_name": path, "width": row["width"], "height": row["height"]}
    return told | {name: row[name] for name in kept}


def _annotation(mark: dict[str, Any], numbers: dict[str, int]) -> dict[str, Any]:
    """An entry without ids; empty for what has no place in the picture."""
    points = np.asarray(mark["points"], np.float64).reshape(-1, 2)
    if has_mask(mark):
        area = inside(mark["mask"])
        if not area.any():
            return {}
        entry = {"segmentation": run_lengths(area), "bbox": mask_box(area), "area": int(area.sum())}
    elif mark["kind"] == "box" and len(points) == 2:
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        sides = [right - left, bottom - top]
        entry = {"bbox": [left, top, *sides], "area": sides[0] * sides[1]}
    elif mark["kind"] == "keypoints" and len(points):
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        sides = [right - left, bottom - top]
        told = [value for x, y in points.tolist() for value in (x, y, 2)]
        entry = {"bbox": [left, top, *sides], "area": sides[0] * sides[1]}
        entry |= {"keypoints": told, "num_keypoints": len(points)}
    else:
        return {}
    return entry | {"category_id": numbers[mark["name"]], "iscrowd": 0}
