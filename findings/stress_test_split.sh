#!/usr/bin/env bash
# datasets: of an echo collection only the stress tests are there, and a picture of the training set is
# in the test set, by a word in a name.
#
# datasets 5.2.0, pillow 13.0.0, seen 2026-12-01.
# load_dataset("imagefolder", data_dir=...) looks for train, test, val, dev, eval and the like between
# any two of " -_./" or digits, anywhere in a path, and says nothing of what it leaves out.
#   A/rest_1.png, A/stress_test_2.png, B/recovery_3.png   1 of 3: a "test" split with the stress test
#   left/1.png, left/2.png, pre-test/3.png                1 of 3, "test"
#   rest/1.png, stresstest/2.png                          both, as "train"
#   train/rest/1.png, train/stress-test/2.png,            2 pictures of train; 2 of test, of which one
#   test/rest/3.png                                       is train/stress-test/2.png
# In the last, splits are folders as the library's pages have it, and a class is called by a word: what
# a model was trained on is counted as unseen. Patterns stated for each split avoid it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pillow==13.0.0 numpy==2.4.6
cd "$work"
HF_HUB_OFFLINE=1 HF_HOME="$work/home" HF_DATASETS_DISABLE_PROGRESS_BARS=1 venv/bin/python - <<'PROGRAM'
from pathlib import Path

import numpy as np
from datasets import load_dataset
from PIL import Image

SEEN = [
    (["A/rest_1", "A/stress_test_2", "B/recovery_3"], {"test": [1]}),
    (["left/1", "left/2", "pre-test/3"], {"test": [2]}),
    (["rest/1", "stresstest/2"], {"train": [0, 1]}),
    (["train/rest/1", "train/stress-test/2", "test/rest/3"], {"train": [0, 1], "test": [1, 2]}),
]


def load(number, names, **patterns):
    """Which pictures are in each split, by their level."""
    for level, name in enumerate(names):
        path = Path(f"{number}/{name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), level, np.uint8)).save(path)
    read = load_dataset("imagefolder", data_dir=str(number), cache_dir=f"cache{number}", **patterns)
    return {
        split: sorted(int(np.asarray(row["image"])[0, 0]) for row in rows)
        for split, rows in read.items()
    }


for number, (names, seen) in enumerate(SEEN):
    found = load(number, names)
    told = {split: [names[level] for level in levels] for split, levels in found.items()}
    print(f"{names} -> {told}")
    if found != seen:
        raise SystemExit("changed: see above")
stated = load(9, SEEN[3][0], data_files={"train": "train/**", "test": "test/**"})
print(f"patterns stated -> {stated}")
if stated != {"train": [0, 1], "test": [2]}:
    raise SystemExit("changed: see above")
PROGRAM
echo "as seen"
