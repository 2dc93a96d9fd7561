#!/usr/bin/env bash
# OpenCV, decord: a video that is stored mirrored is upside down.
#
# opencv-python-headless 5.0.0.93, decord 0.6.0, imageio 2.38.1 with PyAV 18.1.0 and with imageio-ffmpeg
# 0.6.0, moviepy 2.2.1, numpy 2.4.6, seen 2026-12-01.
# An MP4 says in its track's header how pictures are turned and mirrored to be shown (ISO/IEC 14496-12,
# 8.3.2), as where a phone's front camera filmed. Of a track that says so come
#                           mirrored left to right    mirrored top to bottom     half a turn
#   imageio-ffmpeg, moviepy as said                   as said                    as said
#   OpenCV, decord          half a turn               as coded: upside down      as said
#   imageio by PyAV         as coded                  as coded: upside down      as coded: upside down
# Those in the middle ask FFmpeg for an angle, and a mirror image has none: what is said is that of half a
# turn, or of none. So the apex is at the bottom, or left is right, though turned videos are shown as they
# should be. Nothing warns.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet opencv-python-headless==5.0.0.93 decord==0.6.0 imageio==2.38.1 \
  imageio-ffmpeg==0.6.0 av==18.1.0 moviepy==2.2.1 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import struct
import warnings
from fractions import Fraction

warnings.simplefilter("ignore")
import av
import cv2
import decord
import imageio.v2
import imageio.v3
import numpy as np
from moviepy import VideoFileClip

y, x = np.mgrid[:96, :128]
heart = (40 + 120 * np.exp(-((x - 40) ** 2 + (y - 30) ** 2) / 300) + x / 4).astype(np.uint8)
with av.open("plain.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=25, options={"qp": "0"})
    stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
    for number in range(10):
        frame = av.VideoFrame.from_ndarray(heart, "gray").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))
plain = open("plain.mp4", "rb").read()
at = plain.index(b"tkhd") + 44  # behind version, times, number, duration, layer and volume


def say(a, b, c, d, right=0, down=0):
    """The video with another matrix in its track's header."""
    sides = [value << 16 for value in (a, b, 0, c, d, 0, right, down)]
    sides[2] = sides[5] = 0
    with open("said.mp4", "wb") as file:
        file.write(plain[:at] + struct.pack(">9i", *sides, 1 << 30) + plain[at + 36 :])


def by_opencv():
    return cv2.VideoCapture("said.mp4").read()[1]


def by_moviepy():
    with VideoFileClip("said.mp4") as clip:
        return clip.get_frame(0)


READERS = {
    "FFmpeg's program": lambda: imageio.v2.get_reader("said.mp4", format="FFMPEG").get_data(0),
    "OpenCV": by_opencv,
    "decord": lambda: decord.VideoReader("said.mp4")[0].asnumpy(),
    "imageio, PyAV": lambda: imageio.v3.imread("said.mp4", plugin="pyav", index=0),
    "moviepy": by_moviepy,
}
LOOKS = {
    "as coded": heart,
    "mirrored left to right": heart[:, ::-1],
    "mirrored top to bottom": heart[::-1],
    "half a turn": heart[::-1, ::-1],
}
SAID = {
    "mirrored left to right": (-1, 0, 0, 1, 128, 0),
    "mirrored top to bottom": (1, 0, 0, -1, 0, 96),
    "half a turn": (-1, 0, 0, -1, 128, 96),
}
TOLD = {"FFmpeg's program", "moviepy"}  # show what is said, whatever it is
SEEN = {
    "mirrored left to right": {"OpenCV": "half a turn", "decord": "half a turn"},
    "mirrored top to bottom": {"OpenCV": "as coded", "decord": "as coded"},
    "half a turn": {"OpenCV": "half a turn", "decord": "half a turn"},
}
for said, matrix in SAID.items():
    say(*matrix)
    for who, read in READERS.items():
        found = read().astype(float).mean(axis=-1)
        looks = [name for name, one in LOOKS.items() if np.abs(one - found).mean() < 3]
        print(f"{said}; {who}: {looks}")
        seen = said if who in TOLD else SEEN[said].get(who, "as coded")
        if looks != [seen]:
            raise SystemExit(f"changed: was {seen}")
PROGRAM
echo "as seen"
