"""Value rules: what may become of an attribute's value. Each is a callable and a sentence.

A rule never lets a value through because it looks harmless: it builds a new one from a closed
vocabulary, a code, a number, a shifted date or a mapped UID, or it gives nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pydicom.datadict import tag_for_keyword

from echoatlas.pipeline.deidentify.damage import read_texts
from echoatlas.pipeline.vault import is_standard

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echoatlas.pipeline.deidentify.policy import Option, Policy
    from echoatlas.pipeline.vault import SiteKey

OLDEST = 90  # 45 CFR 164.514(b)(2)(i)(C): ages over 89 are one category
DAY = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")
MOMENT = re.compile(r"(\d{8})(\d{2,6}(?:\.\d{1,6})?)?(?:[+-]\d{4})?")
AGE = re.compile(r"(\d{3})([DWMY])")
YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
MODE_BITS = re.compile(r"0[0-3][0-9A-Fa-f]{2}")  # PS3.3 C.8.5.6.1.1, value 4
# PS3.3 C.8.5.6.1.1, value 3.
EXAM_TYPES = frozenset(
    {"ABDOMINAL", "BREAST", "CHEST", "ENDOCAVITARY", "ENDORECTAL", "ENDOVAGINAL", "EPICARDIAL"}
    | {"FETAL HEART", "GYNECOLOGY", "INTRACARDIAC", "INTRAOPERATIVE", "INTRAVASCULAR"}
    | {"MUSCULOSKELETAL", "NEONATAL HEAD", "OBSTETRICAL", "OPHTHALMIC", "PEDIATRIC", "PELVIC"}
    | {"RETROPERITONEAL", "SCROTAL", "SMALL PARTS", "TEE", "THYROID", "TRANSCRANIAL", "TTE"}
    | {"PERIPHERAL VASCULAR", "ABDOMINAL VASCULAR", "CEREBROVASCULAR"}
)
MIDNIGHT, NO_DAY = "000000", "19000101"


@dataclass(slots=True)
class Context:
    """What rules need besides the value. Trusted zone.

    Attributes:
        patient: pseudonym of the patient.
        shift: days by which this patient's dates move.
        describe: finds terms of a closed vocabulary in a text.
        source: the dataset that the value stands in.
        root: the whole header.
        followed: options that made a difference so far.
    """

    policy: Policy
    key: SiteKey
    patient: str
    shift: int
    describe: Callable[[str], Iterable[str]]
    root: Any
    source: Any
    followed: set[Option] = field(default_factory=set)


Apply = Callable[[Any, Context], Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A value rule.

    Attributes:
        sentence: what it does, after "PatientID: ".
        apply: from the value to the new one, or None when nothing may leave.
        action: PS3.15 action that it amounts to: K, C, D, U or Z.
        needs: the option that has to be on; off, the attribute is not allowed at all.
        dummy: stands in where the IOD demands a value and none may leave.
    """

    sentence: str
    apply: Apply
    action: str = "K"
    needs: Option | None = None
    dummy: Any = None

    def under(self, option: Option) -> Rule:
        """The same rule, allowed only when an option is on."""
        return replace(self, needs=option)

    def or_else(self, dummy: Any) -> Rule:
        """The same rule, with a value for where the IOD demands one."""
        return replace(self, dummy=dummy)


def terms(*vocabulary: str) -> Rule:
    """A closed vocabulary; a value with any other term gives nothing."""
    known = frozenset(vocabulary)

    def apply(value: Any, _: Context) -> list[str] | None:
        said = read_texts(value)
        return said if said and known.issuperset(said) else None

    listed = ", ".join(vocabulary[:4]) + (", ..." if len(vocabulary) > 4 else "")
    return Rule(f"kept if it is a defined term ({listed}).", apply)


def whole(low: int, high: int, most: int = 1) -> Rule:
    """Whole numbers in a range, written anew."""

    def apply(value: Any, _: Context) -> list[int] | None:
        numbers = _numbers(value)
        fits = 0 < len(numbers) <= most and all(
            number == int(number) and low <= number <= high for number in numbers
        )
        return [int(number) for number in numbers] if fits else None

    return Rule(f"kept if a whole number from {low} to {high}, written anew.", apply)


def number(low: float, high: float, most: int = 1, digits: int | None = None) -> Rule:
    """Numbers in a range, written anew, so that no text hides in a decimal string."""

    def apply(value: Any, _: Context) -> list[float] | None:
        numbers = _numbers(value)
        if not 0 < len(numbers) <= most or not all(low <= number <= high for number in numbers):
            return None
        return numbers if digits is None else [round(number, digits) for number in numbers]

    rounded = "" if digits is None else f", rounded to {digits} decimals"
    return Rule(f"kept if a number from {low:g} to {high:g}, written anew{rounded}.", apply)


def _numbers(value: Any) -> list[float]:
    if value is None or isinstance(value, bytes):
        return []
    several = value if hasattr(value, "append") or isinstance(value, tuple) else [value]
    try:
        numbers = [float(one) for one in several]
    except (ValueError, TypeError, OverflowError):
        return []
    return numbers if all(map(math.isfinite, numbers)) else []


def _shifted(text: str, context: Context) -> str | None:
    match = DAY.fullmatch(text)
    if match is None or context.policy.dates == "removed":
        return None
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
        if context.policy.dates == "full":
            context.followed.add("retain_longitudinal_full_dates")
            return day.strftime("%Y%m%d")
        moved = day + timedelta(days=context.shift)
    except (ValueError, OverflowError):
        return None
    context.followed.add("retain_longitudinal_modified_dates")
    return f"{moved.year:04d}{moved.month:02d}{moved.day:02d}"


def _day(value: Any, context: Context) -> str | None:
    return _shifted(next(iter(read_texts(value)), ""), context)


def _time(value: Any, context: Context) -> str | None:
    text = next(iter(read_texts(value)), "")
    allowed = context.policy.times and context.policy.dates != "removed"
    return text if allowed and TIME.fullmatch(text) else None


def _moment(value: Any, context: Context) -> str | None:
    match = MOMENT.fullmatch(next(iter(read_texts(value)), ""))
    day = _shifted(match[1], context) if match else None
    if match is None or day is None:
        return None
    time = _time(match[2] or "", context)
    return day + (time or "")


day = Rule(
    "moved by the patient's keyed offset (30 to 3650 days back), intervals kept; or removed, or "
    "kept, as the policy says.",
    _day,
    "C",
    dummy=NO_DAY,
)
time = Rule("emptied, unless the policy keeps times of day.", _time, "C", dummy=MIDNIGHT)
moment = Rule(
    "its date is moved like other dates; its time is dropped, unless the policy keeps times.",
    _moment,
    "C",
    dummy=NO_DAY,
)


def _uid(value: Any, context: Context) -> list[str] | None:
    originals = [text for text in read_texts(value) if text]
    if context.policy.uids:
        valid = [text for text in originals if re.fullmatch(r"[0-9.]{1,64}", text)]
        context.followed.add("retain_uids")
        return valid or None
    return [context.key.uid(text) for text in originals] or None


uid = Rule(
    "mapped to a keyed UID (2.25 form), the same wherever it stands; UIDs that the standard "
    "registers stay.",
    _uid,
    "U",
)


def _standard_uid(value: Any, _: Context) -> str | None:
    text = next(iter(read_texts(value)), "")
    return text if is_standard(text) else None


standard_uid = Rule("kept if the standard registers it.", _standard_uid)


def pseudonym(kind: str) -> Rule:
    """The patient's keyed pseudonym, whatever stood there."""
    return Rule(
        f"replaced by the {kind}'s keyed pseudonym (HMAC-SHA-256).",
        lambda _, context: context.patient,
        "D",
    )


empty = Rule("emptied.", lambda *_: None, "Z")


def constant(value: Any, why: str) -> Rule:
    """The same for everyone."""
    return Rule(f"set to {value}: {why}.", lambda *_: value, "D", dummy=value)


def _as_stated(option: Option) -> Apply:
    def apply(value: Any, context: Context) -> list[str] | None:
        context.followed.add(option)
        return [text[:64] for text in read_texts(value) if text] or None

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


def _age(value: Any, context: Context) -> str | None:
    found = AGE.fullmatch(next(iter(read_texts(value)), ""))
    if found is None:
        return None
    context.followed.add("retain_patient_characteristics")
    return f"{OLDEST:03d}Y" if int(found[1]) * YEARS[found[2]] >= OLDEST else found[0]


age = Rule(f"kept, capped at {OLDEST} years.", _age, "C", "retain_patient_characteristics")


def characteristic(rule: Rule) -> Rule:
    """A rule for a patient characteristic: needs the option and records it."""

    def apply(value: Any, context: Context) -> Any:
        made = rule.apply(value, context)
        if made is not None:
            context.followed.add("retain_patient_characteristics")
        return made

    return replace(rule, apply=apply, needs="retain_patient_characteristics")


def _lut(value: Any, context: Context) -> bytes | None:
    color = context.source.get_item(0x00281101)
    if not isinstance(value, bytes) or color is None or context.source.is_little_endian is False:
        return None
    descriptor = _numbers(getattr(context.source, "RedPaletteColorLookupTableDescriptor", None))
    if len(descriptor) != 3:
        return None
    entries = int(descriptor[0]) or 65536
    length = entries * (2 if descriptor[2] > 8 else 1)
    length += length % 2
    # Bytes beyond the table are no part of it: someone could write there.
    return value[:length] if len(value) >= length - 1 else None


lookup_table = Rule("kept to the length that its descriptor states, no byte more.", _lut)


def closed(finder: Callable[[Context], str], what: str) -> Rule:
    """A value from a closed vocabulary that is found by looking at the header."""
    return Rule(f"replaced by {what}, or emptied.", lambda _, c: finder(c) or None, "C")


def pointers(*keywords: str) -> Rule:
    """Attributes that point to other attributes, of a closed list."""
    known = frozenset(tag_for_keyword(keyword) for keyword in keywords)

    def apply(value: Any, _: Context) -> list[int] | None:
        several = value if hasattr(value, "append") else [value]
        try:
            tags = [int(one) for one in several]
        except (ValueError, TypeError):
            return None
        return tags if tags and known.issuperset(tags) else None

    return Rule("kept if it points to an attribute of a closed list.", apply)


def _image_type(value: Any, _: Context) -> list[str] | None:
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


image_type = Rule(
    "original or derived, primary or secondary, the exam type if it is a defined term "
    "(PS3.3 C.8.5.6.1.1), and the modes' bitmap; the rest is dropped.",
    _image_type,
    "C",
)

# Structure, rebuilt by ``rebuild`` and ``content``: there is no value to make here.
items = Rule("rebuilt item by item, by these same rules.", lambda *_: None)
codes = Rule(
    "codes that the dictionary of PS3.16 lists are kept with the dictionary's own meaning; "
    "other items are dropped.",
    lambda *_: None,
)
content = Rule(
    "rebuilt item by item: codes, numbers with units and references stay; text, names, and "
    "what Table E.3.4-1 removes are dropped.",
    lambda *_: None,
    "C",
    "clean_structured_content",
)
