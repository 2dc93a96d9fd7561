"""The fetal context: with it, an adult's organ is the fetus's.

DICOM has no codes for fetal anatomy: "heart" in an obstetric study is the fetal heart. So the
context is looked for first, over all sources, and what the sources name is read in it: surely the
fetus's where the source itself speaks of a fetus, else either's. A preset alone, which is often
left on from the patient before, makes no context against an order that names something else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echoatlas.pipeline.evidence.sources import Finding
    from echoatlas.schemas.records import Hint

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
}
# The mother's, however pregnant she is: they are looked at in obstetric studies.
MATERNAL = frozenset({"pelvis/uterine_cervix", "pelvis/ovary", "pelvis/pubic_symphysis"})


# Sources that name nodes of the tree themselves: nothing in them is moved to the fetus.
EXPLICIT = frozenset({"site_prior", "collection"})
PRESET = "image_type"
ADULT = ".adult"  # ends the rule of a hint that stays as it is in a fetal context
ORDERS = frozenset({"study", "procedure"})


def fetal_sources(found: Iterable[Finding]) -> frozenset[str]:
    """The sources that speak of a fetus; none where there is no fetal context."""
    listed = [one for one in found if one.axis == "anatomy" and not one.weak]
    # "OB/GYN" and an endovaginal probe say that it may be one: not enough to move a heart.
    speaking = {
        one.source for one in listed if one.node.startswith("fetus") and not one.alternative
    }
    if speaking == {PRESET} and any(one.source in ORDERS for one in listed):
        return frozenset()
    return frozenset(speaking)


def readings(finding: Finding, speaks: bool) -> tuple[str, ...]:
    """The nodes that a finding may be about in a fetal context.

    Args:
        speaks: its own source speaks of a fetus.
    """
    there = MOVED.get(finding.node, finding.node)
    if finding.adult or there == finding.node:
        return (finding.node,)
    if speaks:
        return (there,)
    # A preset for abdomens in an obstetric study tells nothing of the fetus's own abdomen.
    return finding.node, "fetus" if finding.source == PRESET else there


def beside_report(hints: Iterable[Hint], measured: Iterable[Hint]) -> list[Hint]:
    """The hints of a picture, read in the context that a report of its study makes.

    A report that measured a fetus makes a heart the fetus's or the mother's: with what it
    measured, most often the fetus's. What a site or collection says, and terms that are an
    adult's alone, stay as they are.
    """
    told = list(hints)
    if not any(one.axis == "anatomy" and one.node.startswith("fetus") for one in measured):
        return told
    moved = [
        replace(one, node="fetus" if one.source == PRESET else MOVED[one.node])
        for one in told
        if one.axis == "anatomy" and one.node in MOVED and one.source not in EXPLICIT
        if not one.rule.endswith(ADULT)
    ]
    return [*told, *moved]


def settled(placed: set[str]) -> set[str]:
    """The paths of one source in a fetal context, without what the context itself explains."""
    kept = set(placed)
    if kept & MATERNAL:
        kept.discard("fetus")
    if any(path.startswith("fetus") for path in kept):
        kept.discard("pelvis")  # transvaginal is how one looks at an early pregnancy
    return kept
