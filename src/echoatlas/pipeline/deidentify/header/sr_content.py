"""Structured reports of ultrasound measurements: codes, numbers and references, nothing else.

PS3.15 Table E.3.4-1 says which concepts must not stay; this goes further and keeps, of all
content items, only those whose concept the dictionary of PS3.16 has and whose value is a code, a
number with a unit, a reference or a container of such. Text and names are dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from echoatlas.pipeline.deidentify.header import rules
from echoatlas.pipeline.deidentify.header.codes import coded
from echoatlas.pipeline.deidentify.header.ps315 import concept
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.dicom.values import read_items, read_text, read_value

if TYPE_CHECKING:
    from collections import Counter

    from echoatlas.pipeline.deidentify.header.rules import Context

DEEPEST = 32
RELATIONS = frozenset(
    {"CONTAINS", "HAS PROPERTIES", "HAS OBS CONTEXT", "HAS ACQ CONTEXT", "INFERRED FROM"}
    | {"SELECTED FROM", "HAS CONCEPT MOD"}
)
SHAPES = frozenset({"POINT", "MULTIPOINT", "POLYLINE", "CIRCLE", "ELLIPSE"})
NUMBER = rules.number(-1e12, 1e12)
POINTS = rules.number(-1e6, 1e6, most=65536)
FRAMES = rules.whole(1, 99999, most=99999)
CONCEPT_NAME, CONCEPT_CODE, RELATION, VALUE_TYPE = 0x0040A043, 0x0040A168, 0x0040A010, 0x0040A040
CONTENT, MEASURED, NUMERIC, UNITS = 0x0040A730, 0x0040A300, 0x0040A30A, 0x004008EA
REFERENCED, REFERENCED_CLASS, REFERENCED_UID = 0x00081199, 0x00081150, 0x00081155
REFERENCED_FRAMES, SHAPE, DATA, CONTINUITY = 0x00081160, 0x00700023, 0x00700022, 0x0040A050


def rebuilt_content(
    items: list[Any], context: Context, actions: Counter[str], depth: int = 0
) -> list[Dataset]:
    """The content items that may leave, built anew.

    Raises:
        Reject: ``too_deep``.
    """
    if depth > DEEPEST:
        raise Reject(Reason.TOO_DEEP, f"Content items are nested more than {DEEPEST} deep.")
    made = []
    for item in items:
        new = _item(item, context, actions, depth)
        actions["X" if new is None else "C"] += 1
        if new is not None:
            made.append(new)
    if made:
        context.followed.add("clean_structured_content")
    return made


def _item(item: Any, context: Context, actions: Counter[str], depth: int) -> Dataset | None:
    kind, relation = read_text(item, VALUE_TYPE), read_text(item, RELATION)
    names = _codes(item, CONCEPT_NAME)
    if relation not in RELATIONS or not (names or kind in ("IMAGE", "COMPOSITE", "SCOORD")):
        return None
    for value, scheme, _ in names:
        rows = concept(scheme, value)
        if any(row.action(context.policy.options) not in ("K", "C") for row in rows):
            return None
    made = Dataset()
    made.RelationshipType, made.ValueType = relation, kind
    if names:
        made.ConceptNameCodeSequence = _sequence(names[:1])
    below = rebuilt_content(read_items(item, CONTENT), context, actions, depth + 1)
    if not _fill(made, kind, item, bool(below), context):
        return None
    if below:
        made.ContentSequence = Sequence(below)
    return made


def _fill(made: Dataset, kind: str, item: Any, below: bool, context: Context) -> bool:
    """Give an item its value; false if none may leave."""
    if kind == "CONTAINER":
        separate = read_text(item, CONTINUITY) != "CONTINUOUS"
        made.ContinuityOfContent = "SEPARATE" if separate else "CONTINUOUS"
        return below
    if kind == "NUM":
        return _measured(made, item, context)
    if kind == "CODE":
        found = _codes(item, CONCEPT_CODE)
        made.ConceptCodeSequence = _sequence(found[:1])
        return bool(found)
    if kind == "DATE":
        day = rules.day.apply(read_value(item, 0x0040A121), context)
        made.Date = day
        return day is not None and _is_listed(made)
    if kind in ("IMAGE", "COMPOSITE"):
        return _referenced(made, item, context)
    if kind == "SCOORD":
        points, shape = POINTS.apply(read_value(item, DATA), context), read_text(item, SHAPE)
        made.GraphicType, made.GraphicData = shape, points
        return below and points is not None and shape in SHAPES
    return False


def _is_listed(made: Dataset) -> bool:
    name = made.ConceptNameCodeSequence[0]
    return bool(concept(name.CodingSchemeDesignator, name.CodeValue))


def _measured(made: Dataset, item: Any, context: Context) -> bool:
    for one in read_items(item, MEASURED)[:1]:
        number, units = NUMBER.apply(read_value(one, NUMERIC), context), _codes(one, UNITS)
        if number is None or not units or context.tells(number):
            return False
        value = Dataset()
        value.NumericValue = f"{number[0]:.10g}"
        value.MeasurementUnitsCodeSequence = _sequence(units[:1])
        made.MeasuredValueSequence = Sequence([value])
        return True
    return False


def _referenced(made: Dataset, item: Any, context: Context) -> bool:
    for one in read_items(item, REFERENCED)[:1]:
        kind = rules.standard_uid.apply(read_value(one, REFERENCED_CLASS), context)
        instance = rules.uid.apply(read_value(one, REFERENCED_UID), context)
        if kind is None or instance is None:
            return False
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = kind, instance[0]
        if frames := FRAMES.apply(read_value(one, REFERENCED_FRAMES), context):
            reference.ReferencedFrameNumber = [str(frame) for frame in frames]
        made.ReferencedSOPSequence = Sequence([reference])
        return True
    return False


def _codes(item: Any, tag: int) -> list[tuple[str, str, str]]:
    return [found for one in read_items(item, tag) if (found := coded(one))]


def _sequence(codes: list[tuple[str, str, str]]) -> Sequence:
    made = []
    for value, scheme, meaning in codes:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
        made.append(code)
    return Sequence(made)
