#!/usr/bin/env bash
# imageio, moviepy, OpenCV: of a video with a clean aperture, size and scale depend on the reader.
#
# opencv-python-headless 5.0.0.93, decord 0.6.0, imageio 2.38.1 with PyAV 18.1.0 and with imageio-ffmpeg
# 0.8.1 (FFmpeg 9.0.2), moviepy 2.2.1, numpy 2.4.6, seen 2026-12-01.
# QuickTime and MP4 say which part of coded pictures is shown (``clap``, ISO/IEC 14496-12, 12.1.4), as of
# video from capture cards, whose edges are none of the scan's. Of 128 x 96 that are coded and 96 x 64 that
# are shown come
#   imageio by imageio-ffmpeg   96 x 64, what is shown; a warning on sizes
#   imageio by PyAV             128 x 96, all that is coded
#   OpenCV, decord              128 x 96, all that is coded
#   moviepy                     128 x 96, but what is shown, stretched: by a third across, by half down
# So outlines drawn on frames of one lie elsewhere on those of the other, a loader of the same name gives
# other sizes by which plugin is installed, and moviepy's pixels are of another size, and no squares.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet opencv-python-headless==5.0.0.93 decord==0.6.0 imageio==2.38.1 \
  imageio-ffmpeg==0.8.1 av==18.1.0 moviepy==2.2.1 numpy==2.4.6
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

# Width, height, and how far the middle of what is shown is to the right and below: as fractions
clean = struct.pack(">I4s8i", 40, b"clap", 96, 1, 64, 1, 8, 1, -6, 1)
made = bytearray(open("plain.mp4", "rb").read())
places = [made.rindex(name) - 4 for name in b"moov trak mdia minf stbl stsd avc1".split()]
end = places[-1] + struct.unpack_from(">I", made, places[-1])[0]
made[end:end] = clean  # the last box of the last sample entry; boxes lie behind the pictures
for place in places:
    struct.pack_into(">I", made, place, struct.unpack_from(">I", made, place)[0] + len(clean))
open("said.mp4", "wb").write(made)
shown = heart[10:74, 24:120]


def by_moviepy():
    with VideoFileClip("said.mp4") as clip:
        return clip.get_frame(0)


READERS = {
    "imageio, imageio-ffmpeg": lambda: imageio.v2.get_reader("said.mp4", format="FFMPEG").get_data(0),
    "imageio, PyAV": lambda: imageio.v3.imread("said.mp4", plugin="pyav", index=0),
    "OpenCV": lambda: cv2.VideoCapture("said.mp4").read()[1],
    "decord": lambda: decord.VideoReader("said.mp4")[0].asnumpy(),
    "moviepy": by_moviepy,
}
LOOKS = {
    "all that is coded": heart,
    "what is shown": shown,
    "what is shown, stretched": cv2.resize(shown, (128, 96), interpolation=cv2.INTER_CUBIC),
}
SEEN = {"imageio, imageio-ffmpeg": "what is shown", "moviepy": "what is shown, stretched"}
for who, read in READERS.items():
    found = read().astype(float).mean(axis=-1)
    alike = {name: one for name, one in LOOKS.items() if one.shape == found.shape}
    looks = [name for name, one in alike.items() if np.abs(one - found).mean() < 3]
    print(f"{who}: {found.shape[1]} x {found.shape[0]}, {looks}")
    if looks != [SEEN.get(who, "all that is coded")]:
        raise SystemExit("changed")
PROGRAM
echo "as seen"
