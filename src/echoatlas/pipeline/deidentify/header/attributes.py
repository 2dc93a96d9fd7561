"""From an object's header to what may be known of it: rebuilt by allow-list, checked, then read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.deidentify.header.checker import demand_clean
from echoatlas.pipeline.deidentify.header.patient import (
    INSTANCE_UID,
    SERIES_UID,
    STUDY_UID,
    identity_of,
)
from echoatlas.pipeline.deidentify.header.policy import BASIC_PROFILE, CLEAN_PIXELS, Policy
from echoatlas.pipeline.deidentify.header.rebuild import PATIENT_AGE, Rebuilt, rebuild
from echoatlas.pipeline.deidentify.header.rules import AGE, YEARS
from echoatlas.pipeline.deidentify.header.session import session_of
from echoatlas.pipeline.read.dicom.values import read_text
from echoatlas.pipeline.step import step
from echoatlas.schemas.records import CleanHeader
from echoatlas.taxonomy.devices import UNKNOWN

if TYPE_CHECKING:
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.records import Origin, Scan

__all__ = ["Policy", "clean"]

PATIENT_SEX, MANUFACTURER, MODEL = 0x00100040, 0x00080070, 0x00081090
DEFAULT = Policy()


@step("deidentify", version=10)
def clean(
    scan: Scan, origin: Origin, site: SiteConfig, key: SiteKey, config: Policy = DEFAULT
) -> CleanHeader:
    """Reduce what an object says of itself to what may leave.

    A DICOM header is rebuilt by allow-list, held against the standard's tables, and only then
    read. A loose file has no header: only its patient is known, by the site's rule.

    Args:
        key: of the site.

    Returns:
        Pseudonyms and closed vocabulary; ``patient`` always has a value: where nothing names the
        patient, the object stands alone.

    Raises:
        Reject: ``unknown_sop_class``, ``too_deep`` or ``not_clean``.
    """
    if scan.header is None:
        return of_loose(origin, site, key, config)
    known, rebuilt = of_header(scan.header, origin, site, key, config)
    demand_clean(scan.header, rebuilt.dataset, config)
    return known


def of_header(
    header: Any,
    origin: Origin,
    site: SiteConfig,
    key: SiteKey,
    config: Policy,
    *,
    pixels: bool = True,
) -> tuple[CleanHeader, Rebuilt]:
    """Rebuild a header and read the new one. Not yet held against the standard's tables.

    Args:
        pixels: the object's pixels are cleaned too, by the caller.
    """
    who = identity_of(header, origin, site)
    rebuilt = rebuild(header, config, key, who.value)
    new = rebuilt.dataset
    known = CleanHeader(
        patient=key.pseudonym("patient", who.value),
        study=_pseudonym(key, "study", header, STUDY_UID),
        series=_pseudonym(key, "series", header, SERIES_UID),
        instance=_pseudonym(key, "instance", header, INSTANCE_UID),
        patient_source=who.source,
        session=session_of(header, key, config.session_minutes) if who.unnamed else "",
        maker=read_text(new, MANUFACTURER) or UNKNOWN,
        model=read_text(new, MODEL) or UNKNOWN,
        age=_years(read_text(new, PATIENT_AGE)),
        sex=read_text(new, PATIENT_SEX),
        actions=rebuilt.actions,
        methods=tuple(sorted({*rebuilt.methods, *([CLEAN_PIXELS] if pixels else [])})),
        key_id=key.key_id,
        policy=config.digest,
    )
    return known, rebuilt


def of_loose(origin: Origin, site: SiteConfig, key: SiteKey, config: Policy) -> CleanHeader:
    """What may be known of a file without a header."""
    who = identity_of(None, origin, site)
    folder = origin.name.rpartition("/")[0]
    alone = f"{origin.upload}\0{origin.name}"
    return CleanHeader(
        patient=key.pseudonym("patient", who.value),
        study=key.pseudonym("study", f"{who.value}\0{origin.upload}\0{folder}"),
        series=key.pseudonym("series", alone),
        instance=key.pseudonym("instance", alone),
        patient_source=who.source,
        methods=(BASIC_PROFILE, CLEAN_PIXELS),
        key_id=key.key_id,
        policy=config.digest,
    )


def _pseudonym(key: SiteKey, kind: str, header: Any, tag: int) -> str:
    uid = read_text(header, tag)
    return key.pseudonym(kind, uid) if uid else ""


def _years(age: str) -> int | None:
    found = AGE.fullmatch(age)
    return int(int(found[1]) * YEARS[found[2]]) if found else None
