"""Rows of what came in, and of what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from echoatlas.schemas.columns import Column, Fingerprint, ObjectId, Site, Upload
from echoatlas.schemas.values import AuditVerdict, Consent, PatientSource, Status


@dataclass(frozen=True, slots=True)
class SightingRow:
    """A file or archive member seen in a site's bucket, whatever became of it."""

    locator: Annotated[
        str,
        Column("Keyed hash of the file's place and version, and of the member's.", subject=True),
    ]
    object_id: ObjectId
    content_id: Annotated[
        str,
        Column("Keyed id of the bytes alone: equal for equal bytes of two sites.", subject=True),
    ]
    site: Site
    upload: Upload
    container: Annotated[str, Column("Locator of the archive it lies in, or empty.", subject=True)]
    member: Annotated[int, Column("Position in the archive's listing; -1 outside archives.")]
    ordinal: Annotated[int, Column("Order of sighting within the site, from 0.")]
    bytes: Annotated[int, Column("Size of the object.", "bytes")]


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """What became of an object: one row for each sighting that was worked on."""

    object_id: ObjectId
    site: Site
    upload: Upload
    status: Annotated[str, Column("{}.", values=[*Status])]
    reason: Annotated[str, Column("Reason code when rejected, else empty.")]
    locator: Annotated[str, Column("The sighting this row is about.", subject=True)]
    content_id: Annotated[str, Column("Keyed id of the bytes alone.", subject=True)]
    bytes: Annotated[int, Column("Size of the object.", "bytes")]
    format: Annotated[str, Column("Format told by content: dicom, png, mp4, ...; empty if none.")]
    codec: Annotated[str, Column("Transfer syntax UID or codec name.")]
    frames: Annotated[int, Column("Frames that were kept.", "frames")]
    patient: Annotated[str, Column("Keyed pseudonym of the patient.", subject=True)]
    study: Annotated[str, Column("Keyed pseudonym of the study.", subject=True)]
    series: Annotated[str, Column("Keyed pseudonym of the series.", subject=True)]
    instance: Annotated[
        str,
        Column("Keyed pseudonym of the SOP instance; empty if the file names none.", subject=True),
    ]
    codestream: Annotated[
        str,
        Column(
            "Keyed id of the coded pictures alone: equal in whatever container they lie; empty if "
            "there is no codec, or one of no other container.",
            subject=True,
        ),
    ]
    maker: Annotated[str, Column("Maker of the device, of a closed vocabulary.")]
    model: Annotated[str, Column("Model of the device, of a closed vocabulary.")]
    license: Annotated[str, Column("License of the site's data.")]
    consent: Annotated[
        str, Column("{}: the strictest of what its copies say.", values=[*reversed(Consent)])
    ]
    flags: Annotated[str, Column("Codes of oddities, separated by blanks.")]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class CopyRow:
    """Whom one copy of a kept object names: a row for each sighting of its bytes."""

    locator: Annotated[str, Column("The sighting this row is about.", subject=True)]
    object_id: ObjectId
    content_id: Annotated[
        str,
        Column("Keyed id of the bytes alone: equal for equal bytes of two sites.", subject=True),
    ]
    site: Site
    patient: Annotated[
        str, Column("Keyed pseudonym of the patient whom this copy names.", subject=True)
    ]
    study: Annotated[str, Column("Keyed pseudonym of the study.", subject=True)]
    known_as: Annotated[
        str,
        Column(
            "Keyed hash of the patient's id without issuer, leading zeros and separators, by which "
            "lists of patients are matched; empty if it has none.",
            subject=True,
        ),
    ]
    patient_source: Annotated[str, Column("{}, which is unknown.", values=[*PatientSource])]
    license: Annotated[str, Column("License of the site's data.")]
    consent: Annotated[
        str, Column("{}, as header and tables say of this copy.", values=[*reversed(Consent)])
    ]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """What a site's table says of a patient's consent, whatever files it names, if any; or, of no
    patient, that there is a list which can't be heeded, so that the site's pictures wait."""

    told_by: Annotated[str, Column("Keyed hash of the table's place.", subject=True)]
    site: Site
    patient: Annotated[
        str,
        Column(
            "Keyed pseudonym of the id as it is written there, or of a scan that names nobody and "
            "lies under a name that holds the id; empty where nobody is named.",
            subject=True,
        ),
    ]
    known_as: Annotated[
        str,
        Column(
            "Keyed hash of the id without issuer, leading zeros and separators; of a scan that "
            "names nobody its pseudonym again.",
            subject=True,
        ),
    ]
    consent: Annotated[str, Column("{}.", values=[one for one in reversed(Consent) if one])]


@dataclass(frozen=True, slots=True)
class StatedRow:
    """A number that a table states about a study."""

    told_by: Annotated[
        str, Column("Keyed hash of the table, and of all that it was read by.", subject=True)
    ]
    ordinal: Annotated[int, Column("Place among what is kept of the table, from 0.")]
    site: Site
    study: Annotated[str, Column("Keyed pseudonym of the study.", subject=True)]
    code: Annotated[str, Column("What was measured: whose name for it, and the name.")]
    name: Annotated[str, Column("The name, of those that are listed.")]
    number: Annotated[float, Column("The value, to four significant figures.", subject=True)]
    unit: Annotated[str, Column("Its unit, UCUM.")]


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A rejected object and why."""

    object_id: ObjectId
    site: Site
    upload: Upload
    step: Annotated[str, Column("The step that rejected it.")]
    reason: Annotated[str, Column("Reason code of the closed list.")]
    detail: Annotated[str, Column("A sentence without any value of the object.")]
    locator: Annotated[str, Column("The sighting it is about.", subject=True)]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class AuditRow:
    """What de-identification did to an object: codes, counts and hashes, no values."""

    object_id: ObjectId
    site: Site
    verdict: Annotated[str, Column("{}.", values=[*AuditVerdict])]
    policy: Annotated[str, Column("Hash of the policy.")]
    key_id: Annotated[str, Column("Public id of the key.")]
    methods: Annotated[str, Column("CID 7050 codes of what was done, separated by blanks.")]
    actions: Annotated[str, Column("Attributes by PS3.15 action, as JSON: code to count.")]
    burned_in_annotation: Annotated[str, Column("YES, NO or empty, as stated; never trusted.")]
    geometry: Annotated[str, Column("How the fan was found, a code.")]
    outside_area: Annotated[float, Column("Share of the picture blacked out outside the fan.")]
    text_area: Annotated[float, Column("Share of the fan blacked out as text.")]
    text_boxes: Annotated[int, Column("Boxes of text blacked out inside the fan.")]
    detector: Annotated[str, Column("Detectors and versions.")]
    model: Annotated[str, Column("Hashes of the weights of the networks that looked.")]
    verdicts: Annotated[str, Column("Codes of the checks made, separated by blanks.")]
    maker: Annotated[str, Column("Maker of the device, of a closed vocabulary.")]
    device: Annotated[str, Column("Model of the device, of a closed vocabulary.")]
    fingerprint: Fingerprint
