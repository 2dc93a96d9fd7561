#!/usr/bin/env bash
# decord, imageio: every frame of an uncompressed AVI of 8 bits is black.
#
# decord 0.6.0, imageio 2.38.1, PyAV 18.1.0, opencv-python-headless 5.0.0.93, imageio-ffmpeg 0.8.1,
# numpy 2.4.6, seen 2026-12-01.
# Frame grabbers and MATLAB (VideoWriter, "Indexed AVI") write gray ultrasound as what a bitmap of 8 bits
# is: an index a pixel and a palette of 256 colors in the stream's header, rows bottom up. In memory such
# a frame has two planes, indexes and palette. Of one whose palette is gray, and of one in colors,
#   decord, and imageio's `imread` by its plugin for PyAV     as many frames as there are, each of 0
#   imageio's `imiter` by that plugin, and `imread` by its plugin for FFmpeg    right
#   OpenCV, PyAV                                              right
# Nothing is said: shapes, number of frames and rate are right. The palette is lost where a frame is sent
# through a filter graph without it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet decord==0.6.0 imageio==2.38.1 av==18.1.0 \
  opencv-python-headless==5.0.0.93 imageio-ffmpeg==0.8.1 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import struct

import av
import cv2
import decord
import imageio.v3 as iio
import numpy as np


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def listed(name, *parts):
    return chunk(b"LIST", name + b"".join(parts))


def indexed_avi(indexes, palette, rate=25):
    """An uncompressed AVI of (T, H, W) indexes into (256, 3) colors."""
    frames, height, width = indexes.shape
    stored = np.pad(indexes[:, ::-1], ((0, 0), (0, 0), (0, -width % 4)))
    size = stored[0].nbytes
    main = (1_000_000 // rate, size * rate, 0, 0x10, frames, 0, 1, size, width, height, 0, 0, 0, 0)
    stream = (0, 0, 0, 0, 1, rate, 0, frames, size, 0xFFFFFFFF, 0, 0, 0, width, height)
    bitmap = (40, width, height, 1, 8, 0, size, 0, 0, 256, 0)
    colors = np.pad(palette[:, ::-1], ((0, 0), (0, 1))).tobytes()  # blue, green, red, 0
    head = listed(
        b"hdrl",
        chunk(b"avih", struct.pack("<14I", *main)),
        listed(
            b"strl",
            chunk(b"strh", b"vidsDIB " + struct.pack("<IHHIIIIIIIIhhhh", *stream)),
            chunk(b"strf", struct.pack("<IiiHHIIiiII", *bitmap) + colors),
        ),
    )
    movie = listed(b"movi", *(chunk(b"00db", frame.tobytes()) for frame in stored))
    places = (struct.pack("<III", 0x10, 4 + at * (size + 8), size) for at in range(frames))
    index = chunk(b"idx1", b"".join(b"00db" + place for place in places))
    return chunk(b"RIFF", b"AVI " + head + movie + index)


def by_opencv(name):
    capture = cv2.VideoCapture(name)
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1][..., ::-1])
    return np.stack(frames)


def by_pyav(name):
    with av.open(name) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


drawn = np.random.default_rng(0)
indexes = drawn.integers(0, 256, (5, 48, 64)).astype(np.uint8)
ramp = np.arange(256, dtype=np.uint8)
palettes = {
    "gray": np.stack([ramp] * 3, axis=1),
    "colors": np.stack([255 - ramp, ramp, ramp // 2], axis=1),
}
readers = {
    "PyAV": by_pyav,
    "OpenCV": by_opencv,
    "imageio, imread by FFmpeg": lambda name: iio.imread(name, plugin="FFMPEG"),
    "imageio, imiter by PyAV": lambda name: np.stack(list(iio.imiter(name, plugin="pyav"))),
    "imageio, imread by PyAV": lambda name: iio.imread(name, plugin="pyav"),
    "decord": lambda name: decord.VideoReader(name)[:].asnumpy(),
}
for kind, palette in palettes.items():
    with open(f"{kind}.avi", "wb") as file:
        file.write(indexed_avi(indexes, palette))
    for reader, read in readers.items():
        found = np.asarray(read(f"{kind}.avi"))
        assert found.shape == (5, 48, 64, 3)
        off = np.abs(found.astype(int) - palette[indexes]).max()
        print(f"{kind:7} {reader:26} brightest {found.max()}, off by {off}")
        dark = reader in ("decord", "imageio, imread by PyAV")
        if (found.max() == 0) != dark or (off > 2) != dark:
            raise SystemExit("changed: see above")
PROGRAM
echo "as seen"
