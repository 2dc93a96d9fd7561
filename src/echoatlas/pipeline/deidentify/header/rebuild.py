"""Build a new header from an old one, by allow-list: nothing is edited in place.

What the SOP class's IOD does not list, what has no value rule, and what its rule gives nothing
for, is not there afterwards, at any depth. File meta, preamble, private attributes, unknown
sequences, and whatever trails the dataset never enter.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from echoatlas.pipeline.deidentify.header import rules
from echoatlas.pipeline.deidentify.header.allow_list import BY_TAG
from echoatlas.pipeline.deidentify.header.codes import coded
from echoatlas.pipeline.deidentify.header.patient import (
    BIRTH_DATE,
    INSTANCE_UID,
    STUDY_UID,
    in_header,
)
from echoatlas.pipeline.deidentify.header.policy import BASIC_PROFILE, METHODS, OPTION_CODES, Policy
from echoatlas.pipeline.deidentify.header.private_tags import keep_private
from echoatlas.pipeline.deidentify.header.ps315 import iod, profile
from echoatlas.pipeline.deidentify.header.rules import AGE, DAY, Context, digits_in
from echoatlas.pipeline.deidentify.header.sr_content import rebuilt_content
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.evidence.charset import heard
from echoatlas.pipeline.read.dicom.values import each, read_text, read_value
from echoatlas.taxonomy.matching.matcher import anatomy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from echoatlas.pipeline.deidentify.header.ps315 import Level, Place
    from echoatlas.pipeline.deidentify.header.rules import Rule
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

SOP_CLASS, STUDY_DATE, PATIENT_AGE = 0x00080016, 0x00080020, 0x00101010
IMPLEMENTATION = "2.25.262743208475218377183926142104983225719"  # a UUID, made once
POINTER, FRAMES = 0x00280009, 0x00280008  # FrameIncrementPointer, NumberOfFrames
FRAME_TIME, FRAME_TIME_VECTOR = 0x00181063, 0x00181065
TRANSIENT = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})  # pixels go a way of their own
AMBIGUOUS = {"US or SS": "US", "US or OW": "OW", "OB or OW": "OW", "US or SS or OW": "US"}
# PatientID, birth date, other ids, telephone; AccessionNumber, StudyID, requested procedure,
# admission, placer's and filler's order: what might be written where a number is expected.
NUMBERED = (
    *(0x00100020, BIRTH_DATE, 0x00101000, 0x00102154, 0x00080050, 0x00200010, 0x00401001),
    *(0x00380010, 0x00402016, 0x00402017),
)
WHOLE = frozenset({"US", "SS", "UL", "SL"})


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A header that may leave.

    Attributes:
        dataset: a new pydicom Dataset, without pixels.
        actions: PS3.15 action (D, Z, X, K, C, U) to the number of attributes it became of.
        methods: codes of CID 7050 of what made a difference.
    """

    dataset: Dataset
    actions: Mapping[str, int]
    methods: tuple[str, ...]


@lru_cache(maxsize=1024)  # a study's instances say the same; trusted zone, in memory alone
def terms_in(text: str) -> tuple[str, ...]:
    """The paths of the anatomy tree that a text speaks of."""
    return tuple(match.rule.node for match in anatomy().find(heard(text)) if match.rule.node)


def rebuild(
    dataset: Any,
    policy: Policy,
    key: SiteKey,
    patient: str | None = None,
    describe: Callable[[str], Iterable[str]] = terms_in,
) -> Rebuilt:
    """Build the header that may leave.

    Args:
        dataset: pydicom Dataset as read; it is not changed.
        patient: identity as ``identify`` finds it; from the header alone if not given.
        describe: finds terms of a closed vocabulary in a free text.

    Raises:
        Reject: ``unknown_sop_class``; ``too_deep`` for content nested beyond reason.
    """
    sop_class = read_text(dataset, SOP_CLASS)
    level = iod(sop_class)
    if level is None:
        raise Reject(Reason.UNKNOWN_SOP_CLASS, "The SOP class has no allow-list.")
    if ".88." in sop_class and not policy.structured_content:
        raise Reject(Reason.UNKNOWN_SOP_CLASS, "The policy lets no structured report through.")
    identity = patient or _identity(dataset)
    shift = key.date_shift_days(identity)
    context = Context(
        policy,
        key,
        key.pseudonym("patient", identity),
        shift,
        describe,
        dataset,
        dataset,
        numbers=frozenset(told for tag in NUMBERED for told in digits_in(read_text(dataset, tag))),
    )
    actions: Counter[str] = Counter()
    made = _item(dataset, level, context, actions)
    _derive_age(dataset, level, made, context)
    if POINTER in level.places:
        point_to_times(made)
    keep_private(dataset, made, context)
    methods = (BASIC_PROFILE, *sorted(OPTION_CODES[option] for option in context.followed))
    _sign(made, policy, key, methods)
    return Rebuilt(made, dict(sorted(actions.items())), methods)


def part10(dataset: Dataset, transfer_syntax: str = "1.2.840.10008.1.2.1") -> bytes:
    """A rebuilt header as a file: empty preamble, file meta of our own, then the dataset.

    Args:
        dataset: with pixels encoded as ``transfer_syntax`` says, if it has any.
        transfer_syntax: explicit little endian, as all that are written.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "")
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = "ECHOATLAS"
    meta.FileMetaInformationVersion = b"\0\1"
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    buffer.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(buffer, meta, enforce_standard=True)
    # Straight to the elements: ``dcmwrite`` walks the dataset twice more to see what we made.
    write_dataset(buffer, dataset)
    return bytes(buffer.getvalue())


def _identity(dataset: Any) -> str:
    if found := in_header(dataset):
        return found.value
    return f"study\0{read_text(dataset, STUDY_UID) or read_text(dataset, INSTANCE_UID)}"


def _item(source: Any, level: Level, context: Context, actions: Counter[str]) -> Dataset:
    """One dataset or item, built anew."""
    made = Dataset()
    for tag in list(source.keys()):
        number = int(tag)
        if number in TRANSIENT:
            continue
        place, rule = level.places.get(number), BY_TAG.get(number)
        if place is None or rule is None:
            actions["X"] += 1
            continue
        context.source = source
        value = _made(source, number, rule, place, context, actions)
        context.source = source
        if value is not None:
            _put(made, number, value)
            row = profile(number)
            actions[rule.action if row or rule.action != "D" else "K"] += 1
        elif place.type.startswith("2"):
            _put(made, number, None)
            actions["Z"] += 1
        else:
            actions["X"] += 1
    for number in level.empty:
        if number not in made:
            _put(made, number, None)
    return made


def _made(
    source: Any, tag: int, rule: Rule, place: Place, context: Context, actions: Counter[str]
) -> Any:
    """The new value, or None. A dummy stands in only where the IOD demands a value."""
    if rule.needs is not None and rule.needs not in context.policy.options:
        return rule.dummy if place.type == "1" else None
    value = read_value(source, tag)
    if rule is rules.items:
        return [_item(one, place.items, context, actions) for one in _items(value)] or None
    if rule is rules.codes:
        found = (coded(one) for one in _items(value))
        return [code_item(*code) for code in found if code] or None
    if rule is rules.content:
        return rebuilt_content(_items(value), context, actions) or None
    made = rule.apply(value, context)
    if isinstance(made, list) and context.tells(made):
        made = None
    # An attribute of type 1C that is there is there because its condition holds.
    demanded = place.type == "1" or (place.type == "1C" and value is not None)
    return rule.dummy if made is None and demanded else made


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) else []


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    _put(item, 0x00080100, value)
    _put(item, 0x00080102, scheme)
    _put(item, 0x00080104, meaning)
    return item


def _put(made: Dataset, tag: int, value: Any) -> None:
    vr = _vr(tag)
    ready = vr not in ("PN", "SQ")  # values that rules made need neither parsing nor validation
    element = DataElement(
        tag, vr, _encoded(vr, value), already_converted=ready, validation_mode=IGNORE
    )
    made.add(element)


@cache
def _vr(tag: int) -> str:
    vr = dictionary_VR(tag)
    return str(AMBIGUOUS.get(vr, vr))


def _encoded(vr: str, value: Any) -> Any:
    if vr == "SQ":
        return Sequence(value or [])
    if value is None:
        return None
    if not isinstance(value, list):
        return value
    if vr == "DS":
        written: list[Any] = [f"{number:.10g}" for number in value]
    elif vr == "IS":
        written = [str(round(number)) for number in value]
    elif vr in ("SH", "LO", "CS", "UI"):
        written = [str(one) for one in value]
    else:
        written = [int(one) for one in value] if vr in WHOLE else value
    return written if len(written) > 1 else written[0]


def _derive_age(source: Any, level: Level, made: Dataset, context: Context) -> None:
    """Say the age where birth and study dates tell it: capped like one that is stated."""
    allowed = "retain_patient_characteristics" in context.policy.options
    if PATIENT_AGE not in level.places or PATIENT_AGE in made or not allowed:
        return
    born = DAY.fullmatch(read_text(source, BIRTH_DATE))
    seen = DAY.fullmatch(read_text(source, STUDY_DATE))
    if born is None or seen is None:
        return
    years = int(seen[1]) - int(born[1]) - ((seen[2], seen[3]) < (born[2], born[3]))
    if years >= 1 and AGE.fullmatch(text := f"{min(years, rules.OLDEST):03d}Y"):
        _put(made, PATIENT_AGE, text)
        context.followed.add("retain_patient_characteristics")


def point_to_times(made: Dataset) -> None:
    """Let FrameIncrementPointer name what is there to tell the frames' times (PS3.3 C.7.6.6).

    Scanners point to private attributes and to trim times, which are not kept, and to what was left
    out.
    """
    stated = [int(tag) for tag in each(read_value(made, POINTER))]
    there = [tag for tag in stated if read_value(made, tag) is not None]
    many = POINTER in made or int(read_value(made, FRAMES) or 1) > 1
    if not there and many:
        times = (FRAME_TIME_VECTOR, FRAME_TIME)
        there = [tag for tag in times if read_value(made, tag) is not None][:1]
    if there:
        _put(made, POINTER, there)
    elif POINTER in made:
        del made[BaseTag(POINTER)]


def _sign(made: Dataset, policy: Policy, key: SiteKey, methods: tuple[str, ...]) -> None:
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = ["EchoAtlas", f"policy {policy.digest}", f"key {key.key_id}"]
    made.DeidentificationMethodCodeSequence = Sequence(
        [code_item(code, "DCM", METHODS[code]) for code in methods]
    )
    made.LongitudinalTemporalInformationModified = {
        "removed": "REMOVED",
        "shifted": "MODIFIED",
        "full": "UNMODIFIED",
    }[policy.dates]
