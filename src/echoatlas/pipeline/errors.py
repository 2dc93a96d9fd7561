"""What can go wrong, and whose fault it is.

::

    EchoAtlasError
    ├── Reject      the record is at fault: quarantined with a reason, the run goes on
    ├── Retry       the world is at fault: tried again with backoff
    ├── UsageError  the caller is at fault: one line, exit code 2 (ConfigError among them)
    └── CheckFailed a check on the data failed: one line, exit code 1

Anything else that escapes a step is a bug of ours: the record is quarantined as ``crashed`` and
the run ends non-zero.
"""

from __future__ import annotations

import traceback
from enum import StrEnum
from pathlib import Path

from echoatlas.errors import (
    CheckFailed,
    EchoAtlasError,
    Exhausted,
    Retry,
    UsageError,
    nearest,
    no_such,
    unreadable,
)

__all__ = [
    "CheckFailed",
    "EchoAtlasError",
    "Exhausted",
    "Reason",
    "Reject",
    "Retry",
    "UsageError",
    "crash_site",
    "nearest",
    "no_such",
    "sentence_of",
    "unreadable",
]

PACKAGE = Path(__file__).parents[1]  # not its name: a checkout's folder may be called the same


class Reason(StrEnum):
    """Why a record was rejected: a closed list, each with the sentence that its site reads."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Reason:
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    EMPTY = "empty", "The file has no bytes."
    UNSUPPORTED_FORMAT = "unsupported_format", "The content is of no format that EchoAtlas reads."
    UNREADABLE = "unreadable", "The file is damaged or not of the kind its content claims."
    TRUNCATED = "truncated", "The file ends before its content does."
    NOT_ULTRASOUND = "not_ultrasound", "This is not an ultrasound scan."
    NO_PIXELS = "no_pixels", "The file holds no picture."
    NOT_AN_IMAGE = "not_an_image", "The values are measurements, a mask or a table, not a picture."
    AMBIGUOUS = "ambiguous", "The file holds several arrays, and which are pictures is not told."
    UNSUPPORTED_CODEC = "unsupported_codec", "The pictures are encoded in a way that is not read."
    AXES_UNCLEAR = (
        "axes_unclear",
        "It could not be told which axes of the array are the picture; nothing else is looked at "
        "for names as safely.",
    )
    TOO_LARGE = "too_large", "The content is larger than this deployment accepts."
    TOO_DEEP = "too_deep", "The content is nested deeper than any scanner writes."
    UNSAFE_ARCHIVE = "unsafe_archive", "The archive is damaged, oversized or leads outside itself."
    FRAME_MISMATCH = "frame_mismatch", "The header and the pictures disagree on their number."
    NO_DYNAMIC_RANGE = "no_dynamic_range", "The pictures show nothing that could be checked."
    NO_FAN = "no_fan", "No scanned area was found, so nothing could be shown to be free of names."
    GEOMETRY_DISAGREES = "geometry_disagrees", "Header and picture disagree on the scanned area."
    FAN_TOO_SMALL = "fan_too_small", "The scanned area is too small to be of use."
    NOT_IMAGING = "not_imaging", "The picture is a trace, spectrum or report, not an image."
    RESIDUAL_TEXT = "residual_text", "Text remained in the picture after cleaning."
    NOT_CLEAN = "not_clean", "De-identification could not be shown to be complete."
    UNKNOWN_SOP_CLASS = "unknown_sop_class", "The DICOM class is not one that is de-identified."
    NO_CONSENT = (
        "no_consent",
        "Its patient refused or withdrew consent, or what is said of consent is not understood.",
    )
    CONSENT_LIST = (
        "consent_list",
        "It says who consented or left, and lies in an archive, where nobody heeds it: put it "
        "beside the archive.",
    )
    SEEN_BY_REVIEWER = (
        "seen_by_reviewer",
        "A person saw, or could not rule out, identifying text in what was cleaned.",
    )
    BAD_NAME = (
        "bad_name",
        "The file's name can't be read by all who must read it: give it another, without control "
        "characters and without empty, '.' or '..' parts.",
    )
    NOT_DELIVERED = (
        "not_delivered",
        "What holds it did not deliver it whole: an archive, a bucket, a disk or a link.",
    )
    EXCHANGED = "exchanged", "Another content lies in its place than the one that was announced."
    VANISHED = "vanished", "The file was announced and then removed."
    FAILED_GATE = (
        "failed_gate",
        "What was made of the file did not pass the checks of the tables; the maintainers have to "
        "look at it.",
    )
    CRASHED = "crashed", "Processing failed unexpectedly; the maintainers have to look at it."


def sentence_of(code: str) -> str:
    """The sentence that a site reads for a reason code."""
    return next(reason.sentence for reason in Reason if reason.value == code)


class Reject(EchoAtlasError):  # noqa: N818  (an outcome, named as the tables name it)
    """A record is at fault and goes to quarantine.

    Args:
        reason: of the closed list.
        detail: a sentence for the data engineer. It must hold no value of the record: sizes,
            counts, tags and codes only, never text.
        step: filled in by the engine.
    """

    def __init__(self, reason: Reason, detail: str = "", step: str = "") -> None:
        super().__init__(f"{reason.value}: {detail or reason.sentence}")
        self.reason = reason
        self.detail = detail or reason.sentence
        self.step = step

    def __reduce__(self) -> tuple[type[Reject], tuple[Reason, str, str]]:
        return Reject, (self.reason, self.detail, self.step)


def crash_site(error: BaseException) -> str:
    """The type of an error and the innermost place in our code; nothing of what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)]
    if not ours:
        return type(error).__name__
    place = ours[-1]
    module = Path(place.filename).relative_to(PACKAGE).as_posix()
    return f"{type(error).__name__} in {module}, line {place.lineno}"
