#!/usr/bin/env bash
# imageio and moviepy: a cine whose frames are not evenly apart comes back with as many frames as it
# has, or nearly, of which some are missing and others there twice.
#
# imageio 2.38.1 with imageio-ffmpeg 0.8.1, moviepy 2.2.1, decord 0.6.0, PyAV 18.1.0, seen 2026-11-29.
# An H.264 MP4 of 61 gray frames, each of a level of its own, written with the times of a scanner that
# skips (20, 33, 60 or 120 ms apart), is read by
#   PyAV, decord, imageio's pyav plugin     61 frames, each once
#   imageio's reader for ffmpeg             61 frames: 8 are missing, 8 others are there twice
#   moviepy                                 60 frames: 9 are missing, the last of them among these
# Counting frames shows nothing: both resample to the rate that ffmpeg states for the file. With even
# times at 30 a second imageio is right, and moviepy leaves out the last of 61 (not of 60, 62, 63).
# So labels and boxes by frame number belong to other frames, and a clip for those readers has to be
# written at an even rate.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet av==18.1.0 imageio==2.38.1 imageio-ffmpeg==0.8.1 \
  moviepy==2.2.1 decord==0.6.0 numpy==2.4.0
cd "$work"
venv/bin/python - <<'PROGRAM'
from fractions import Fraction

import av
import decord
import imageio
import imageio.v3
import moviepy
import numpy as np

MILLISECOND = Fraction(1, 1000)


def written(name, times):
    with av.open(name, "w") as out:
        stream = out.add_stream("libx264", rate=30, options={"qp": "0", "g": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        for number, time in enumerate(times):
            level = np.full((48, 64), 10 + 3 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(level, "gray").reformat(format="yuvj420p")
            frame.pts, frame.time_base = int(time), MILLISECOND
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return name


def numbers(frames):
    """Which frames these are, by their level."""
    return [round((float(np.asarray(one, float).mean()) - 10) / 3) for one in frames]


def read(name):
    with av.open(name) as file:
        by_pyav = numbers(one.to_ndarray(format="gray") for one in file.decode(video=0))
    clip = moviepy.VideoFileClip(name)
    by_moviepy = numbers(clip.iter_frames())
    clip.close()
    all_of = {
        "PyAV": by_pyav,
        "decord": numbers(decord.VideoReader(name)[:].asnumpy()),
        "imageio, pyav": numbers(imageio.v3.imiter(name, plugin="pyav")),
        "imageio, ffmpeg": numbers(iter(imageio.get_reader(name, "ffmpeg"))),
        "moviepy": by_moviepy,
    }
    known = set(by_pyav)
    return {who: (len(got), len(known - set(got)), len(got) - len(set(got))) for who, got in all_of.items()}


steps = np.random.default_rng(0).choice([20, 33, 33, 60, 120], 61)
told = {"uneven": read(written("uneven.mp4", np.cumsum(steps)))}
for count in (60, 61, 62, 63):
    told[count] = read(written(f"{count}.mp4", [round(1000 * one / 30) for one in range(count)]))

whole = ("PyAV", "decord", "imageio, pyav")  # frames, missing, twice
seen = {"uneven": dict.fromkeys(whole, (61, 0, 0)) | {"imageio, ffmpeg": (61, 8, 8), "moviepy": (60, 9, 8)}}
for count in (60, 61, 62, 63):
    seen[count] = dict.fromkeys((*whole, "imageio, ffmpeg", "moviepy"), (count, 0, 0))
seen[61]["moviepy"] = (60, 1, 0)
for name, readers in told.items():
    for who, one in readers.items():
        print(f"{name!s:7} {who:16} {one[0]} frames, {one[1]} missing, {one[2]} twice")
        if one != seen[name][who]:
            raise SystemExit(f"changed: seen was {seen[name][who]}")
PROGRAM
echo "as described"
