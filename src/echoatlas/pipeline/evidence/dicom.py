"""What a DICOM header says of anatomy and the other axes, by source. Trusted zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from echoatlas.pipeline.read.dicom.values import DAMAGE, read_texts

# Free text, by source: what was ordered (study, procedure), what was chosen (protocol, series)
# and what was typed at the scanner (comment). PS3.15's Basic Profile removes nearly all of them,
# which is why they are read here and leave as codes.
TEXTS: dict[str, tuple[str, ...]] = {
    "study": ("StudyDescription",),
    "series": ("SeriesDescription",),
    "protocol": ("ProtocolName",),
    "procedure": (
        "RequestedProcedureDescription",
        "PerformedProcedureStepDescription",
        "PerformedProcedureTypeDescription",
    ),
    "comment": ("ImageComments", "StageName", "ViewName", "AcquisitionProtocolDescription"),
    "department": ("InstitutionalDepartmentName",),
}
ORDERED = ("RequestedProcedureDescription", "ScheduledProcedureStepDescription")
PROCEDURE_CODES = (
    "ProcedureCodeSequence",
    "RequestedProcedureCodeSequence",
    "PerformedProtocolCodeSequence",
    "ScheduledProtocolCodeSequence",
)
REGION_CODES = ("AnatomicRegionSequence", "PrimaryAnatomicStructureSequence")


@dataclass(frozen=True, slots=True)
class Code:
    """An item of a code sequence; meaning is free text and as sensitive as any."""

    value: str
    scheme: str
    meaning: str


def values(header: Any, keyword: str) -> list[str]:
    """The values of an attribute as texts; none where it is absent or cannot be decoded."""
    if header is None or keyword not in header:
        return []
    try:
        value = header[keyword].value
    except DAMAGE:  # such an attribute says nothing here, and the rest of the header still does
        return []
    # Letters beyond ASCII may be bytes of another charset: none of those is a blank.
    return [text for one in read_texts(value) if (text := one.strip("\0 \t\r\n"))]


def items(header: Any, keyword: str) -> list[Any]:
    """The items of a sequence; none where it is absent or broken."""
    if header is None or keyword not in header:
        return []
    try:
        value = header[keyword].value
    except DAMAGE:
        return []
    return list(value) if type(value).__name__ == "Sequence" else []


def codes(header: Any, keyword: str) -> list[Code]:
    """The codes of a sequence."""
    return [_code(item) for item in items(header, keyword)]


def _code(item: Any) -> Code:
    value = values(item, "CodeValue") or values(item, "LongCodeValue")
    scheme = values(item, "CodingSchemeDesignator")
    meaning = values(item, "CodeMeaning")
    return Code(*((part[0] if part else "") for part in (value, scheme, meaning)))


def texts(header: Any) -> Iterator[tuple[str, str]]:
    """(source, text) for each free text of a header that may speak of what was scanned."""
    for source, keywords in TEXTS.items():
        for keyword in keywords:
            yield from ((source, text) for text in values(header, keyword))
    for request in items(header, "RequestAttributesSequence"):
        for keyword in ORDERED:
            yield from (("procedure", text) for text in values(request, keyword))
    for keyword in PROCEDURE_CODES:
        for code in codes(header, keyword):
            yield "procedure", code.meaning
    for keyword in ("ViewCodeSequence", *REGION_CODES):
        for code in codes(header, keyword):
            source = "view" if keyword.startswith("View") else "anatomic_region"
            yield source, code.meaning


def exam_types(header: Any) -> list[str]:
    """Value 3 of ImageType and what follows it but the mode bitmap: upper case."""
    parts = values(header, "ImageType")
    return [part.upper() for part in parts[2:3]]


def modes(header: Any) -> int:
    """The bitmap of modes in ImageType, value 4 (PS3.3 C.8.5.6.1.1.3); 0 if there is none."""
    parts = values(header, "ImageType")
    try:
        return int(parts[3], 16) if len(parts) > 3 and len(parts[3]) == 4 else 0
    except ValueError:
        return 0
