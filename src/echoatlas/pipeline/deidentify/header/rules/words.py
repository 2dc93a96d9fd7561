"""Rules for words: closed vocabularies, constants, and what an option keeps as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.deidentify.header.rules.rule import Apply, Context, Rule
from echoatlas.pipeline.read.dicom.values import read_text, read_texts

if TYPE_CHECKING:
    from echoatlas.pipeline.deidentify.header.policy import Option

SOP_CLASS, ENHANCED_VOLUME = 0x00080016, "1.2.840.10008.5.1.4.1.1.6.2"
MODE_BITS = re.compile(r"0[0-3][0-9A-Fa-f]{2}")  # PS3.3 C.8.5.6.1.1, value 4
# PS3.3 C.8.5.6.1.1, value 3.
EXAM_TYPES = frozenset(
    {"ABDOMINAL", "BREAST", "CHEST", "ENDOCAVITARY", "ENDORECTAL", "ENDOVAGINAL", "EPICARDIAL"}
    | {"FETAL HEART", "GYNECOLOGY", "INTRACARDIAC", "INTRAOPERATIVE", "INTRAVASCULAR"}
    | {"MUSCULOSKELETAL", "NEONATAL HEAD", "OBSTETRICAL", "OPHTHALMIC", "PEDIATRIC", "PELVIC"}
    | {"RETROPERITONEAL", "SCROTAL", "SMALL PARTS", "TEE", "THYROID", "TRANSCRANIAL", "TTE"}
    | {"PERIPHERAL VASCULAR", "ABDOMINAL VASCULAR", "CEREBROVASCULAR"}
)


def terms(*vocabulary: str) -> Rule:
    """A closed vocabulary; a value with any other term gives nothing."""
    known = frozenset(vocabulary)

    def apply(value: Any, _: Context) -> list[str] | None:
        said = read_texts(value)
        return said if said and known.issuperset(said) else None

    listed = ", ".join(vocabulary[:4]) + (", ..." if len(vocabulary) > 4 else "")
    return Rule(f"kept if it is a defined term ({listed}).", apply)


empty = Rule("emptied.", lambda *_: None, "Z")


def constant(value: Any, why: str) -> Rule:
    """The same for everyone."""
    return Rule(f"set to {value}: {why}.", lambda *_: value, "D", dummy=value)


def _as_stated(option: Option) -> Apply:
    def apply(value: Any, context: Context) -> list[str] | None:
        shown = [text.partition("\0")[0][:64] for text in read_texts(value)]  # nobody sees the rest
        kept = [text for text in shown if text and not context.spells(text)]
        if kept:
            context.followed.add(option)
        return kept or None

    return apply


def stated(option: Option) -> Rule:
    """What the standard keeps under an option, as it stands."""
    words = option.replace("_", " ")
    sentence = f"dropped; kept as it stands under the option '{words}'."
    return Rule(sentence, _as_stated(option), "K", option)


def _described(value: Any, context: Context) -> str | None:
    if not context.policy.descriptors:
        return None
    found = sorted({term for text in read_texts(value) for term in context.describe(text)})
    told = " ".join(found)
    if not told or len(told) > 64:
        return None
    context.followed.add("clean_descriptors")
    return told


described = Rule(
    "replaced by the paths of the anatomy tree that the vocabulary finds in it; what it says "
    "else is dropped.",
    _described,
    "C",
)


def characteristic(rule: Rule) -> Rule:
    """A rule for a patient characteristic: needs the option and records it."""

    def apply(value: Any, context: Context) -> Any:
        made = rule.apply(value, context)
        if made is not None:
            context.followed.add("retain_patient_characteristics")
        return made

    return replace(rule, apply=apply, needs="retain_patient_characteristics")


def closed(finder: Callable[[Context], str], what: str) -> Rule:
    """A value from a closed vocabulary that is found by looking at the header."""
    return Rule(f"replaced by {what}, or emptied.", lambda _, c: finder(c) or None, "C")


def _image_type(value: Any, context: Context) -> list[str] | None:
    if read_text(context.root, SOP_CLASS) == ENHANCED_VOLUME:
        return _volume_type(value, context)
    said = [*read_texts(value), "", "", "", ""]
    kept = [
        said[0] if said[0] in ("ORIGINAL", "DERIVED") else "DERIVED",
        said[1] if said[1] in ("PRIMARY", "SECONDARY") else "SECONDARY",
        said[2] if said[2] in EXAM_TYPES else "",
        said[3] if MODE_BITS.fullmatch(said[3]) else "",
    ]
    while not kept[-1]:
        kept.pop()
    return kept


def _volume_type(value: Any, _: Context) -> list[str]:
    said = [*read_texts(value), "", "", "", ""]
    technique = said[3] if said[3] in ("MAX_IP", "MIN_IP", "MPR", "VOLUME_RENDER") else "NONE"
    return [said[0] if said[0] == "ORIGINAL" else "DERIVED", "PRIMARY", "VOLUME", technique]


image_type = Rule(
    "original or derived, primary or secondary, the exam type if it is a defined term "
    "(PS3.3 C.8.5.6.1.1), and the modes' bitmap; the rest is dropped.",
    _image_type,
    "C",
)
volume_type = Rule(
    "original or derived, PRIMARY, VOLUME, and the technique if it is a defined term.",
    _volume_type,
    "C",
)
