"""The row that says what became of an object of which the lake holds no frames."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echoatlas.schemas.rows.objects import ObjectRow
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from echoatlas.schemas.rows.objects import SightingRow


def outcome_row(
    sighting: SightingRow,
    status: Status,
    *,
    reason: str = "",
    license_id: str = "",
    consent: str = "",
    fingerprint: str = "",
) -> ObjectRow:
    """What became of an object of which there are no frames.

    Args:
        reason: code, of what was rejected.
        license_id: of the site's data. consent: what tables say of it.
        fingerprint: of the steps and settings that decided it.
    """
    return ObjectRow(
        object_id=sighting.object_id,
        site=sighting.site,
        upload=sighting.upload,
        status=status.value,
        reason=reason,
        locator=sighting.locator,
        content_id=sighting.content_id,
        bytes=sighting.bytes,
        format="",
        codec="",
        frames=0,
        patient="",
        study="",
        series="",
        instance="",
        codestream="",
        maker="unknown",
        model="unknown",
        license=license_id,
        consent=consent,
        flags="",
        fingerprint=fingerprint,
    )


def erased_row(sighting: SightingRow) -> ObjectRow:
    """The same of an object that was erased: nothing that tells which bytes they were."""
    return outcome_row(replace(sighting, content_id="", bytes=0), Status.ERASED)
