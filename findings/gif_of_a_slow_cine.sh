#!/usr/bin/env bash
# zea: of a gray cine that is saved as GIF two thirds of the frames are missing, and 14 of 110 gray
# levels are left.
#
# zea 0.1.8 with pillow 13.0.0 and jax 0.10.2, numpy 2.4.6, seen 2026-12-01.
# zea.io_lib.save_video() and load_video() of 30 frames of 96 x 128, uint8
#   brighter by one level every third frame   GIF: 10 frames, 14 levels; MP4: 30 frames
#   that move, with 10 alike in the middle    GIF: 21 frames; MP4: 30
#   of speckle                                GIF: 30 frames, 23 of 178 levels
# A GIF holds 256 grays. But colors are counted in 32 steps of each of red, green and blue, all frames
# are cut to those, and frames that are now alike are written as one that is shown for longer, which
# load_video() gives once. So frame numbers of labels and boxes are those of other frames, and it is not
# the frames that stand still that are lost, but those in which little moves, as around end-diastole.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet zea==0.1.8 jax==0.10.2 pillow==13.0.0 imageio==2.38.1 \
  imageio-ffmpeg==0.8.1 numpy==2.4.6
cd "$work"
KERAS_BACKEND=jax HOME="$work" venv/bin/python - <<'PROGRAM'
import numpy as np
from zea.io_lib import load_video, save_video

y, x = np.mgrid[:96, :128]
heart = (40 + 100 * np.exp(-((x - 64) ** 2 + (y - 48) ** 2) / 900)).astype(np.uint8)
noise = np.random.default_rng(0).normal(0, 12, (30, *heart.shape))
CLIPS = {
    "brighter": np.stack([heart + number // 3 for number in range(30)]).astype(np.uint8),
    "still in the middle": np.stack(
        [heart if 10 <= number < 20 else np.roll(heart, number, 1) for number in range(30)]
    ),
    "speckle": np.clip(heart + noise, 0, 255).astype(np.uint8),
}
SEEN = {"brighter": (10, 110, 14), "still in the middle": (21, 101, 13), "speckle": (30, 178, 23)}

for name, clip in CLIPS.items():
    save_video(clip, "clip.gif", fps=30)
    save_video(clip, "clip.mp4", fps=30)
    read, film = load_video("clip.gif"), load_video("clip.mp4")
    told = (len(read), len(np.unique(clip)), len(np.unique(read)))
    print(f"{name}: {told[0]} of 30 frames, {told[2]} of {told[1]} levels; MP4 {len(film)} frames")
    if told != SEEN[name] or len(film) != 30:
        raise SystemExit(f"changed: seen was {SEEN[name]}")
PROGRAM
echo "as seen"
