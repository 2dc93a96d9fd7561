"""Who an object is about: the identity that its pseudonyms are made from. Trusted zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.vault import normalized

if TYPE_CHECKING:
    from echoatlas.pipeline.vault import SiteKey
    from echoatlas.schemas.config import SiteConfig
    from echoatlas.schemas.records import Origin

# What senders write when they mean "nobody": taken for missing, or all such scans were one patient.
PLACEHOLDERS = frozenset(
    "anonymous anon anonymized anonymised unknown none null na n/a nil test 0 00 000 0000 "
    "patient noname no_name xxx ? -".split()
)
PATIENT_COLUMNS = frozenset({"patient", "patientid", "subject", "subjectid", "mrn", "pid"})


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity, normalized, and where it stood. Trusted zone: ``value`` identifies.

    Attributes:
        source: "header", "sidecar", "name", "folder" or "object" (each object stands alone).
    """

    source: str
    value: str


def patient_identity(patient_id: str, issuer: str = "") -> str:
    """A patient id as pseudonyms are made from it: normalized, with its issuer if it has one."""
    bare = normalized(patient_id)
    return f"{normalized(issuer)}\x1f{bare}" if issuer.strip("\0 ") else bare


def patient_pseudonym(key: SiteKey, patient_id: str, issuer: str = "") -> str:
    """The pseudonym that a patient id has in the lake; what an erasure looks for."""
    return key.pseudonym("patient", patient_identity(patient_id, issuer))


def identify(header: Any, origin: Origin, site: SiteConfig, object_id: str = "") -> Identity:
    """Find whose scan an object is.

    In this order: PatientID with its issuer; name with birth date; the sidecar's patient column;
    the site's rule over file name or folder; StudyInstanceUID (frames of one study are of one
    patient); the object itself.

    Args:
        header: pydicom Dataset, or None for a loose file.
        object_id: keyed id of the object's bytes; without it, upload and name stand for it.
    """
    if header is not None and (found := _in_header(header)):
        return Identity("header", found)
    rule = site.patient.source
    if rule in ("auto", "sidecar") and (found := _in_sidecar(origin, site)):
        return Identity("sidecar", found)
    if rule == "name" and (found := _in_name(origin, site.patient.pattern)):
        return Identity("name", found)
    folder = origin.name.rpartition("/")[0]
    if rule == "folder" and folder:
        return Identity("folder", f"folder\x1f{normalized(folder)}")
    if header is not None and (study := text_of(header, "StudyInstanceUID")):
        return Identity("header", f"study\x1f{study}")
    return Identity("object", f"object\x1f{object_id or origin.upload + chr(31) + origin.name}")


def text_of(header: Any, keyword: str) -> str:
    """The text of an attribute, or nothing if it is absent or can't be decoded."""
    try:
        value = header.get(keyword)
    except (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, OverflowError):
        return ""  # damaged values say nothing of the patient
    return "" if value is None else str(value).strip("\0 ")


def _in_header(header: Any) -> str:
    patient = text_of(header, "PatientID")
    if _says_something(patient):
        return patient_identity(patient, text_of(header, "IssuerOfPatientID"))
    name, born = text_of(header, "PatientName"), text_of(header, "PatientBirthDate")
    if _says_something(name) and born:
        return f"name\x1f{normalized(name)}\x1f{normalized(born)}"
    return ""


def _in_sidecar(origin: Origin, site: SiteConfig) -> str:
    named = {column for column, meaning in site.sidecar.columns.items() if meaning == "patient"}
    for column, value in sorted(origin.sidecar.items()):
        told = re.sub(r"[^a-z]", "", column.lower())
        wanted = column in named if named else told in PATIENT_COLUMNS
        if wanted and _says_something(value):
            return patient_identity(value)
    return ""


def _in_name(origin: Origin, pattern: str | None) -> str:
    match = re.search(pattern, origin.name.rpartition("/")[2]) if pattern else None
    found = match.group(1) if match and match.re.groups else None
    return patient_identity(found) if found and _says_something(found) else ""


def _says_something(value: str) -> bool:
    bare = normalized(value).strip("^ .")
    return bool(bare) and bare not in PLACEHOLDERS
