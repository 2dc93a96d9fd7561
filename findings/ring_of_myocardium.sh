#!/usr/bin/env bash
# COCO converters: a ring, as myocardium is in a short-axis view, is filled on its way through them,
# or is a ring or a disk by who reads the file.
#
# pycocotools 2.0.11, supervision 0.31.2, datumaro 1.13.12, sahi 0.12.8, imantics 0.1.12, seen 2026-12-01.
# A mask of 400 pixels around a hole of 200 lies in COCO as run lengths, which have holes. Of it comes
#   datumaro, COCO to COCO        one polygon, no hole; pycocotools reads 551, and "area" says 551
#   supervision, COCO to COCO     two polygons and an "area" of 400; pycocotools reads 551, itself 600
#   sahi, imantics, of the array  two polygons; pycocotools reads 551, they themselves 400
#   sahi, COCO to COCO            a box without mask, and its area
# Polygons of one annotation are united by COCO's own tools, so what was the border of the hole is a disk
# inside a disk; sahi and imantics let a pixel in two polygons be outside, so that two outlines of one
# structure that overlap come to have a hole: 456 of 600 pixels. No warning but sahi's of run lengths.
# (551 of 600 pixels: outlines run through centers of pixels, so a row and a column are lost as well.)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycocotools==2.0.11 supervision==0.31.2 datumaro==1.13.12 \
  sahi==0.12.8 imantics==0.1.12 numpy==2.4.6 pillow
cd "$work"
venv/bin/python - <<'PROGRAM'
import contextlib
import io
import json
import logging
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import imantics
import numpy as np
import supervision
from datumaro.components.dataset import Dataset
from PIL import Image
from pycocotools.coco import COCO
from sahi.annotation import Mask
from sahi.utils.coco import Coco
from sahi.utils.cv import get_coco_segmentation_from_bool_mask

HEIGHT, WIDTH = 48, 64
ring = np.zeros((HEIGHT, WIDTH), bool)
ring[10:30, 10:40] = True
ring[15:25, 15:35] = False
told = {}


def coco(segmentation):
    return {
        "info": {}, "licenses": [],
        "images": [{"id": 1, "file_name": "still.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 1, "name": "myocardium"}],
        "annotations": [{
            "id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 400,
            "bbox": [10, 10, 30, 20], "segmentation": segmentation,
        }],
    }  # fmt: skip


def by_pycocotools(file):
    """Pixels of the only annotation's mask, its polygons, and what it says of its area."""
    with contextlib.redirect_stdout(io.StringIO()):
        found = COCO(str(file))
    (one,) = found.loadAnns(found.getAnnIds())
    if not one["segmentation"]:
        return None, 0, one["area"]
    lists = one["segmentation"] if isinstance(one["segmentation"], list) else ()
    return int(found.annToMask(one).sum()), len(lists), one["area"]


def by_supervision(file):
    read = supervision.DetectionDataset.from_coco("in/images/train", str(file), force_masks=True)
    ((_, _, found),) = read
    return read, int(found.mask.sum())


edges = np.flatnonzero(np.diff(ring.ravel(order="F"))) + 1
counts = np.diff([0, *edges, ring.size]).tolist()
for folder in ("in/annotations", "in/images/train"):
    Path(folder).mkdir(parents=True)
Image.fromarray(ring.astype(np.uint8) * 90).save("in/images/train/still.png")
given = Path("in/annotations/instances_train.json")
given.write_text(json.dumps(coco({"size": [HEIGHT, WIDTH], "counts": counts})))
told["given"] = by_pycocotools(given)

data, told["given, by supervision"] = by_supervision(given)
data.as_coco(images_directory_path="out", annotations_path="supervision.json")
told["supervision"] = by_pycocotools("supervision.json")
told["supervision, by itself"] = by_supervision("supervision.json")[1]

Dataset.import_from("in", "coco").export("datumaro", "coco_instances", save_media=True)
told["datumaro"] = by_pycocotools("datumaro/annotations/instances_train.json")

Path("sahi.json").write_text(json.dumps(Coco.from_coco_dict_or_path(str(given)).json))
told["sahi"] = by_pycocotools("sahi.json")

overlapping = [[10, 10, 29, 10, 29, 29, 10, 29], [20, 10, 39, 10, 39, 29, 20, 29]]
for name, polygons in (
    ("sahi, of the array", get_coco_segmentation_from_bool_mask(ring)),
    ("imantics, of the array", imantics.Mask(ring).polygons().segmentation),
    ("two that overlap", overlapping),
):
    Path("polygons.json").write_text(json.dumps(coco(polygons)))
    told[name] = by_pycocotools("polygons.json")[:2]
    whole = Mask(segmentation=polygons, full_shape=[HEIGHT, WIDTH]).bool_mask
    told[f"{name}, by sahi"] = int(whole.sum())
    told[f"{name}, by imantics"] = int(imantics.Polygons(polygons).mask(WIDTH, HEIGHT).array.sum())

for name, one in told.items():
    print(f"{name}: {one}")
SEEN = {
    "given": (400, 0, 400),
    "given, by supervision": 400,
    "supervision": (551, 2, 400),
    "supervision, by itself": 600,
    "datumaro": (551, 1, 551),
    "sahi": (None, 0, 600),
    "sahi, of the array": (551, 2),
    "sahi, of the array, by sahi": 400,
    "sahi, of the array, by imantics": 400,
    "imantics, of the array": (551, 2),
    "imantics, of the array, by sahi": 400,
    "imantics, of the array, by imantics": 400,
    "two that overlap": (551, 2),
    "two that overlap, by sahi": 456,
    "two that overlap, by imantics": 456,
}
for name, one in told.items():
    if one != SEEN[name]:
        raise SystemExit(f"changed: {name} was {SEEN[name]}")
PROGRAM
echo "as seen"
