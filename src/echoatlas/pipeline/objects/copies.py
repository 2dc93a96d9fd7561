"""The same bytes, known in several places: what any copy says of an object holds for it.

One copy is in a table and the other is not; one lies in a patient's folder, the other in a zip
that was sent before. Whoever comes first knows no better. So all are heard: the object is of the
patient whom the strictest of them names, and what each says is kept in the table ``copies``, so
that a split keeps together whomever any copy names, also a copy at another site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.deidentify.header.attributes import clean, of_loose
from echoatlas.pipeline.deidentify.header.patient import identity_of, in_header, listed_mark
from echoatlas.pipeline.read.consent import header_consent, row_consent, strictest
from echoatlas.schemas.rows.objects import CopyRow
from echoatlas.schemas.values import Consent, Flag, PatientSource

if TYPE_CHECKING:
    from echoatlas.pipeline.deidentify.header.attributes import Policy
    from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.records import CleanHeader, Origin, Scan

# Who is to be believed first. Without a patient a header names a study, which is known of all
# copies alike and says least.
BY_STUDY = "study"
STRENGTH = (
    PatientSource.HEADER,
    PatientSource.SIDECAR,
    PatientSource.NAME,
    PatientSource.FOLDER,
    BY_STUDY,
    PatientSource.OBJECT,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom a copy names, under the site's key, and what it says of consent."""

    patient: str
    study: str
    source: str
    strength: int
    consent: str = Consent.UNSAID
    known_as: str = ""

    @property
    def order(self) -> tuple[int, str]:
        """The strictest first; of equals the same one whatever came first."""
        return self.strength, self.patient


def strength(source: str, header: Any) -> int:
    """How far a source of patients is to be believed; less is more."""
    by_study = source == PatientSource.HEADER and (header is None or in_header(header) is None)
    return STRENGTH.index(BY_STUDY if by_study else source)


def claim_of(header: Any, origin: Origin, site: SiteConfig, key: SiteKey, policy: Policy) -> Claim:
    """Whom a copy names.

    Args:
        header: pydicom Dataset, or None for a loose file.
    """
    who = identity_of(header, origin, site)
    study = of_loose(origin, site, key, policy).study if header is None else ""
    patient = key.pseudonym("patient", who.value)
    return Claim(
        patient,
        study,
        who.source,
        strength(who.source, header),
        consent_of(header, origin, site),
        listed_mark(key, who),
    )


def consent_of(header: Any, origin: Origin, site: SiteConfig) -> Consent:
    """What header and tables say of consent: the strictest."""
    return strictest((header_consent(header), row_consent(origin.sidecar, site.sidecar)))


def recalled(row: CopyRow, header: Any) -> Claim:
    """Whom a copy named that is there no more."""
    known = strength(row.patient_source, header)
    return Claim(row.patient, row.study, row.patient_source, known, row.consent, row.known_as)


def best(
    header: Any, origins: Sequence[Origin], site: SiteConfig, key: SiteKey, policy: Policy
) -> Origin:
    """The origin by which an object's patient is known."""
    if len(origins) == 1:
        return origins[0]
    return min(origins, key=lambda one: claim_of(header, one, site, key, policy).order)


def differ(claims: Sequence[Claim]) -> bool:
    """Whether copies name several patients; who names nobody contradicts nobody."""
    weak = STRENGTH.index(BY_STUDY)
    return len({claim.patient for claim in claims if claim.strength < weak}) > 1


@dataclass(frozen=True, slots=True)
class Spoken:
    """Whom an object shows, as all its copies say; what each says; oddities of that; and the
    strictest that any of them says of consent."""

    header: CleanHeader
    rows: list[CopyRow]
    flags: tuple[str, ...]
    consent: Consent


def spoken_of(scan: Scan, task: ObjectTask, context: SiteContext) -> Spoken:
    """Clean an object's header by the strictest of what its copies say.

    Raises:
        Reject: by ``clean``.
    """
    raw, said, sighting = scan.header, task.statements, task.sighting
    site, key, policy = context.site, context.key, context.config.deidentify
    mark = context.marks(task).frames
    origin = best(raw, [one.origin for one in said], site, key, policy)
    header = clean(scan, origin, site, key, policy)
    claims = [(one.locator, claim_of(raw, one.origin, site, key, policy)) for one in said]
    claims += [(row.locator, recalled(row, raw)) for row in task.gone]
    told = min((claim for _, claim in claims), key=lambda claim: claim.order)
    if told.patient != header.patient:
        study = told.study or header.study
        header = replace(header, patient=told.patient, study=study, patient_source=told.source)
        if told.strength < STRENGTH.index(BY_STUDY):
            header = replace(header, session="")
    flags = [Flag.PATIENTS_DIFFER] if differ([claim for _, claim in claims]) else []
    if any(one.listed is False for one in said) and not any(one.listed for one in said):
        flags.append(Flag.UNLISTED)
    rows = [
        CopyRow(
            locator=locator,
            object_id=sighting.object_id,
            content_id=sighting.content_id,
            site=sighting.site,
            patient=claim.patient,
            known_as=claim.known_as,
            study=claim.study or header.study,  # which all copies with a header share
            patient_source=claim.source,
            license=site.license,
            consent=claim.consent,
            fingerprint=mark,
        )
        for locator, claim in claims
    ]
    return Spoken(header, rows, tuple(flags), strictest(claim.consent for _, claim in claims))
