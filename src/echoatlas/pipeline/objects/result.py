"""What an object became."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echoatlas.schemas.rows import (
    AnnotationRow,
    AuditRow,
    CopyRow,
    DetailRow,
    EvidenceRow,
    FrameRow,
    MeasurementRow,
    MeasureRow,
    ReadingRow,
)

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
