"""From an object's header to what may be known of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.identity import identify, text_of
from echoatlas.pipeline.deidentify.policy import Policy
from echoatlas.pipeline.step import step
from echoatlas.schemas.records import CleanHeader
from echoatlas.taxonomy.devices import device

if TYPE_CHECKING:
    from echoatlas.pipeline.vault import SiteKey
    from echoatlas.schemas.config import SiteConfig
    from echoatlas.schemas.records import Origin, Scan

__all__ = ["Policy", "clean"]

OLDEST = 90
AGE = re.compile(r"(\d{3})([DWMY])")


@step("deidentify", version=1)
def clean(
    scan: Scan,
    origin: Origin,
    site: SiteConfig,
    key: SiteKey,
    config: Policy,
    object_id: str = "",
) -> CleanHeader:
    """Say what may be known of an object: pseudonyms and closed vocabulary.

    Args:
        object_id: keyed id of the object's bytes, for objects of which no patient is known.
    """
    header = scan.header
    who = identify(header, origin, site, object_id)
    patient = key.pseudonym("patient", who.value)
    alone = f"{origin.upload}\x1f{origin.name}"
    folder = f"{who.value}\x1f{origin.name.rpartition('/')[0]}"
    ids = {
        "study": text_of(header, "StudyInstanceUID") if header is not None else "",
        "series": text_of(header, "SeriesInstanceUID") if header is not None else "",
        "instance": text_of(header, "SOPInstanceUID") if header is not None else "",
    }
    maker, model = (
        device(text_of(header, "Manufacturer"), text_of(header, "ManufacturerModelName"))
        if header is not None
        else ("unknown", "unknown")
    )
    sex = text_of(header, "PatientSex") if header is not None else ""
    return CleanHeader(
        patient=patient,
        study=key.pseudonym("study", ids["study"] or folder),
        series=key.pseudonym("series", ids["series"] or alone),
        instance=key.pseudonym("instance", ids["instance"] or alone),
        patient_source=who.source,
        maker=maker,
        model=model,
        age=_years(text_of(header, "PatientAge")) if header is not None else None,
        sex=sex if sex in ("F", "M", "O") else "",
        key_id=key.key_id,
        policy=config.digest(),
    )


def _years(age: str) -> int | None:
    match = AGE.fullmatch(age)
    if not match:
        return None
    number, unit = int(match[1]), match[2]
    return min(
        {"D": number // 365, "W": number // 52, "M": number // 12, "Y": number}[unit], OLDEST
    )
