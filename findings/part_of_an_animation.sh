#!/usr/bin/env bash
# Pillow, imageio: calipers that are shown in one frame of an animated PNG stay in all that follow.
#
# pillow 13.0.0, imageio 2.38.1, opencv-python-headless 5.0.0.93, av 18.1.0, numpy 2.4.6, seen 2026-12-01.
# A frame of an animated PNG may be a part that is laid over what is there, and then taken away again: blend
# OVER, dispose PREVIOUS (PNG, 3rd ed., 11.3.6.2), as calipers or a label that come and go over a clip are
# packed. Of echoes, then calipers over them, then nothing new come
#   OpenCV, PyAV      echoes, echoes with calipers, echoes
#   Pillow, imageio   echoes, echoes with calipers, echoes with calipers
# in gray, in color and with transparency; with blend SOURCE, or dispose BACKGROUND, all agree. Nothing warns.
# What was measured in one frame is burned into the rest of the clip, and two readers' frames are unlike.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0 imageio==2.38.1 opencv-python-headless==5.0.0.93 \
  av==18.1.0 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import struct
import zlib

import av
import cv2
import imageio.v3
import numpy as np
from PIL import Image, ImageSequence

GRAY, RGB, RGBA = 0, 2, 6
BACKGROUND, PREVIOUS, SOURCE, OVER = 1, 2, 0, 1
y, x = np.mgrid[:64, :80]
echoes = (40 + 120 * np.exp(-((x - 30) ** 2 + (y - 20) ** 2) / 300) + x / 4).astype(np.uint8)
calipers = echoes.copy()
calipers[30:34, 20:60] = 255


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def coded(gray, color):
    samples = {GRAY: gray[..., None], RGB: np.dstack([gray] * 3)}.get(color)
    if samples is None:
        samples = np.dstack([gray, gray, gray, np.full_like(gray, 255)])
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in samples))


def clip(color, dispose, blend):
    """Echoes; the calipers' own rows and columns; a corner of the echoes once more."""
    frames = ((0, 0, echoes), (20, 30, calipers[30:34, 20:60]), (0, 0, echoes[:4, :4]))
    made = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 80, 64, 8, color, 0, 0, 0))
    made += chunk(b"acTL", struct.pack(">II", len(frames), 0))
    number = 0
    for at, (left, top, gray) in enumerate(frames):
        said = (dispose, blend) if at == 1 else (0, SOURCE)
        height, width = gray.shape
        made += chunk(b"fcTL", struct.pack(">5I2H2B", number, width, height, left, top, 1, 25, *said))
        number += 1
        made += chunk(b"fdAT", struct.pack(">I", number) + coded(gray, color)) if at else chunk(
            b"IDAT", coded(gray, color)
        )
        number += bool(at)
    open("clip.png", "wb").write(made + chunk(b"IEND", b""))


def by_pillow():
    with Image.open("clip.png") as file:
        return [np.asarray(one.convert("L")) for one in ImageSequence.Iterator(file)]


def by_imageio():
    return [one[..., 0] if one.ndim > 2 else one for one in imageio.v3.imiter("clip.png", plugin="pillow")]


def by_opencv():
    return [one[..., 0] if one.ndim > 2 else one for one in cv2.imreadanimation("clip.png")[1].frames]


def by_pyav():
    with av.open("clip.png", format="apng") as file:
        return [one.to_ndarray(format="rgb24")[..., 0] for one in file.decode(video=0)]


READERS = {"Pillow": by_pillow, "imageio": by_imageio, "OpenCV": by_opencv, "PyAV": by_pyav}
for color in (GRAY, RGB, RGBA):
    for dispose, blend in ((PREVIOUS, OVER), (PREVIOUS, SOURCE), (BACKGROUND, OVER)):
        clip(color, dispose, blend)
        for who, read in READERS.items():
            first, second, third = (one.astype(int) for one in read())
            if np.abs(first - echoes).max() > 1 or np.abs(second - calipers).max() > 1:
                raise SystemExit(f"changed: {who}")
            stay = (third[30:34, 20:60] == 255).all()
            print(f"type {color}, dispose {dispose}, blend {blend}; {who}: {'stay' if stay else 'gone'}")
            wrong = who in ("Pillow", "imageio") and (dispose, blend) == (PREVIOUS, OVER)
            if stay != wrong:
                raise SystemExit("changed")
PROGRAM
echo "as seen"
