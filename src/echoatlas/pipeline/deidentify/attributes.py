"""What may be known of an object after de-identification: read by allow-list, nothing else.

The lake receives no header. It receives these few columns, each made by a rule of its own:
keyed pseudonyms (HMAC), closed vocabularies, and a capped age. An attribute that no rule here
reads cannot leave, whatever it is called and however deep it stands.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.settings import as_plain
from echoatlas.pipeline.step import step
from echoatlas.pipeline.vault import SiteKey, normalized
from echoatlas.schemas.records import CleanHeader, Origin, Scan
from echoatlas.taxonomy.devices import device

if TYPE_CHECKING:
    from echoatlas.schemas.config import SiteConfig

OLDEST = 90  # 45 CFR 164.514(b)(2)(i)(C): ages over 89 are one category
AGE = re.compile(r"(\d{3})([DWMY])")
YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
PATIENT_COLUMN = re.compile(r"patient.?(id)?|subject.?(id)?|case.?id|mrn", re.I)
BASIC_PROFILE = "113100"  # CID 7050, Basic Application Confidentiality Profile
CLEAN_PIXELS = "113101"  # CID 7050, Clean Pixel Data Option
DEVICE_IDENTITY = "113109"  # CID 7050, Retain Device Identity Option (maker and model only)
PATIENT_CHARACTERISTICS = "113108"  # CID 7050, Retain Patient Characteristics Option


@dataclass(frozen=True, slots=True)
class Policy:
    """What a deployment lets leave besides pseudonyms.

    Attributes:
        characteristics: age in years, capped at 90, and sex.
        device: maker and model, of the closed vocabulary; never serial numbers or names.
    """

    characteristics: bool = True
    device: bool = True

    @property
    def digest(self) -> str:
        """Names the policy in the audit."""
        return hashlib.sha256(repr(sorted(as_plain(self).items())).encode()).hexdigest()[:16]

    def sentences(self) -> list[str]:
        """What will be done, in words."""
        kept = {
            "age (capped at 90) and sex": self.characteristics,
            "maker and model of the device, where a public vocabulary lists them": self.device,
        }
        return [
            "Patient, study, series and instance become keyed pseudonyms (HMAC-SHA-256), one key "
            "a site.",
            "No date, name, number, description, private or nested attribute leaves.",
            *(f"{'Keep' if yes else 'Drop'} {what}." for what, yes in kept.items()),
            "Text that carries labels is turned into codes before it is dropped.",
            "Everything outside the scanned area is blacked out, and text inside it; what is "
            "written is looked at again.",
            "No scanned area found, no dynamic range, or residual text: quarantined.",
        ]


@step("deidentify", version=1)
def clean(
    scan: Scan, origin: Origin, site: SiteConfig, key: SiteKey, config: Policy = Policy()
) -> CleanHeader:
    """Reduce what an object says of itself to what may leave.

    Args:
        key: of the site.

    Returns:
        Pseudonyms and closed vocabulary; ``patient`` always has a value: where nothing names the
        patient, the object stands alone.
    """
    header = scan.header
    patient, source = _patient(header, origin, site)
    maker, model = ("unknown", "unknown")
    if config.device:
        maker, model = device(_text(header, "Manufacturer"), _text(header, "ManufacturerModelName"))
    methods = [BASIC_PROFILE, CLEAN_PIXELS]
    methods += [PATIENT_CHARACTERISTICS] if config.characteristics else []
    methods += [DEVICE_IDENTITY] if config.device else []
    return CleanHeader(
        patient=key.pseudonym("patient", patient),
        study=_pseudonym(key, "study", header, "StudyInstanceUID"),
        series=_pseudonym(key, "series", header, "SeriesInstanceUID"),
        instance=_pseudonym(key, "instance", header, "SOPInstanceUID"),
        patient_source=source,
        maker=maker,
        model=model,
        age=_age(header) if config.characteristics else None,
        sex=_sex(header) if config.characteristics else "",
        actions=_actions(header),
        methods=tuple(methods),
        key_id=key.key_id,
        policy=config.digest,
    )


def _patient(header: Any, origin: Origin, site: SiteConfig) -> tuple[str, str]:
    """Whatever names the patient, and where it stood. Trusted zone."""
    rule = site.patient
    stated = _text(header, "PatientID")
    if rule.source in ("auto", "sidecar") and not (rule.source == "auto" and stated):
        for column, value in sorted(origin.sidecar.items()):
            means = site.sidecar.columns.get(column)
            if value and (means == "patient" or (not means and PATIENT_COLUMN.fullmatch(column))):
                return normalized(value), "sidecar"
    if rule.source == "auto" and stated:
        issuer = _text(header, "IssuerOfPatientID")
        return normalized(f"{stated}\\{issuer}" if issuer else stated), "header"
    name = origin.name.replace("!", "/")
    if rule.source == "name" and rule.pattern:
        found = re.search(rule.pattern, name.rpartition("/")[2])
        if found and found.groups() and found[1]:
            return normalized(found[1]), "name"
    if rule.source == "folder" and "/" in name:
        return normalized(name.rpartition("/")[0]), "folder"
    return f"object\0{origin.upload}\0{origin.name}", "object"


def _pseudonym(key: SiteKey, kind: str, header: Any, attribute: str) -> str:
    uid = _text(header, attribute)
    return key.pseudonym(kind, uid) if uid else ""


def _text(header: Any, attribute: str) -> str:
    value = header.get(attribute) if header is not None else None
    return str(value).strip("\0 ") if value else ""


def _age(header: Any) -> int | None:
    found = AGE.fullmatch(_text(header, "PatientAge"))
    return min(int(int(found[1]) * YEARS[found[2]]), OLDEST) if found else None


def _sex(header: Any) -> str:
    stated = _text(header, "PatientSex").upper()
    return stated if stated in ("F", "M", "O") else ""


def _actions(header: Any) -> dict[str, int]:
    """PS3.15 action codes to number of top-level attributes: Z replaced, X removed."""
    if header is None:
        return {}
    replaced = {"PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"}
    return dict(Counter("U" if e.keyword in replaced else "X" for e in header))
