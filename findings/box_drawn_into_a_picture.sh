#!/usr/bin/env bash
# LitData, datasets: what was drawn into an opened picture is not in the data set; the file is.
#
# litdata 0.2.76, torch 2.14.1, datasets 5.2.0, pillow 13.0.0, numpy 2.4.6, seen 2026-11-30.
# A banner is blackened in memory: `picture = Image.open("scan.jpg")`, then `ImageDraw` draws a box into
# it, in place. The picture that is handed over is black there, and what is stored is not: LitData's
# `JPEGSerializer` (which `optimize` and `map` choose for it) and the `Image` feature of datasets look
# whether the picture has a file's name, and take the file. LitData does so for JPEG alone, and gives
# back what was drawn into a PNG; datasets does so for both.
# Nothing is said of it. A copy has no file: hand over `picture.copy()`, or an array.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet litdata==0.2.76 torch==2.14.1 datasets==5.2.0 \
  pillow==13.0.0 numpy==2.4.6
cd "$work"
export HF_HOME="$work/cache"
cat > program.py <<'PROGRAM'
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
from litdata import StreamingDataset, optimize
from PIL import Image, ImageDraw

BANNER = 20  # rows
datasets.disable_progress_bars()


def blackened(name: str) -> Image.Image:
    """A picture of a file, whose banner was painted over in memory."""
    picture = Image.open(name)
    ImageDraw.Draw(picture).rectangle((0, 0, picture.width - 1, BANNER - 1), fill=0)
    assert np.asarray(picture)[:BANNER].max() == 0
    return picture


def brightest(picture: object) -> int:
    """The brightest level of what stands in the banner."""
    levels = np.asarray(picture)
    rows = levels[0] if levels.ndim == 3 else levels  # colors first: LitData's tensors
    assert rows.shape == (120, 160)
    return int(rows[:BANNER].max())


def by_datasets(picture: Image.Image) -> int:
    return brightest(datasets.Dataset.from_dict({"image": [picture]})[0]["image"])


def copied(name: str) -> Image.Image:
    return blackened(name).copy()


def by_litdata(made: Callable[[str], Image.Image], name: str, folder: str) -> int:
    optimize(made, [str(Path(name).resolve())], folder, num_workers=1, chunk_size=1, verbose=False)
    return brightest(StreamingDataset(folder)[0])


if __name__ == "__main__":
    scan = Image.fromarray(np.full((120, 160), 180, np.uint8))
    scan.save("scan.jpg", quality=95)
    scan.save("scan.png")
    for name in ("scan.jpg", "scan.png"):
        found = by_datasets(blackened(name))
        print("datasets:", name, "is black in memory; level of what is stored:", found)
        assert found > 170
        assert by_datasets(copied(name)) == 0
    found = by_litdata(blackened, "scan.jpg", "jpg")
    print("LitData: scan.jpg is black in memory; level of what is stored:", found)
    assert found > 170
    assert by_litdata(copied, "scan.jpg", "copied") == 0
    assert by_litdata(blackened, "scan.png", "png") == 0
PROGRAM
venv/bin/python program.py
echo "as seen"
