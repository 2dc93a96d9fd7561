"""The closed words of the tables: each written once, and taken from here by code, dictionary, gate.

They are texts, so that a row, a JSON or a query holds them as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

# What was scanned; a site and a collection state it
Subject = Literal["human", "animal", "phantom", "simulated"]


class Status(StrEnum):
    """What became of a sighting that was worked on."""

    KEPT = "kept"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"  # the bytes of another that was worked on
    ERASED = "erased"


class PatientSource(StrEnum):
    """Where it stood who the patient is."""

    HEADER = "header"
    SIDECAR = "sidecar"
    NAME = "name"
    FOLDER = "folder"
    OBJECT = "object"  # nowhere: each object stands alone


class Consent(StrEnum):
    """Whether a patient agreed that the picture may be used, the strictest first."""

    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    UNCLEAR = "unclear"  # something is said, and it is not understood
    RESTRICTED = "restricted"  # given, and not for handing on to everybody
    GIVEN = "given"
    UNSAID = ""


class DecidedBy(StrEnum):
    """How a label came about."""

    FUSION = "fusion"
    REVIEW = "review"  # a person
    NONE = "none"


class EdgeKind(StrEnum):
    """What two clips are to each other."""

    EXACT = "exact"
    NEAR = "near"
    TIE = "tie"  # not told apart, or shared in part: one split for both


class FoundBy(StrEnum):
    """What says that two clips show the same, or brought them up to be looked at."""

    PIXELS = "pixels"  # stored ones are equal
    BYTES = "bytes"  # of the file
    CODESTREAM = "codestream"  # the same coded pictures, in whatever container
    INSTANCE = "instance"  # the same SOP instance under another file
    HASHES = "hashes"


class Relation(StrEnum):
    """What a clip is to the one that stands for it."""

    REPRESENTATIVE = "representative"
    EXACT = "exact"
    NEAR = "near"
    MIRROR = "mirror"
    PART = "part"  # of a longer clip
    STILL = "still"  # taken from a clip
    TIE = "tie"  # no duplicate, and to stay in one split with others


class AuditVerdict(StrEnum):
    """What de-identification did with an object."""

    RELEASED = "released"
    QUARANTINED = "quarantined"
    FILTERED = "filtered"  # no picture: at most codes of it stay


class Flag(StrEnum):
    """What else is said of an object, beside its outcome."""

    PATIENTS_DIFFER = "patients_differ"  # its copies name several patients
    UNLISTED = "unlisted"  # it lies beside a table of which no row names it


class ReviewVerdict(StrEnum):
    """What a reviewer says of a frame, from good to bad."""

    OPEN = "open"  # was on a sheet and got no verdict: counted as a leak, but not acted upon
    CLEAN = "clean"
    UNSURE = "unsure"
    LEAK = "leak"


class RunStatus(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"


class AnnotationKind(StrEnum):
    """What an annotation is."""

    CLASS = "class"
    MASK = "mask"
    BOX = "box"
    KEYPOINTS = "keypoints"
    SCALAR = "scalar"
    TEXT = "text"


def one_of(values: Iterable[str]) -> str:
    """Values as a sentence lists them: ``kept, rejected or erased``; "" is called empty."""
    *first, last = (value or "empty" for value in values)
    return f"{', '.join(first)} or {last}" if first else last
