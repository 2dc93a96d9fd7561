"""What an object became."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echoatlas.schemas.rows.frames import (
    AnnotationRow,
    DetailRow,
    FrameRow,
    MeasurementRow,
    MeasureRow,
)
from echoatlas.schemas.rows.labels import EvidenceRow, ReadingRow
from echoatlas.schemas.rows.objects import AuditRow, CopyRow
from echoatlas.schemas.values import Consent

if TYPE_CHECKING:
    from echoatlas.schemas.records import CleanHeader, Scan


Row = (
    CopyRow
    | FrameRow
    | DetailRow
    | MeasureRow
    | MeasurementRow
    | EvidenceRow
    | ReadingRow
    | AnnotationRow
    | AuditRow
)


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """What an object became: its rows, and what the ``objects`` table says of it."""

    rows: list[Row]
    scan: Scan
    header: CleanHeader
    frames: int
    flags: tuple[str, ...] = ()
    consent: str = Consent.UNSAID
