#!/usr/bin/env bash
# pycocotools, faster-coco-eval: a perfect detection of annotation number 0 counts as a miss.
#
# pycocotools 2.0.11, faster-coco-eval 1.8.0, numpy 2.4.6, seen 2026-12-01.
# COCO wants an annotation's id to be unique, and says no more. Of an image with n cysts, each found at
# its very box, average precision and recall are
#   ids from 1    1 and 1
#   ids from 0    n = 1: 0 and 0;  n = 2: .252 and .5;  n = 5: .642 and .8; boxes and masks alike
# Of each detection is kept the id of what it met, and 0 stands for nothing. No warning; loading, drawing
# and masks of such an annotation are right, and so is every score of sets that are large enough.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycocotools==2.0.11 faster-coco-eval==1.8.0 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import contextlib
import io

import numpy as np
from faster_coco_eval import COCO as FasterCOCO
from faster_coco_eval import COCOeval_faster
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

TOOLS = {"pycocotools": (COCO, COCOeval), "faster-coco-eval": (FasterCOCO, COCOeval_faster)}
SEEN = {1: (0.0, 0.0), 2: (0.252, 0.5), 5: (0.642, 0.8)}


def scored(tool, first, cysts, kind):
    """Average precision and recall of what is found exactly where it is."""
    load, evaluate = TOOLS[tool]
    boxes = [[5 + 6 * number, 10, 5, 8] for number in range(cysts)]
    drawn = []
    for x, y, width, height in boxes:
        area = np.zeros((48, 64), np.uint8, order="F")
        area[y : y + height, x : x + width] = 1
        drawn.append(mask.encode(area) | {"counts": mask.encode(area)["counts"].decode()})
    same = [
        {"image_id": 1, "category_id": 1, "bbox": box, "segmentation": area}
        for box, area in zip(boxes, drawn)
    ]
    truth = load()
    truth.dataset = {
        "info": {},
        "images": [{"id": 1, "width": 64, "height": 48, "file_name": "still.png"}],
        "categories": [{"id": 1, "name": "cyst"}],
        "annotations": [
            one | {"id": first + number, "area": 40, "iscrowd": 0}
            for number, one in enumerate(same)
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes([one | {"score": 0.9 - 0.01 * at} for at, one in enumerate(same)])
        judged = evaluate(truth, found, kind)
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return round(float(judged.stats[0]), 3), round(float(judged.stats[8]), 3)


for tool in TOOLS:
    for cysts, wrong in SEEN.items():
        for kind in ("bbox", "segm"):
            zero, one = (scored(tool, first, cysts, kind) for first in (0, 1))
            print(f"{tool}, {kind}, {cysts} of {cysts} found: ids from 0 {zero}, from 1 {one}")
            assert zero == wrong and one == (1.0, 1.0)
print("as seen")
PROGRAM
