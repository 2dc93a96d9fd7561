"""Who an object is about: the identity that its pseudonyms are made from. Trusted zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.read.dicom.values import read_text
from echoatlas.pipeline.read.headings import patient_columns
from echoatlas.pipeline.read.spoiled import without_zeros
from echoatlas.pipeline.vault.pseudonyms import normalized
from echoatlas.schemas.values import PatientSource

if TYPE_CHECKING:
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.records import Origin

PATIENT_NAME, PATIENT_ID, ISSUER, BIRTH_DATE = 0x00100010, 0x00100020, 0x00100021, 0x00100030
STUDY_UID, SERIES_UID, INSTANCE_UID = 0x0020000D, 0x0020000E, 0x00080018

# What senders write when they mean "nobody": taken for missing, or all such scans were one patient.
PLACEHOLDERS = frozenset(
    {"anonymous", "anon", "anonymized", "anonymised", "unknown", "none", "null", "na", "n/a", "nil"}
    | {"0", "00", "000", "0000", "noname", "no_name", "xxx", "?", "-"}
)


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity, normalized, and where it stood. Trusted zone: ``value`` identifies.

    Attributes:
        source: which of them it is.
    """

    source: PatientSource
    value: str

    @property
    def unnamed(self) -> bool:
        """Whether it is a study or an object, of whoever that may be."""
        return self.value.startswith(("study\0", "object\0"))


def patient_identity(patient_id: str, issuer: str = "") -> str:
    """A patient id as pseudonyms are made from it: normalized, with its issuer if it has one."""
    stated = f"{patient_id}\\{issuer}" if issuer.strip("\0 ") else patient_id
    return normalized(stated)


def patient_pseudonym(key: SiteKey, patient_id: str, issuer: str = "") -> str:
    """The pseudonym that a patient id has in the lake; what an erasure looks for."""
    return key.pseudonym("patient", patient_identity(patient_id, issuer))


SEPARATORS = re.compile(r"[ .\-/_]+")
SEPARATED_NUMBER = re.compile(r"[\d .\-/_]+")


def loose_id(identity: str) -> str:
    """A patient's id as lists of patients may write it, too: without the issuer, without leading
    zeros, which spreadsheets take away, and without what stands between its letters and digits.

    Two patients may have the same one: nothing is permitted by it, much may be withheld.

    Args:
        identity: normalized.

    Returns:
        "" of whom no id is known.
    """
    return without_zeros(SEPARATORS.sub("", _bare(identity)))


def _bare(identity: str) -> str:
    return "" if "\0" in identity else identity.partition("\\")[0].strip()


def _former_id(identity: str) -> str:
    """The same as versions before it wrote it, which took separators out of numbers alone."""
    bare = _bare(identity)
    return without_zeros(SEPARATORS.sub("", bare) if SEPARATED_NUMBER.fullmatch(bare) else bare)


def known_id(who: Identity) -> str:
    """The same of an identity; patients of folders are known by the folder's own name."""
    return loose_id(_written(who))


def _written(who: Identity) -> str:
    if who.unnamed:
        return ""
    folder = who.source == PatientSource.FOLDER
    return who.value.rpartition("/")[2] if folder else who.value


def listed_mark(key: SiteKey, who: Identity) -> str:
    """A keyed hash of that; "" of whom no id is known."""
    return _mark(key, known_id(who))


def listed_marks(key: SiteKey, who: Identity) -> tuple[str, ...]:
    """All such hashes by which a lake may know somebody, today's first, at least one: what was
    said of a copy that is gone stays as the version of its day hashed it."""
    marks = (listed_mark(key, who), _mark(key, _former_id(_written(who))))
    return tuple(dict.fromkeys(marks))


def _mark(key: SiteKey, bare: str) -> str:
    return key.pseudonym("listed patient", bare) if bare else ""


def names_somebody(value: str) -> bool:
    """Whether an id is one, and none of the words that stand for nobody."""
    return _says_something(value)


def named_identity(name: str, birth_date: str) -> str:
    """Who has no patient id, but a name and a birth date, as a header writes both."""
    return f"name\0{normalized(name)}\0{normalized(birth_date)}"


def study_identity(study_uid: str) -> str:
    """Whoever a study is of, where nothing else says so."""
    return f"study\0{study_uid}"


def in_header(header: Any) -> Identity | None:
    """Whose scan a header says it is: PatientID with issuer, else name and birth date, else study.

    Frames of one study are of one patient, whatever else the header leaves out.
    """
    stated = read_text(header, PATIENT_ID)
    if _says_something(stated):
        return Identity(PatientSource.HEADER, patient_identity(stated, read_text(header, ISSUER)))
    name, born = read_text(header, PATIENT_NAME), read_text(header, BIRTH_DATE)
    if _says_something(name) and born:
        return Identity(PatientSource.HEADER, f"name\0{normalized(name)}\0{normalized(born)}")
    return None


def identity_of(header: Any, origin: Origin, site: SiteConfig) -> Identity:
    """Find whose scan an object is: the header, the adapter of the site's collection, the site's
    rule, the study, or the object alone.

    Args:
        header: pydicom Dataset, or None for a loose file.
    """
    rule, name = site.patient, origin.name.replace("!", "/")
    if header is not None and (found := in_header(header)):
        return found
    if rule.source == "auto" and (stated := origin.facts.get("patient", "")):
        return Identity(PatientSource.NAME, patient_identity(stated))
    if rule.source in ("auto", "sidecar") and (told := _in_sidecar(origin, site)):
        return Identity(PatientSource.SIDECAR, told)
    if rule.source == "name" and (told := _in_name(name, rule.pattern)):
        return Identity(PatientSource.NAME, told)
    if rule.source == "folder" and "/" in name:
        return Identity(PatientSource.FOLDER, normalized(name.rpartition("/")[0]))
    if header is not None and (study := read_text(header, STUDY_UID)):
        return Identity(PatientSource.HEADER, f"study\0{study}")
    return Identity(PatientSource.OBJECT, f"object\0{origin.upload}\0{origin.name}")


def _in_sidecar(origin: Origin, site: SiteConfig) -> str:
    for column in patient_columns(origin.sidecar, site.sidecar):
        if _says_something(value := origin.sidecar[column]):
            return patient_identity(value)
    return ""


def _in_name(name: str, pattern: str | None) -> str:
    match = re.search(pattern, name.rpartition("/")[2]) if pattern else None
    found = match[1] if match and match.re.groups else None
    return patient_identity(found) if found else ""


def _says_something(value: str) -> bool:
    bare = normalized(value).strip("^ .")
    return bool(bare) and bare not in PLACEHOLDERS
