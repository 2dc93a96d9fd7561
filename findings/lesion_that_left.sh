#!/usr/bin/env bash
# datumaro: a lesion that has left the picture is still there, once a CVAT track became YOLO, COCO, VOC,
# KITTI or Open Images.
#
# datumaro 1.13.12, pycocotools 2.0.11, pillow, numpy 2.4.6, seen 2026-12-01.
# In CVAT for video 1.1 a track ends with a box of outside="1", which lies where the last one lay and says
# that from this frame on there is nothing. Of a sweep of 6 frames, a lesion in frames 0 to 2, outside in 3,
# again in 5:
#   datumaro reads                boxes in frames 0, 1, 2, 3 and 5; the fourth has an attribute "outside"
#   YOLO, VOC, KITTI, Open Images a box in frame 3 like any other; nothing says that it is none
#   COCO, by pycocotools          five boxes; "attributes" of the fourth say so, which nobody else reads
#   MOT                           five boxes, the last in the fifth frame instead of the sixth as well
# So each time that a structure leaves the plane, a frame of healthy tissue is labeled with it, and it is
# the one that looks most like those before it. Nothing warns.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datumaro==1.13.12 pycocotools==2.0.11 numpy==2.4.6 pillow
cd "$work"
venv/bin/python - <<'PROGRAM'
import contextlib
import io
import logging
import re
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import numpy as np
from datumaro.components.dataset import Dataset
from PIL import Image
from pycocotools.coco import COCO

BOX = (
    '<box frame="{}" keyframe="1" outside="{}" occluded="0" xtl="10.0" ytl="8.0" xbr="30.0"'
    ' ybr="24.0" z_order="0"></box>'
)
track = "".join(BOX.format(frame, int(frame == 3)) for frame in (0, 1, 2, 3, 5))
images = Path("sweep/images")
images.mkdir(parents=True)
for frame in range(6):
    picture = np.full((48, 64), 20 * frame, np.uint8)
    Image.fromarray(picture).save(images / f"frame_{frame:06d}.png")
(images.parent / "annotations.xml").write_text(f"""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>1</id><name>sweep</name><size>6</size>
<mode>interpolation</mode><start_frame>0</start_frame><stop_frame>5</stop_frame>
<labels><label><name>lesion</name><attributes></attributes></label></labels>
<original_size><width>64</width><height>48</height></original_size></task></meta>
<track id="0" label="lesion" source="manual">{track}</track></annotations>""")

sweep = Dataset.import_from("sweep", "cvat")
read = {one.id: [box.attributes["outside"] for box in one.annotations] for one in sweep}
frames = {int(name[-6:]): said for name, said in read.items() if said}
print("read:", frames)
if frames != {0: [False], 1: [False], 2: [False], 3: [True], 5: [False]}:
    raise SystemExit("changed: see above")


def frames_of(folder, pattern, kind="*"):
    """Frames of which a file, or a line of a file, has a box."""
    found = set()
    for file in Path(folder).rglob(kind):
        text = file.read_text() if file.suffix in (".txt", ".xml", ".csv") else ""
        for line in [f"{file.name} {text}"] if file.suffix != ".csv" else text.splitlines():
            named = re.search(r"frame_(\d{6})", line)
            if named and re.search(pattern, line):
                found.add(int(named[1]))
    return sorted(found)


PATTERNS = {
    "yolo": (r"\.txt 0 0\.3", "frame_*.txt"),
    "voc": ("<bndbox>", "frame_*.xml"),
    "kitti": ("lesion", "frame_*.txt"),
    "open_images": (",/m/0,|,0,", "*-annotations-bbox.csv"),
}
for form, (pattern, kind) in PATTERNS.items():
    sweep.export(form, form, save_media=False)
    found = frames_of(form, pattern, kind)
    print(f"{form}: boxes in frames {found}")
    if found != [0, 1, 2, 3, 5]:
        raise SystemExit("changed: see above")

sweep.export("coco", "coco_instances", save_media=False)
(file,) = Path("coco/annotations").glob("*.json")
with contextlib.redirect_stdout(io.StringIO()):
    coco = COCO(str(file))
said = [one["attributes"]["outside"] for one in coco.loadAnns(coco.getAnnIds())]
print("COCO:", said)
if said != [False, False, False, True, False]:
    raise SystemExit("changed: see above")

sweep.export("mot", "mot_seq_gt", save_media=False)
(file,) = Path("mot").rglob("gt.txt")
numbers = [int(line.partition(",")[0]) for line in file.read_text().split()]
print("MOT, frames from 1:", numbers)
if numbers != [1, 2, 3, 4, 5]:
    raise SystemExit("changed: see above")
PROGRAM
echo "as seen"
