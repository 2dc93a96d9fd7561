"""The rows that say what became of an object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.lake.outcome import outcome_row
from echoatlas.schemas.fan import Verdict
from echoatlas.schemas.rows.frames import MeasurementRow
from echoatlas.schemas.rows.labels import EvidenceRow, ReadingRow
from echoatlas.schemas.rows.objects import AuditRow, ObjectRow, QuarantineRow
from echoatlas.schemas.values import AuditVerdict, Consent, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from echoatlas.pipeline.errors import Reject
    from echoatlas.pipeline.evidence import Measured
    from echoatlas.pipeline.objects.copies import Spoken
    from echoatlas.pipeline.objects.fingerprints import Fingerprints
    from echoatlas.pipeline.objects.result import ObjectResult
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.fan import Fan
    from echoatlas.schemas.records import CleanHeader, Hint, Redaction, Scan
    from echoatlas.schemas.rows.objects import SightingRow


def rejection_rows(
    sighting: SightingRow,
    site: SiteConfig,
    rejection: Reject,
    marks: Fingerprints,
    consent: str = Consent.UNSAID,
) -> list[object]:
    """The rows that say that an object is quarantined, and why.

    Args:
        consent: what tables say of it: other sites may have the same bytes, and keep them.
    """
    return [
        QuarantineRow(
            object_id=sighting.object_id,
            site=sighting.site,
            upload=sighting.upload,
            step=rejection.step,
            reason=rejection.reason.value,
            detail=rejection.detail,
            locator=sighting.locator,
            fingerprint=marks.frames,
        ),
        reading_row(sighting, marks),
        _unread(sighting, site, marks.frames, AuditVerdict.QUARANTINED, rejection.reason.value),
        outcome_row(
            sighting,
            Status.REJECTED,
            reason=rejection.reason.value,
            license_id=site.license,
            consent=consent,
            fingerprint=marks.frames,
        ),
    ]


def companion_rows(sighting: SightingRow, site: SiteConfig, marks: Fingerprints) -> list[object]:
    """The rows of an archive that holds only what speaks of pictures: masks, tables."""
    return [
        reading_row(sighting, marks),
        _unread(sighting, site, marks.frames, AuditVerdict.FILTERED, "companion"),
        outcome_row(sighting, Status.KEPT, license_id=site.license, fingerprint=marks.frames),
    ]


def reading_row(sighting: SightingRow, marks: Fingerprints) -> ReadingRow:
    """The row that says by which rules an object's evidence was read."""
    return ReadingRow(sighting.object_id, sighting.site, marks.evidence)


def evidence_rows(
    hints: Iterable[Hint], sighting: SightingRow, marks: Fingerprints
) -> list[EvidenceRow | ReadingRow]:
    """What an object's header, path and tables say, and by which rules they were read."""
    said = [
        EvidenceRow(
            sighting.object_id,
            sighting.site,
            h.axis,
            h.node,
            h.source,
            h.weight,
            h.rule,
            marks.evidence,
        )
        for h in hints
    ]
    return [*said, reading_row(sighting, marks)]


def measurement_rows(
    numbers: Iterable[Measured], sighting: SightingRow, header: CleanHeader, marks: Fingerprints
) -> list[MeasurementRow]:
    """The rows of what a structured report states about its study."""
    return [
        MeasurementRow(
            object_id=sighting.object_id,
            ordinal=ordinal,
            site=sighting.site,
            study=header.study,
            code=one.code,
            name=one.name,
            number=one.number,
            unit=one.unit,
            source="report",
            fingerprint=marks.frames,
        )
        for ordinal, one in enumerate(numbers)
    ]


def frame_columns(
    sighting: SightingRow,
    spoken: Spoken,
    site: SiteConfig,
    facts: Mapping[str, str],
    marks: Fingerprints,
) -> dict[str, Any]:
    """The columns of ``FrameRow`` that all frames of an object share."""
    header = spoken.header
    return {
        "object_id": sighting.object_id,
        "site": site.site,
        "patient": header.patient,
        "study": header.study,
        "series": header.series,
        "patient_source": header.patient_source,
        "session": header.session,
        "maker": header.maker,
        "model": header.model,
        "subject_type": facts.get("subject", site.labels.subject),
        "native_split": facts.get("split", ""),
        "age": header.age,
        "sex": header.sex,
        "license": site.license,
        "consent": spoken.consent.value,
        "fingerprint": marks.frames,
    }


def _unread(
    sighting: SightingRow, site: SiteConfig, mark: str, verdict: str, verdicts: str
) -> AuditRow:
    """The audit of an object of which nothing is released."""
    return AuditRow(
        object_id=sighting.object_id,
        site=sighting.site,
        verdict=verdict,
        policy="",
        key_id="",
        methods="",
        actions="{}",
        burned_in_annotation="",
        geometry="",
        outside_area=0.0,
        text_area=0.0,
        text_boxes=0,
        detector="",
        model="",
        verdicts=verdicts,
        maker="unknown",
        device="unknown",
        fingerprint=mark,
    )


def audit_row(
    sighting: SightingRow,
    scan: Scan,
    header: CleanHeader,
    mark: str,
    fans: tuple[Fan, ...] = (),
    redactions: tuple[Redaction, ...] = (),
) -> AuditRow:
    """What was done to an object; filtered if it is no picture, and only codes of it stay."""
    stated = str(getattr(scan.header, "BurnedInAnnotation", "") or "") if scan.header else ""
    verdicts = {code for cut in redactions for code in cut.verdicts}
    if any(fan.verdict is Verdict.REVIEW for fan in fans):
        verdicts.add("geometry_review")
    return AuditRow(
        object_id=sighting.object_id,
        site=sighting.site,
        verdict=AuditVerdict.RELEASED if redactions else AuditVerdict.FILTERED,
        policy=header.policy,
        key_id=header.key_id,
        methods=" ".join(header.methods),
        actions=json.dumps(dict(header.actions), sort_keys=True),
        burned_in_annotation=stated if stated in ("YES", "NO") else "",
        geometry=" ".join(sorted({fan.found_by for fan in fans})),
        outside_area=max((cut.outside_area for cut in redactions), default=0.0),
        text_area=max((cut.text_area for cut in redactions), default=0.0),
        text_boxes=sum(len(cut.text_boxes) for cut in redactions),
        detector=redactions[0].detector if redactions else "",
        model=redactions[0].model if redactions else "",
        verdicts=" ".join(sorted(verdicts)),
        maker=header.maker,
        device=header.model,
        fingerprint=mark,
    )


def kept_row(
    sighting: SightingRow, site: SiteConfig, key: SiteKey, traveled: ObjectResult, mark: str
) -> ObjectRow:
    """What became of an object of which frames were kept."""
    scan, header = traveled.scan, traveled.header
    return ObjectRow(
        object_id=sighting.object_id,
        site=sighting.site,
        upload=sighting.upload,
        status=Status.KEPT,
        reason="",
        locator=sighting.locator,
        content_id=sighting.content_id,
        bytes=sighting.bytes,
        format=scan.format,
        codec=scan.codec,
        frames=traveled.frames,
        patient=header.patient,
        study=header.study,
        series=header.series,
        instance=header.instance if scan.header is not None else "",
        codestream=key.pseudonym("codestream", scan.codestream) if scan.codestream else "",
        maker=header.maker,
        model=header.model,
        license=site.license,
        consent=traveled.consent,
        flags=" ".join(sorted({*scan.flags, *scan.damage.flags, *traveled.flags})),
        fingerprint=mark,
    )
