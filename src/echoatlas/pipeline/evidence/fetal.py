"""The fetal context: with it, an adult's organ is the fetus's.

DICOM has no codes for fetal anatomy: "heart" in an obstetric study is the fetal heart. So the
context is looked for first, over all sources, and then moves what the sources name.
"""

from __future__ import annotations

MOVED = {
    "abdomen": "fetus/fetal_abdomen",
    "back": "fetus/fetal_spine",
    "head_neck": "fetus/fetal_head",
    "lower_limb": "fetus/fetal_limb",
    "upper_limb": "fetus/fetal_limb",
    "thorax": "fetus/fetal_thorax",
    "thorax/heart": "fetus/fetal_heart",
    "pelvis/urinary_bladder": "fetus/fetal_abdomen",
    "other": "fetus",
}
# The mother's, however pregnant she is: they are looked at in obstetric studies.
MATERNAL = frozenset({"pelvis/uterine_cervix", "pelvis/ovary", "pelvis/pubic_symphysis"})


def moved(path: str) -> str:
    """Where an adult's node stands in a fetal context; the mother's own stay."""
    if path in MOVED:
        return MOVED[path]
    region = path.partition("/")[0]
    return path if region in ("fetus", "pelvis") else MOVED.get(region, path)


def settled(paths: set[str]) -> set[str]:
    """The paths of one source in a fetal context, without what the context itself explains."""
    placed = {moved(path) for path in paths}
    if placed & MATERNAL:
        placed.discard("fetus")
    if any(path.startswith("fetus") for path in placed):
        placed.discard("pelvis")  # transvaginal is how one looks at an early pregnancy
    return placed
