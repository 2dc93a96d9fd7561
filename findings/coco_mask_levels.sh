#!/usr/bin/env bash
# pycocotools: a mask whose levels number its structures decodes to a mask of something else.
#
# pycocotools 2.0.11 with numpy 2.4.0, seen 2026-11-29.
# mask.encode() takes any uint8 array and raises nothing. Levels 0 and 255, as a mask is stored in a PNG,
# come back right. With 0, 1 and 2 (atrium and ventricle in one array, say) every change of level begins
# a run, so from the border between 1 and 2 on inside and outside are exchanged: two squares of
# 3 x 3 that overlap, 16 pixels in 6 x 8, come back as 20, of which 13 are background. area() says 20 as
# well, so sums agree with the wrong mask. A mask has to be made two-valued before it is encoded.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycocotools==2.0.11 numpy==2.4.0
cd "$work"
venv/bin/python - <<'PROGRAM'
import numpy as np
from pycocotools import mask

two_structures = np.zeros((6, 8), np.uint8)
two_structures[1:4, 2:5] = 1
two_structures[2:5, 4:7] = 2
white = np.where(two_structures > 0, 255, 0).astype(np.uint8)


def told(levels):
    packed = mask.encode(np.asfortranarray(levels))
    back = mask.decode(packed) > 0
    truth = levels > 0
    return int(truth.sum()), int(back.sum()), int((back & ~truth).sum()), int(mask.area(packed))


print("pixels, decoded, of them background, area()")
seen = {"0 and 255": (16, 16, 0, 16), "0, 1 and 2": (16, 20, 13, 20)}
for name, levels in (("0 and 255", white), ("0, 1 and 2", two_structures)):
    print(f"{name:10} {told(levels)}")
    if told(levels) != seen[name]:
        raise SystemExit(f"changed: seen was {seen[name]}")
PROGRAM
echo "as described"
