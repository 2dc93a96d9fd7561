#!/usr/bin/env bash
# USAugment: a shadow of a quarter, or attenuation by depth, makes the fan of an 8-bit scan black.
#
# usaugment 1.0.1 with albumentations 2.0.8, numpy 2.4.6, seen 2026-12-01.
# Its transforms take any picture that albumentations takes, and a mask of the fan (1 inside). A fan of
# gray 120 among 60 is then, as uint8
#   DepthAttenuation     0 all over
#   GaussianShadow       0 all over, at a strength of .25, which darkens by a quarter at most
#   HazeArtifact         1, and outside of it 1 as well
#   SpeckleReduction     .47, while what is outside stays 60
# and as float32 from 0 to 1 what was meant. Factors are cut to the type of the picture before they are
# multiplied, sums are limited to 1, and one result is scaled. No error and no warning, and the type that
# comes back has fractions. Nor does Compose(seed=...) repeat what was drawn: it is drawn elsewhere.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet usaugment==1.0.1 albumentations==2.0.8 numpy==2.4.6
cd "$work"
NO_ALBUMENTATIONS_UPDATE=1 venv/bin/python - <<'PROGRAM'
import warnings

warnings.simplefilter("ignore")
import albumentations
import numpy as np
from usaugment.albumentations import (
    DepthAttenuation,
    GaussianShadow,
    HazeArtifact,
    SpeckleReduction,
)

fan = np.zeros((48, 64), np.uint8)
fan[4:44, 8:56] = 1
scan = np.where(fan, 120, 60).astype(np.uint8)
TRANSFORMS = {
    "DepthAttenuation": DepthAttenuation(attenuation_rate=1.0, p=1),
    "GaussianShadow": GaussianShadow(strength=0.25, sigma_x=0.2, sigma_y=0.2, p=1),
    "HazeArtifact": HazeArtifact(radius=0.5, sigma=0.05, p=1),
    "SpeckleReduction": SpeckleReduction(sigma_spatial=1.0, sigma_color=1.0, p=1),
}
SEEN = {"DepthAttenuation": (0.0, 60.0), "GaussianShadow": (0.0, 60.0), "HazeArtifact": (1.0, 1.0),
        "SpeckleReduction": (0.47, 60.0)}  # fmt: skip


def transformed(name, picture):
    return albumentations.Compose([TRANSFORMS[name]], seed=0)(image=picture, scan_mask=fan)["image"]


for name, (inside, outside) in SEEN.items():
    np.random.seed(0)
    made = transformed(name, scan)
    told = tuple(round(float(np.median(made[fan == one])), 2) for one in (1, 0))
    reals = 255 * transformed(name, scan.astype(np.float32) / 255)
    print(f"{name}, inside and outside: uint8 {told}, reals {np.median(reals[fan == 1]):.0f} of 255")
    if told != (inside, outside) or not 30 < np.median(reals[fan == 1]) < 130:
        raise SystemExit("changed: see above")
    if name in ("DepthAttenuation", "GaussianShadow") and made[fan == 1].any():
        raise SystemExit("changed: not all of the fan is black")
twice = [transformed("HazeArtifact", scan.astype(np.float32) / 255) for _ in range(2)]
if np.array_equal(*twice):
    raise SystemExit("changed: a seed repeats what was drawn")
PROGRAM
echo "as seen"
