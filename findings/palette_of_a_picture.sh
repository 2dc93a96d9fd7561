#!/usr/bin/env bash
# MDS, LitData: a picture with a palette comes back as the numbers of its colors.
#
# mosaicml-streaming 0.13.0, litdata 0.2.76, torch 2.14.1, pillow 13.0.0, numpy 2.1.3, seen 2026-11-30.
# Color Doppler is often kept in 256 colors: PNG and GIF with a palette, which Pillow opens in the mode P.
# MDS' encoding `pil` and LitData's `PILSerializer`, which `optimize` chooses for PNG and GIF, store a
# picture's mode, size and samples, and no palette. What comes back has the mode P, too, and a palette
# without any entry: as RGB it is black all over, and as an array it has the numbers of the colors, which
# are in no order of brightness. Nothing is said of it. MDS' encoding `png` keeps the palette. For the
# others hand over `picture.convert("RGB")`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet mosaicml-streaming==0.13.0 litdata==0.2.76 torch==2.14.1 \
  pillow==13.0.0 numpy==2.1.3
cd "$work"
cat > program.py <<'PROGRAM'
import numpy as np
from litdata import StreamingDataset as LitData
from litdata import optimize
from PIL import Image
from streaming import MDSWriter
from streaming import StreamingDataset as Mds


folders = iter(range(1000))


def opened(name: str) -> Image.Image:
    return Image.open(name)


def painted(name: str) -> Image.Image:
    return Image.open(name).convert("RGB")


def by_mds(picture: Image.Image, encoding: str) -> Image.Image:
    folder = f"mds-{next(folders)}"
    with MDSWriter(out=folder, columns={"scan": encoding}) as writer:
        writer.write({"scan": picture})
    return Mds(local=folder, batch_size=1, shuffle=False)[0]["scan"]


def by_litdata(made, name: str) -> Image.Image:
    folder = f"litdata-{made.__name__}-{name}"
    optimize(made, [name], folder, num_workers=1, chunk_size=1, verbose=False)
    return LitData(folder)[0]


if __name__ == "__main__":
    drawn = np.random.default_rng(0)
    numbers = drawn.integers(0, 256, (48, 64), dtype=np.uint8)
    colors = drawn.permutation(256).astype(np.uint8)[:, None] + np.array([0, 80, 160], np.uint8)
    scan = Image.fromarray(numbers).convert("P")
    scan.putpalette(colors.tobytes())
    for name in ("scan.png", "scan.gif"):
        scan.save(name)
        right = np.asarray(painted(name))
        assert opened(name).mode == "P" and np.array_equal(right, colors[numbers])
        for library, found in (
            ("MDS", by_mds(opened(name), "pil")),
            ("LitData", by_litdata(opened, name)),
        ):
            brightest = max(high for _, high in found.convert("RGB").getextrema())
            print(f"{library}, {name}: {found.mode}, brightest level as RGB {brightest}")
            assert found.mode == "P" and brightest == 0
            assert np.array_equal(np.asarray(found), np.asarray(opened(name)))
        assert np.array_equal(np.asarray(by_mds(opened(name), "png").convert("RGB")), right)
        assert np.array_equal(np.asarray(by_mds(painted(name), "pil")), right)
        lit = np.asarray(by_litdata(painted, name))
        assert np.array_equal(lit if lit.shape == right.shape else lit.transpose(1, 2, 0), right)
PROGRAM
venv/bin/python program.py
echo "as seen"
