"""The fetal context: with it, an adult's organ is the fetus's.

DICOM has no codes for fetal anatomy: "heart" in an obstetric study is the fetal heart. So the
context is looked for first, over all sources, and then moves what the sources name.
"""

from __future__ import annotations

# What is examined in a fetus, and where it stands there. The rest stays: a thyroid or a shoulder
# under an obstetric preset is a preset that was left on, and has to show as a contradiction.
MOVED = {
    "abdomen": "fetus/fetal_abdomen",
    "abdomen/liver": "fetus/fetal_abdomen",
    "abdomen/gallbladder": "fetus/fetal_abdomen",
    "abdomen/kidney": "fetus/fetal_abdomen",
    "abdomen/stomach": "fetus/fetal_abdomen",
    "abdomen/intestine": "fetus/fetal_abdomen",
    "pelvis/urinary_bladder": "fetus/fetal_abdomen",
    "back": "fetus/fetal_spine",
    "back/spine": "fetus/fetal_spine",
    "back/spinal_cord": "fetus/fetal_spine",
    "head_neck": "fetus/fetal_head",
    "head_neck/brain": "fetus/fetal_head",
    "head_neck/eye": "fetus/fetal_head",
    "lower_limb": "fetus/fetal_limb",
    "lower_limb/thigh": "fetus/fetal_limb",
    "lower_limb/lower_leg": "fetus/fetal_limb",
    "lower_limb/foot_ankle": "fetus/fetal_limb",
    "upper_limb": "fetus/fetal_limb",
    "upper_limb/upper_arm": "fetus/fetal_limb",
    "upper_limb/forearm": "fetus/fetal_limb",
    "upper_limb/hand_wrist": "fetus/fetal_limb",
    "thorax": "fetus/fetal_thorax",
    "thorax/heart": "fetus/fetal_heart",
    "thorax/lung": "fetus/fetal_thorax",
    "other": "fetus",
    "other/soft_tissue": "fetus",
    "other/peripheral_vessel": "fetus",
}
# The mother's, however pregnant she is: they are looked at in obstetric studies.
MATERNAL = frozenset({"pelvis/uterine_cervix", "pelvis/ovary", "pelvis/pubic_symphysis"})


def moved(path: str) -> str:
    """Where an adult's node stands in a fetal context, if it moves at all."""
    return MOVED.get(path, path)


def settled(paths: set[str]) -> set[str]:
    """The paths of one source in a fetal context, without what the context itself explains."""
    placed = {moved(path) for path in paths}
    if placed & MATERNAL:
        placed.discard("fetus")
    if any(path.startswith("fetus") for path in placed):
        placed.discard("pelvis")  # transvaginal is how one looks at an early pregnancy
    return placed
